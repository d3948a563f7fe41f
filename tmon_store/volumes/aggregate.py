"""Volumes of days: each day as a whole, in one transaction, however often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_common.observations import FTP_TRANSFER, IP_COUNTERS, NETFLOW
from tmon_store import protocol_port, tables
from tmon_store.errors import StoreError
from tmon_store.ip_info.schema import IP_INFO
from tmon_store.schema import flow_table, record_table, rollups
from tmon_store.volumes import first_level, ftp
from tmon_store.volumes.expressions import Scope, word
from tmon_store.volumes.schema import PROBE, TABLES, VOLUME_1H, VOLUMES

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

DAYS_BACK = 7
"""How many days before yesterday are looked at for files that came late."""
MAX_DAYS = 3660
"""Days that one run sums up."""


class CountersGoneError(StoreError):
    """Old counters of the day have been purged: what volumes it has can not be made anew, and stay."""


@dataclass(frozen=True)
class DayVolumes:
    """What was made of a day. rows: of volume_1h; ftp_flows: that carried data of FTP; octets, packets: of all classes."""

    day: date
    source: str
    rows: int
    ftp_flows: int
    octets: int
    packets: int

    def __str__(self) -> str:
        what = f"{self.day} ({self.source}): {self.rows} rows, {self.packets} packets, {self.octets} octets"
        return what + (f", {self.ftp_flows} flows of FTP data" if self.ftp_flows else "")


def midnight(day: date) -> datetime:
    """As the database has it: UTC, without a zone."""
    return datetime.combine(day, time())


def yesterday(now_ns: int) -> date:
    """The last whole day (UTC)."""
    return (datetime.fromtimestamp(now_ns // 10**9, UTC) - timedelta(days=1)).date()


def ensure(store: Backend) -> None:
    """The tables of volumes are there, and those that they are made from. Not within a transaction."""
    counted = [level for kind in (IP_COUNTERS, NETFLOW) for level in rollups(kind)]
    store.ensure([flow_table(), record_table(FTP_TRANSFER), IP_INFO, *TABLES], counted)
    protocol_port.fill(store)


def sum_up(store: Backend, day: date, source: str, classes: Sequence[str] = ()) -> DayVolumes:
    """Replace the volumes of a day from one source by what its counters, flows and places give now. classes: empty: all.

    After `ensure`. A StoreError leaves the day as it was: CountersGoneError if counters of it have been purged.
    """
    begin, end = midnight(day), midnight(day + timedelta(days=1))
    if not _has_counters(store, day, source):
        return DayVolumes(day, source, 0, 0, 0, 0)  # and no room is made for it: a server's table has a bounded number of days
    store.prepare({table: [day] for table in TABLES})
    store.begin()
    try:
        ftp_flows = [store.execute(s) for s in ftp.statements(Scope.of(begin, end, ""))][-1]
        for statement in first_level.removals(source, Scope.of(begin, end, "")):
            store.execute(statement)
        for flow_class in (classes if source == PROBE and classes else ("",)):
            for statement in first_level.statements(source, Scope.of(begin, end, flow_class)):
                store.execute(statement)
        rows, octets, packets = store.query(_totals(begin, end, source))[0]
        store.commit()
    except BaseException:
        with suppress(StoreError):
            store.rollback()
        raise
    return DayVolumes(day, source, rows, ftp_flows, octets or 0, packets or 0)


def _has_counters(store: Backend, day: date, source: str) -> bool:
    """Whether there is anything to sum up. CountersGoneError if there was more: retention takes whole days of a table."""
    begin, end = midnight(day), midnight(day + timedelta(days=1))

    def any_of(start: sa.ColumnElement, *more: sa.ColumnElement) -> bool:
        return bool(store.query(sa.select(start).where(start >= begin, start < end, *more).limit(1)))

    counted = [any_of(first_level.counted(source, g).subquery("c").c.start) for g in VOLUMES]
    kept = [any_of(c.start, c.source == word(source)) for c in (tables.sql(t).c for t in VOLUMES.values())]
    if any(counted) != all(counted) or (any(kept) and not any(counted)):
        msg = f"{day} ({source}): its counters are not in the database any more, so its volumes stay as they are"
        raise CountersGoneError(msg)
    return all(counted)


def outdated(store: Backend, since: date, until: date, source: str, classes: Sequence[str] = ()) -> list[date]:
    """Days from `since` up to before `until` whose volumes are not those of their counters: never summed up, or files came late; or
    that lie within an FTP transfer of which only later was known. Not those of which no counters are left."""
    begin, end = midnight(since), midnight(until)
    counted, kept = (_by_day(store.query(s)) for s in (_counted_sums(begin, end, source, classes), _kept_sums(begin, end, source)))
    transfers = _days_of_long_transfers(store, since, until)
    return sorted(d.date() for d, sums in counted.items() if sums != kept.get(d) or d.date() in transfers)


def _totals(begin: datetime, end: datetime, source: str) -> sa.Select:
    c = tables.sql(VOLUME_1H).c
    return sa.select(sa.func.count(), sa.func.sum(c.octets_out + c.octets_in), sa.func.sum(c.packets_out + c.packets_in)).where(
        c.start >= begin, c.start < end, c.source == word(source))


def _counted_sums(begin: datetime, end: datetime, source: str, classes: Iterable[str]) -> sa.Select:
    c, f = first_level.counted(source, "1day").subquery("c").c, tables.flow.c
    asked = sa.select(c.start, f.flow_class, sa.func.sum(c.octets + c.octets_rev), sa.func.sum(c.packets + c.packets_rev)).where(
        f.flow_key == c.flow_key, c.start >= begin, c.start < end, f.flow_class.is_not(None)).group_by(c.start, f.flow_class)
    names = list(classes)
    return asked.where(f.flow_class.in_(names)) if source == PROBE and names else asked


def _kept_sums(begin: datetime, end: datetime, source: str) -> sa.Select:
    c = tables.sql(VOLUMES["1day"]).c
    octets, packets = sa.func.sum(c.octets_out + c.octets_in), sa.func.sum(c.packets_out + c.packets_in)
    return sa.select(c.start, c.flow_class, octets, packets).where(
        c.start >= begin, c.start < end, c.source == word(source)).group_by(c.start, c.flow_class)


def _by_day(rows: list[tuple]) -> dict[datetime, dict[str, tuple]]:
    found: dict[datetime, dict[str, tuple]] = {}
    for start, flow_class, *sums in rows:
        found.setdefault(start, {})[flow_class] = tuple(sums)
    return found


def _days_of_long_transfers(store: Backend, since: date, until: date) -> set[date]:
    """Of transfers that ended on the last day and began on one before: their rows came when those had been summed up."""
    t = tables.record("ftp_transfer").c
    last = until - timedelta(days=1)
    (first,), = store.query(sa.select(sa.func.min(t.start)).where(
        t.end >= midnight(last), t.start < midnight(last), t.start >= midnight(since)))
    return set() if first is None else {first.date() + timedelta(days=n) for n in range((last - first.date()).days)}
