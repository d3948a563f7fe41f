"""Errors by kind: of all flows, then of each flow, with how many of its intervals they touch, to tell what comes and goes from what
stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_store import tables
from tmon_store.questions.pieces import (
    CLASS,
    DESCRIPTION,
    FLOW_COLUMNS,
    PROBE,
    described_as,
    in_order,
    number,
    of_flow,
    with_flow,
    within,
)
from tmon_store.questions.question import Column, Form, Question
from tmon_store.questions.signs import KINDS, SIGNS, Sign

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend
    from tmon_store.questions.question import Scope

PERMANENT = 0.9
"""Share of the intervals with traffic from which on errors are there all the time."""
SEEN = "ip_counters"
"""The kind that has a row for each interval in which a flow had packets."""
MAX_NAMED = 200
"""Flows that are asked for by what they are; of more, all are read."""


def errors(store: Backend, scope: Scope) -> list[tuple]:
    """By probe, class and kind of error: how many, of what, in how many flows."""
    rows = [(p, name, sign.name, count, count / of if of else None, flows)
            for sign in _found(store, scope) for p, name, count, of, flows in counted(store, sign, scope)]
    return sorted(rows, key=lambda row: (-row[3], row[2], *map(_orderly, row[:2])))[:scope.limit]


def counted(store: Backend, sign: Sign, scope: Scope) -> list[tuple]:
    """Of one kind: probe, class, how many, of what (in all flows of the class), in how many flows; where there are any."""
    f, flows = tables.flow.c, _intervals(sign, scope, ("flow_key",))
    count = flows.c["count"]
    asked = with_flow(flows, f.probe, f.flow_class, sa.func.sum(count), sa.func.sum(flows.c.whole),
                      sa.func.sum(sa.case((count > number(0), number(1)), else_=number(0))))
    asked = asked.group_by(f.probe, f.flow_class).having(sa.func.sum(count) > number(0))
    return store.query(asked.order_by(*in_order((f.probe, f.flow_class))))


def flow_errors(store: Backend, scope: Scope) -> list[tuple]:
    """By flow and kind of error: how many, in how many of its intervals."""
    worst = [(sign, *row) for sign in _found(store, scope) for row in _worst(store, scope, sign)]
    worst.sort(key=lambda row: (-row[2], row[0].name, *map(_orderly, row[1])))
    worst, rows = worst[:scope.limit], []
    seen = {kind: _seen(store, scope, kind, {row[1] for row in worst if row[0].kind == kind})
            for kind in {sign.kind for sign, *_ in worst}}
    for sign, what, count, of, affected, first, last in worst:
        flow, intervals = seen[sign.kind][what]
        rows.append((flow, *what, sign.name, count, count / of if of else None, intervals, affected, affected / intervals,
                     _course(intervals, affected), first, last))
    return rows


def _worst(store: Backend, scope: Scope, sign: Sign) -> list[tuple]:
    """Flows with most errors of a kind: description, how many, of what, in how many intervals, in which first and last."""
    f, flows = tables.flow.c, _intervals(sign, scope, ("flow_key", "start"))
    key = [f[n] for n in DESCRIPTION]
    each = with_flow(flows, *key, flows.c.start, *(sa.func.sum(flows.c[n]).label(n) for n in ("count", "whole")))
    c = each.group_by(*key, flows.c.start).subquery("each").c
    what, touched = [c[n] for n in DESCRIPTION], c["count"] > number(0)
    asked = sa.select(
        *what, sa.func.sum(c["count"]), sa.func.sum(c.whole), sa.func.sum(sa.case((touched, number(1)), else_=number(0))),
        sa.func.min(sa.case((touched, c.start))), sa.func.max(sa.case((touched, c.start))))
    asked = asked.group_by(*what).having(sa.func.sum(c["count"]) > number(0))
    found = store.query(asked.order_by(sa.func.sum(c["count"]).desc(), *in_order(what)).limit(scope.limit))
    return [(row[:len(what)], *row[len(what):]) for row in found]


def _seen(store: Backend, scope: Scope, kind: str, flows: set[tuple]) -> dict[tuple, tuple[int, int]]:
    """Of flows, by description: the first of their numbers, and the intervals in which they had packets, or a row of the kind.

    Some kinds (ICMP, FTP) have few rows: one error in a day would be all that there was.
    """
    f = tables.flow.c
    wanted = _conditions_on_flows(scope, flows)
    parts = []
    for name in {kind, SEEN} & scope.present:
        c = tables.rollup(name, scope.span.granularity).c
        parts.append(sa.select(c.flow_key, c.start).where(*within(c.start, scope), *(
            [c.flow_key.in_(sa.select(f.flow_key).where(*wanted))] if wanted else [])))
    each = sa.union_all(*parts).subquery("seen")
    what = [f[n] for n in DESCRIPTION]
    asked = with_flow(each, *what, sa.func.min(f.flow_key), sa.func.count(each.c.start.distinct())).group_by(*what)
    return {row[:len(what)]: row[len(what):] for row in store.query(asked)}


def _conditions_on_flows(scope: Scope, flows: set[tuple]) -> list[sa.ColumnElement]:
    named = [sa.and_(*described_as(zip(DESCRIPTION, flow, strict=True))) for flow in flows] if len(flows) <= MAX_NAMED else []
    return [*of_flow(scope), *([sa.or_(*named)] if named else [])]


def _course(intervals: int, affected: int) -> str:
    if intervals == 1:
        return "one interval"
    return "permanent" if affected >= PERMANENT * intervals else "intermittent" if affected > 1 else "once"


def _orderly(value: object) -> tuple:
    """To sort by: what is empty last."""
    return (value is None, value)


def _found(store: Backend, scope: Scope) -> list[Sign]:
    """Signs of which there are any: most are not, and to know that takes no more than to read the rows once."""
    found = []
    for kind in KINDS:
        if kind in scope.present:
            signs = [sign for sign in SIGNS if sign.kind == kind]
            c = tables.rollup(kind, scope.span.granularity).c
            sums = [sa.func.sum(_added(c, sign.columns(sign.counted))) for sign in signs]
            counts = store.query(sa.select(*sums).where(*_conditions(c, scope)))[0]
            found += [sign for sign, count in zip(signs, counts, strict=True) if count]
    return found


def _added(c: sa.ColumnCollection, names: list[str]) -> sa.ColumnElement:
    return sum((c[n] for n in names[1:]), c[names[0]])


def _conditions(c: sa.ColumnCollection, scope: Scope) -> list[sa.ColumnElement]:
    wanted = of_flow(scope)
    of_flows = [c.flow_key.in_(sa.select(tables.flow.c.flow_key).where(*wanted))] if wanted else []
    return [*within(c.start, scope), *of_flows]


def _intervals(sign: Sign, scope: Scope, key: tuple[str, ...]) -> sa.Subquery:
    """key, count, whole (what it is a part of)."""
    c = tables.rollup(sign.kind, scope.span.granularity).c
    count, whole = (_added(c, sign.columns(names)) for names in (sign.counted, sign.of))
    asked = sa.select(*(c[n] for n in key), sa.func.sum(count).label("count"), sa.func.sum(whole).label("whole"))
    return asked.where(*_conditions(c, scope)).group_by(*(c[n] for n in key)).subquery(sign.name)


_ERROR = Column("error", Form.TEXT, "kind of error, see below", "Error")
_COUNT = Column("count", Form.COUNT, "how many", "Count")
_SHARE = Column("share", Form.SHARE, "of the packets, segments, messages, requests or transfers there were", "Share")
QUESTIONS = (
    Question(
        "errors", "Errors", "Errors by kind: how many, of how many, and in how many flows.",
        (PROBE, CLASS, _ERROR, _COUNT, _SHARE, Column("flows", Form.COUNT, "flows that have any", "Flows")),
        errors, KINDS, limit=None, partly=True),
    Question(
        "flow-errors", "Errors of flows", "Errors by flow and kind, most first; with `--flow`, those of one. How many of the "
        "intervals in which the flow was seen they touch tells what comes and goes from what stays: permanent from "
        f"{PERMANENT:.0%} on.",
        (*FLOW_COLUMNS, _ERROR, _COUNT, _SHARE,
         Column("intervals", Form.COUNT, "intervals in which the flow was seen", "Intervals"),
         Column("affected", Form.COUNT, "of these, with such an error", "Affected"),
         Column("affected_share", Form.SHARE, "affected / intervals", "Share"),
         Column("course", Form.TEXT, "permanent, intermittent, once; one interval: nobody knows", "Course"),
         Column("first", Form.TIME, "first interval with one, UTC", "First (UTC)"),
         Column("last", Form.TIME, "last one", "Last (UTC)")), flow_errors, (*KINDS, SEEN), course=True, partly=True),
)
