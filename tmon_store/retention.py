"""How long each table keeps its rows, after the rules of the configuration. No clocks, no database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from tmon_common.config.store_model import Retention
from tmon_common.observations import Kind
from tmon_store.bounds import MAX_AHEAD_NS
from tmon_store.schema import GRANULARITIES, Rollup, Table, has_flow, is_counted, record_table, rollups
from tmon_store.volumes.schema import FTP_DATA_FLOW, VOLUMES

RECORD = "record"
"""Granularity of rows that stand for themselves."""
VOLUME = "volume"
"""Kind of what is summed up by activity and location, which no probe observes."""
_MONTHS = Table("", (), span="month")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the database's times are naive UTC


class Ageing(NamedTuple):
    """A table whose rows go when they are old. flow_keys: its columns that refer to flows."""

    kind: str
    granularity: str
    what: Rollup | Table
    flow_keys: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.what.name


def ageing(kinds: Iterable[Kind]) -> Iterator[Ageing]:
    """All tables with a time."""
    for kind in kinds:
        keys = ("flow_key",) if has_flow(kind) else ()
        if kind.transient:
            continue
        if is_counted(kind):
            for granularity, level in zip(GRANULARITIES, rollups(kind), strict=True):
                yield Ageing(kind.name, granularity, level, keys)
        elif (table := record_table(kind)).time:
            yield Ageing(kind.name, RECORD, table, keys)
    for granularity, table in VOLUMES.items():
        yield Ageing(VOLUME, granularity, table)
    yield Ageing(VOLUME, "1h", FTP_DATA_FLOW, ("flow_key", "session_flow_key"))


def keep_ns(rules: Sequence[Retention], kind: str, granularity: str) -> int | None:
    """How long rows stay: after the most specific rule (kind and granularity, kind, granularity, neither), of equal ones the first.

    None: for ever.
    """
    fitting = [r for r in rules if r.kind in ("", kind) and r.granularity in ("", granularity)]
    return max(fitting, key=lambda r: (bool(r.kind), bool(r.granularity))).keep_ns if fitting else None


def referring(tables: Iterable[Ageing], kept: Mapping[str, int | None]) -> list[Ageing]:
    """Tables that together refer to every flow that any of them refers to. kept: how long each (by name) keeps its rows, ns.

    A flow of a minute is in the row of its day, too, unless days are kept for a shorter time.
    """
    needed: list[Ageing] = []
    for table in tables:
        if needed and needed[-1].kind == table.kind and table.granularity in GRANULARITIES and table.kind != VOLUME:
            finer, coarser = kept[needed[-1].name], kept[table.name]
            if coarser is None or (finer is not None and finer <= coarser):
                needed.pop()
        if table.flow_keys:
            needed.append(table)
    return needed


def last_kept(tables: Iterable[Ageing], kinds: Iterable[Kind], kept: Mapping[str, int | None]) -> dict[str, int]:
    """Kinds of which nothing is left some day, and after how long, ns. Definitions go with the last of all others."""
    by_kind: dict[str, list[int | None]] = {}
    for table in tables:
        if table.kind != VOLUME:
            by_kind.setdefault(table.kind, []).append(kept[table.name])
    last = {kind: max(all_kept) for kind, all_kept in by_kind.items() if None not in all_kept}
    if len(last) == len(by_kind):
        last |= {kind.name: max(last.values()) for kind in kinds if kind.name not in by_kind}
    return last


def limit(table: Table, keep: int, now_ns: int) -> datetime:
    """Rows before it go (UTC): midnight, of the first day of a month where months lie together."""
    try:
        moment = _EPOCH + timedelta(microseconds=max(0, now_ns - keep) // 1000)
    except OverflowError:
        return _EPOCH
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.replace(day=1) if table.span == "month" else midnight


def limit_of_files(keep: int, now_ns: int) -> datetime:
    """No row is left of files that were loaded before it (UTC): months go as a whole, and rows may be ahead of their loading."""
    return limit(_MONTHS, keep, now_ns) - timedelta(microseconds=MAX_AHEAD_NS // 1000)


def table_of(what: Rollup | Table) -> Table:
    """Of a rollup: one of its tables, which all age alike."""
    return what.merged if isinstance(what, Rollup) else what
