"""Asks a question: what can be narrowed is, granularity is chosen, and what is not there is told instead of failing."""

from __future__ import annotations

from collections.abc import Sequence
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


def addresses_of(store: Backend, names: Sequence[str]) -> tuple[str, ...]:
    """Addresses of hosts by name, in any case. StoreError for one that has none."""
    if not names:
        return ()
    if "ip_info" not in tables_of(store):
        msg = f"{store.name}: no names of hosts in it; scripts/trafmon_update_ip_info.py finds them"
        raise StoreError(msg)
    info = sa.table("ip_info", sa.column("address", sa.String()), sa.column("name", sa.String()))
    found: list[str] = []
    for name in names:
        wanted = name.rstrip(".").lower()
        addresses = [a for (a,) in store.query(sa.select(info.c.address).where(sa.func.lower(info.c.name) == wanted)
                                               .order_by(info.c.address))]
        if not addresses:
            msg = f"{store.name}: no address has the name {name!r}"
            raise StoreError(msg)
        found += addresses
    return tuple(found)


def hints(store: Backend, answer: Answer, wishes: Wishes) -> list[str]:
    """What a person should know of an answer: the ends of the time moved, or why there is nothing."""
    span, told = answer.scope.span, []
    if answer.question.rollups and (span.since, span.until) != (wishes.since, wishes.until):
        ends = [f"{word} {moment:%Y-%m-%d %H:%M}" for word, moment in (("from", span.since), ("until", span.until)) if moment]
        told.append(f"by whole intervals of {span.granularity}: {' '.join(ends)} UTC; --by gives others")
    if answer.rows:
        return told
    if len(answer.missing) == len(answer.question.tables):
        return [*told, f"nothing of {', '.join(answer.missing)} has been loaded"]
    first = next((n for n in answer.question.tables if n not in answer.missing and is_rollup(n)), None)
    if first and (span.since or span.until):
        whole = held(store, first, span.granularity)
        told.append(f"nothing of {first} by {span.granularity} is held" if whole is None else
                    f"{first} by {span.granularity} is held from {whole[0]:%Y-%m-%d %H:%M} until {whole[1]:%Y-%m-%d %H:%M} UTC")
    return told


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


def _stored(name: str) -> str:
    """The table to look for: of a counted kind one of its rollups."""
    return f"{name}_1day" if is_rollup(name) else name


def _description(store: Backend, flow: int) -> tuple[tuple[str, Any], ...]:
    f = tables.flow.c
    found = store.query(sa.select(*(f[name] for name in DESCRIPTION)).where(f.flow_key == flow))
    if not found:
        msg = f"{store.name}: no flow {flow}; expected the number of one, as in the column flow of conversations"
        raise StoreError(msg)
    return tuple(zip(DESCRIPTION, found[0], strict=True))
