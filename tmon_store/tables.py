"""The tables of the schema as SQLAlchemy knows them: for statements that every engine understands.

A rollup stands here in the form in which it is asked, all statistics in one row, however a backend keeps it.
"""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

from tmon_common.analyses.catalogue import catalogue
from tmon_common.observations import FLOW_DEFINITION
from tmon_store.schema import Storage, Table, flow_table, record_table, rollups

_TYPES: dict[Storage, type[sa.types.TypeEngine]] = {
    Storage.INTEGER: sa.BigInteger, Storage.WIDE: sa.Numeric, Storage.TEXT: sa.String, Storage.NAME: sa.String,
    Storage.ADDRESS: sa.String, Storage.TIME: sa.DateTime, Storage.TIME_NS: sa.DateTime}
"""What statements make of values. How an engine keeps them is its backend's matter, which makes the tables."""

metadata = sa.MetaData()


@cache
def sql(table: Table, name: str = "") -> sa.Table:
    """The table; name: another one that it has (the view over it)."""
    key = set(table.key)
    return sa.Table(name or table.name, sa.MetaData() if name else metadata,
                    *(sa.Column(f.name, _TYPES[f.storage], nullable=f.name not in key, autoincrement=False) for f in table.fields))


@cache
def rollup(kind: str, granularity: str) -> sa.Table:
    """A counted kind at 1min, 1h or 1day: key, population and statistics. KeyError if there is no such kind."""
    for level in rollups(catalogue().kinds[kind]):
        if level.name == f"{kind}_{granularity}":
            return sql(level.merged, level.name)
    msg = f"{kind}_{granularity}"
    raise KeyError(msg)


@cache
def record(kind: str) -> sa.Table:
    """A kind whose rows stand for themselves, or definitions. KeyError if there is no such kind."""
    return flow if kind == FLOW_DEFINITION.name else sql(record_table(catalogue().kinds[kind]))


flow = sql(flow_table())
