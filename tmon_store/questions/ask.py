"""Asks a question: what can be narrowed is, granularity is chosen, and what is not there is told instead of failing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tmon_store import tables
from tmon_store.errors import StoreError
from tmon_store.present import table_names
from tmon_store.questions.pieces import DESCRIPTION
from tmon_store.questions.present import by_interval, held, stored
from tmon_store.questions.question import MAX_ROWS, Answer, Question, Scope
from tmon_store.questions.span import choose
from tmon_store.volumes.schema import VOLUMES

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend


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
    activity: str | None = None
    location: str | None = None
    service: str | None = None
    source: str = "probe"
    limit: int | None = None


def ask(store: Backend, question: Question, wishes: Wishes, now: datetime,
        hops: dict[str, tuple[str, ...]] | None = None) -> Answer:
    """StoreError if the database cannot answer, or there is no such flow."""
    present = table_names(store)
    known = [name for name in question.tables if stored(name) in present]
    span = choose(wishes.since, wishes.until, wishes.by, now, course=question.course, granularities=question.granularities,
                  held=held(store, known[0], question.granularities[0]) if known and question.rollups and question.course else None)
    if not question.rollups:  # records have moments of their own
        span = replace(span, since=wishes.since, until=wishes.until)
    limit = MAX_ROWS if wishes.limit == 0 else min(wishes.limit or question.limit or MAX_ROWS, MAX_ROWS)
    scope = Scope(now, span, wishes.probe, wishes.flow_class, wishes.addresses,
                  () if wishes.flow is None else _description(store, wishes.flow), wishes.activity, wishes.location, wishes.service,
                  wishes.source, limit + 1, frozenset(known), hops or {})
    missing = tuple(name for name in question.tables if name not in known)
    rows = question.ask(store, scope) if not missing or (known and question.partly) else []
    return Answer(question, rows[:limit], replace(scope, limit=limit), len(rows) > limit, missing)


def addresses_of(store: Backend, names: Sequence[str]) -> tuple[str, ...]:
    """Addresses of hosts by name, in any case. StoreError for one that has none."""
    if not names:
        return ()
    if "ip_info" not in table_names(store):
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


def moved(answer: Answer, wishes: Wishes) -> str:
    """That the ends of the time asked for were moved to those of intervals; empty if they were not."""
    span = answer.scope.span
    if not answer.question.rollups or (span.since, span.until) == (wishes.since, wishes.until):
        return ""
    ends = [f"{word} {moment:%Y-%m-%d %H:%M}" for word, moment in (("from", span.since), ("until", span.until)) if moment]
    return f"by whole intervals of {span.granularity}: {' '.join(ends)} UTC; --by gives others"


def why_empty(store: Backend, answer: Answer) -> str:
    """Why there are no rows, as far as the database can tell; empty if there are some."""
    if answer.rows:
        return ""
    absent = [name for name in answer.question.tables if name in answer.missing]
    if absent and (len(absent) == len(answer.question.tables) or not answer.question.partly):
        volumes = "; scripts/trafmon_volumes.py sums them up" if absent[0] in {t.name for t in VOLUMES.values()} else ""
        return f"nothing of {', '.join(absent)} has been loaded{volumes}"
    span = answer.scope.span
    first = next((n for n in answer.question.tables if n not in absent and by_interval(n, span.granularity) is not None), None)
    if first is None:
        return ""
    whole = held(store, first, span.granularity)
    if whole is None:
        return "" if answer.question.partly else f"nothing of {first} by {span.granularity} is held"
    return "" if not (span.since or span.until) else (
        f"{first} by {span.granularity} is held from {whole[0]:%Y-%m-%d %H:%M} until {whole[1]:%Y-%m-%d %H:%M} UTC")


def _description(store: Backend, flow: int) -> tuple[tuple[str, Any], ...]:
    f = tables.flow.c
    found = store.query(sa.select(*(f[name] for name in DESCRIPTION)).where(f.flow_key == flow))
    if not found:
        msg = f"{store.name}: no flow {flow}; expected the number of one, as in the column flow of conversations"
        raise StoreError(msg)
    return tuple(zip(DESCRIPTION, found[0], strict=True))
