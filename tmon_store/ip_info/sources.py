"""Where addresses come from: every column of that type in the database, and how far each table has been searched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from tmon_common.analyses.catalogue import catalogue
from tmon_common.observations import FLOW_DEFINITION, Type
from tmon_store import tables
from tmon_store.ip_info.schema import IP_INFO
from tmon_store.schema import is_counted, record_table

LATE_ROWS = timedelta(days=2)
"""Rows that are older than the newest of their table by more, when they come, are searched by a full update only."""
LATE_FLOWS = 1_000_000
"""Among so many of the newest flows, those whose description has not arrived are looked at again."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the database's times are naive UTC

_ADDRESS = tables.sql(IP_INFO).c.address


@dataclass(frozen=True)
class Source:
    """A table with columns of addresses. progress: the column that grows, "" if there is none: the table is small."""

    name: str
    table: sa.Table
    columns: tuple[str, ...]
    progress: str

    def newest(self) -> sa.Select:
        """How far the table goes: one value, or none."""
        return sa.select(sa.func.max(self.table.c[self.progress]))

    def unknown(self, column: str, mark: int | None, limit: int) -> sa.Select:
        """Addresses of a column that ip_info lacks, at most `limit`; mark: how far the table was searched, None: not at all."""
        value = self.table.c[column]
        query = sa.select(value).distinct().where(value.is_not(None), ~sa.exists().where(value == _ADDRESS))
        if mark is not None and self.progress:
            grows = self.table.c[self.progress]
            query = query.where(grows > mark if self.is_flow else grows >= _EPOCH + timedelta(seconds=mark) - LATE_ROWS)
        return query.limit(limit)

    @property
    def is_flow(self) -> bool:
        return self.table is tables.flow

    def mark_of(self, newest: int | datetime, undescribed: int | None) -> int:
        """What to remember. undescribed: the smallest flow_key, of those looked at again, that has no description yet."""
        if isinstance(newest, datetime):
            return (newest - _EPOCH) // timedelta(seconds=1)
        return newest if undescribed is None else min(newest, undescribed - 1)


def sources() -> list[Source]:
    """All of them. Of counters the days are searched: they have all addresses in the fewest rows."""
    flow = tables.flow
    found = [Source("flow", flow, tuple(c.name for c in FLOW_DEFINITION.expanded if c.type is Type.ADDRESS), "flow_key")]
    for kind in catalogue().kinds.values():
        columns = tuple(c.name for c in kind.expanded if c.type is Type.ADDRESS)
        if not columns or kind.transient or kind is FLOW_DEFINITION:
            continue
        if is_counted(kind):
            found.append(Source(kind.name, tables.rollup(kind.name, "1day"), columns, "start"))
        else:
            found.append(Source(kind.name, tables.record(kind.name), columns, record_table(kind).time))
    return found


def first_undescribed(newest: int) -> sa.Select:
    """The smallest flow_key without a description among the LATE_FLOWS newest."""
    flow = tables.flow.c
    return sa.select(sa.func.min(flow.flow_key)).where(flow.flow_key > newest - LATE_FLOWS, flow.flow_class.is_(None))


def tables_present(database: str) -> sa.Select:
    """Names of the tables and views that are there. database: its name on a server."""
    names = sa.table("tables", sa.column("table_name"), sa.column("table_schema"), schema="information_schema")
    return sa.select(names.c.table_name).where(names.c.table_schema.in_(["main", database]))
