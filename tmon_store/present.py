"""Which tables a database has: one that an older version loaded lacks those of later kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend


class _Here(GenericFunction):
    """Name of the schema that is used. A server has other databases beside it, with tables of the same names."""

    type = sa.String()
    inherit_cache = True


@compiles(_Here)
def _current_schema(_element: _Here, _compiler: object, **_options: object) -> str:
    return "current_schema()"


@compiles(_Here, "mysql")
def _database(_element: _Here, _compiler: object, **_options: object) -> str:
    return "DATABASE()"


def tables_of(store: Backend) -> frozenset[str]:
    """Names of all tables and views."""
    listed = sa.table("tables", sa.column("table_name"), sa.column("table_schema"), schema="information_schema")
    return frozenset(str(name) for (name,) in store.query(sa.select(listed.c.table_name).where(listed.c.table_schema == _Here())))


def has_table(store: Backend, name: str) -> bool:
    """Whether there is a table or view of that name."""
    return name in tables_of(store)
