"""The tables of the schema as SQLAlchemy knows them: for statements that every engine understands, and for what creates tables.

A rollup stands here in the form in which it is asked, all statistics in one row, however a backend keeps it.
"""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.compiler import compiles

from tmon_common.analyses.catalogue import catalogue
from tmon_common.observations import FLOW_DEFINITION
from tmon_store import schema
from tmon_store.schema import Storage, Table, flow_table, record_table, rollups

ADDRESS_LENGTH = 45
"""Characters of the longest text of an IPv6 address."""


class _Timestamp(sa.types.UserDefinedType):
    """ns since 1970, as DuckDB keeps it."""

    cache_ok = True

    def get_col_spec(self, **_options: object) -> str:
        return "TIMESTAMP_NS"


class _Wide(sa.types.Numeric):
    """38 digits."""

    cache_ok = True


@compiles(_Wide, "postgresql")  # the dialect that DuckDB speaks
def _hugeint(_type: _Wide, _compiler: object, **_options: object) -> str:
    return "HUGEINT"


_TYPES: dict[Storage, sa.types.TypeEngine] = {
    Storage.INTEGER: sa.BigInteger(),
    Storage.WIDE: _Wide(38, 0),
    Storage.TEXT: sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb"),
    Storage.NAME: sa.String().with_variant(sa.String(schema.KEY_TEXT_LIMIT), "mysql", "mariadb"),
    Storage.ADDRESS: sa.String().with_variant(sa.String(ADDRESS_LENGTH), "mysql", "mariadb"),
    Storage.TIME: sa.DateTime(),
    Storage.TIME_NS: sa.DateTime().with_variant(_Timestamp(), "postgresql").with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"),
}

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
