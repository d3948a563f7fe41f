"""What a database holds: which tables, of what time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement

from tmon_common.analyses.catalogue import catalogue
from tmon_common.observations import FLOW_DEFINITION
from tmon_store import tables
from tmon_store.questions.span import STEPS
from tmon_store.schema import is_counted

if TYPE_CHECKING:
    from datetime import datetime

    from tmon_store.backends.backend import Backend


class _Here(ColumnElement):
    """Name of the schema that tables without one belong to."""

    type = sa.String()
    inherit_cache = True


@compiles(_Here)
def _of_duckdb(_element: _Here, _compiler: object, **_options: object) -> str:
    return "current_schema()"


@compiles(_Here, "mysql", "mariadb")
def _of_mysql(_element: _Here, _compiler: object, **_options: object) -> str:
    return "DATABASE()"


def is_rollup(name: str) -> bool:
    """Whether it is a counted kind."""
    kind = catalogue().kinds.get(name)
    return kind is not None and is_counted(kind)


def tables_of(store: Backend) -> frozenset[str]:
    """Names of all tables and views."""
    listed = sa.table("tables", sa.column("table_name"), sa.column("table_schema"), schema="information_schema")
    return frozenset(str(name) for (name,) in store.query(sa.select(listed.c.table_name).where(listed.c.table_schema == _Here())))


def held(store: Backend, kind: str, granularity: str = "1min") -> tuple[datetime, datetime] | None:
    """Start of the first interval and end of the last one of a counted kind; None without any."""
    c = tables.rollup(kind, granularity).c
    first, last = store.query(sa.select(sa.func.min(c.start), sa.func.max(c.start)))[0]
    return None if first is None else (first, last + STEPS[granularity])


def stored(name: str) -> str:
    """The table to look for: of a counted kind one of its rollups."""
    return "flow" if name == FLOW_DEFINITION.name else f"{name}_1day" if is_rollup(name) else name
