"""What the database keeps about things of which it has no rows any more: flows, definitions, loaded files, addresses.

Each step deletes a bounded number of rows; the next run goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_common.observations import FLOW_DEFINITION, Kind
from tmon_store import tables
from tmon_store.ip_info.schema import IP_INFO
from tmon_store.ip_info.sources import sources
from tmon_store.present import table_names
from tmon_store.retention import Ageing, table_of
from tmon_store.schema import has_flow, manifest_table, record_table
from tmon_store.volumes.schema import VOLUMES

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

REST = timedelta(days=7)
"""What is younger stays: its rows may be under way, and a flow that is quiet may go on."""
MAX_ROWS = 1_000_000
"""Of each sort that one run removes."""
_AT_ONCE = 1000
"""Rows that one statement names."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the database's times are naive UTC


def remove_flows(store: Backend, referring: Iterable[Ageing], now: datetime) -> int:
    """Flows that no row of these tables refers to. The newest flow stays: its number is never given again."""
    flow, there = tables.flow.c, table_names(store)
    columns = [tables.sql(table_of(a.what), a.name).c[key] for a in referring if a.name in there for key in a.flow_keys]
    old = sa.or_(flow.first_seen < now - REST, sa.and_(flow.first_seen.is_(None), flow.run < _ms(now - REST)))
    unused = (sa.select(flow.flow_key).where(old, flow.flow_key < sa.select(sa.func.max(flow.flow_key)).scalar_subquery(),
                                             *(flow.flow_key.not_in(_all(column)) for column in columns)).limit(MAX_ROWS))
    return _delete(store, tables.flow, flow.flow_key, [key for key, in store.query(unused)])


def remove_definitions(store: Backend, kinds: Iterable[Kind], now: datetime) -> int:
    """Definitions of runs of probes of which no flow is left."""
    gone, there = 0, table_names(store)
    for kind in kinds:
        if kind.transient or not kind.permanent or kind is FLOW_DEFINITION or has_flow(kind) or kind.name not in there:
            continue
        table = tables.sql(record_table(kind))
        flow = tables.flow.alias("f")
        known = sa.exists().where(flow.c.probe == table.c.probe, flow.c.run == table.c.run)
        gone += store.execute(sa.delete(table).where(table.c.run < _ms(now - REST), ~known))
    return gone


def remove_loaded_files(store: Backend, kind: str, before: datetime, spooled: Collection[str]) -> int:
    """Files of a kind that were loaded before a time, and are not in a spool any more (there, they would be loaded again)."""
    manifest = tables.sql(manifest_table())
    question = sa.select(manifest.c.name).where(manifest.c.kind == kind, manifest.c.loaded < before).limit(MAX_ROWS)
    return _delete(store, manifest, manifest.c.name, [name for name, in store.query(question) if name not in spooled])


def remove_addresses(store: Backend, now: datetime) -> int:
    """Addresses that no row has any more."""
    there = table_names(store)
    if IP_INFO.name not in there:
        return 0
    info = tables.sql(IP_INFO)
    columns = [s.table.c[name] for s in sources() if s.table.name in there for name in s.columns]
    columns += [tables.sql(t).c[name] for t in VOLUMES.values() if t.name in there for name in ("host", "peer")]
    unused = sa.select(info.c.address).where(info.c.first_seen < now - REST, *(info.c.address.not_in(_all(c)) for c in columns))
    return _delete(store, info, info.c.address, [address for address, in store.query(unused.limit(MAX_ROWS))])


def _all(column: sa.Column) -> sa.Select:
    """Values of a column; without NULL, as NOT IN wants it."""
    return sa.select(column).where(column.is_not(None))


def _delete(store: Backend, table: sa.Table, column: sa.Column, values: Sequence) -> int:
    return sum(store.execute(sa.delete(table).where(column.in_(values[begin:begin + _AT_ONCE])))
               for begin in range(0, len(values), _AT_ONCE))


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
