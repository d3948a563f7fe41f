"""Asks a question: what can be narrowed is, granularity is chosen, and what is not there is told instead of failing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement

from tmon_common.analyses.catalogue import catalogue
from tmon_store import tables
from tmon_store.errors import StoreError
from tmon_store.questions.pieces import DESCRIPTION
from tmon_store.questions.question import MAX_ROWS, Answer, Question, Scope
from tmon_store.questions.span import STEPS, choose
from tmon_store.schema import is_counted

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class Wishes:
    """What a person asks for; see `Scope`. by: granularity, or None. limit: rows, 0 for all, None for what the question has."""

    since: datetime | None = None
    until: datetime | None = None
    by: str | None = None
    probe: str | None = None
    flow_class: str | None = None
    addresses: tuple[str, ...] = ()
    flow: int | None = None
    limit: int | None = None


def ask(store: Backend, question: Question, wishes: Wishes, now: datetime,
        hops: dict[str, tuple[str, ...]] | None = None) -> Answer:
    """StoreError if the database cannot answer, or there is no such flow."""
    present = tables_of(store)
    known = [name for name in question.tables if _stored(name) in present]
    span = choose(wishes.since, wishes.until, wishes.by, now, course=question.course,
                  held=held(store, known[0]) if known and question.rollups and question.course else None)
    if not question.rollups:  # records have moments of their own
        span = replace(span, since=wishes.since, until=wishes.until)
    limit = MAX_ROWS if wishes.limit == 0 else min(wishes.limit or question.limit or MAX_ROWS, MAX_ROWS)
    scope = Scope(now, span, wishes.probe, wishes.flow_class, wishes.addresses,
                  () if wishes.flow is None else _description(store, wishes.flow), limit + 1, frozenset(known), hops or {})
    missing = tuple(name for name in question.tables if name not in known)
    rows = question.ask(store, scope) if not missing or (known and question.partly) else []
    return Answer(question, rows[:limit], replace(scope, limit=limit), len(rows) > limit, missing)


def tables_of(store: Backend) -> frozenset[str]:
    """Names of all tables and views."""
    listed = sa.table("tables", sa.column("table_name"), sa.column("table_schema"), schema="information_schema")
    return frozenset(str(name) for (name,) in store.query(sa.select(listed.c.table_name).where(listed.c.table_schema == _Here())))


def held(store: Backend, kind: str, granularity: str = "1min") -> tuple[datetime, datetime] | None:
    """Start of the first interval and end of the last one of a counted kind; None without any."""
    c = tables.rollup(kind, granularity).c
    first, last = store.query(sa.select(sa.func.min(c.start), sa.func.max(c.start)))[0]
    return None if first is None else (first, last + STEPS[granularity])


def _stored(name: str) -> str:
    """The table to look for: of a counted kind one of its rollups."""
    kind = catalogue().kinds.get(name)
    return f"{name}_1day" if kind is not None and is_counted(kind) else name


def _description(store: Backend, flow: int) -> tuple[tuple[str, Any], ...]:
    f = tables.flow.c
    found = store.query(sa.select(*(f[name] for name in DESCRIPTION)).where(f.flow_key == flow))
    if not found:
        msg = f"{store.name}: no flow {flow}; expected the number of one, as in the column flow of conversations"
        raise StoreError(msg)
    return tuple(zip(DESCRIPTION, found[0], strict=True))
