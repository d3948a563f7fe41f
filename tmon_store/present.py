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


_LISTED = sa.table("tables", sa.column("table_name"), sa.column("table_schema"), schema="information_schema")


def table_names(store: Backend) -> set[str]:
    """Names of all tables and views."""
    return {name for name, in store.query(sa.select(_LISTED.c.table_name).where(_LISTED.c.table_schema == _Here()))}


def has_table(store: Backend, name: str) -> bool:
    """Whether there is a table or view of that name."""
    asked = sa.select(sa.func.count()).select_from(_LISTED).where(_LISTED.c.table_schema == _Here(), _LISTED.c.table_name == name)
    return store.query(asked) != [(0,)]
