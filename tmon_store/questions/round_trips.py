"""The worst round trips, and the servers that are slow: from distributions, percentiles within 2 %.

A server answers the same metric to many clients; who asked is the other end of the flow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_common.log_buckets import RATIO
from tmon_store import tables
from tmon_store.questions.percentiles import mean, percentile_buckets, percentile_ns, with_percentiles
from tmon_store.questions.pieces import CLASS, PROBE, in_order, of_flow, per_flow, with_flow, within
from tmon_store.questions.question import Column, Form, Question

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend
    from tmon_store.questions.question import Scope

HISTOGRAM, BUCKET = "round_trip_histogram", "round_trip_bucket"
_ADDED = ("population", "sum", "unanswered", "errors")
_EXTREMES = {"minimum": sa.func.min, "minimum_rev": sa.func.min, "maximum": sa.func.max, "maximum_rev": sa.func.max}
LEAST = 100
"""Round trips of a metric from which on the median of all its servers says what is usual."""
CANDIDATES = 250
"""Groups with the longest round trips among which the worst few are looked for first."""
_LONGEST = (1 << 63) - 1
_METRIC_OF = ("probe", "flow_class", "metric")


def round_trips(store: Backend, scope: Scope) -> list[tuple]:
    """By metric, who asks and who answers."""
    group = (*_METRIC_OF, "requester", "responder")
    found = _among_longest(store, scope, group) if 10 * scope.limit <= CANDIDATES else None
    return _told(store, scope, group, lambda e: _slowest(e, "bucket_95")) if found is None else found


def by_responder(store: Backend, scope: Scope) -> list[tuple]:
    """By metric and who answers, in the form of `round_trips`; those asked most first."""
    return _told(store, scope, (*_METRIC_OF, "responder"), lambda e: [(e.population + e.unanswered).desc()])


def slow_servers(store: Backend, scope: Scope) -> list[tuple]:
    """By metric and who answers, beside the median of all that answer the metric to the same class at the same probe."""
    usual = {tuple(key): (bucket, count) for *key, bucket, count in store.query(_medians(scope, _METRIC_OF))}
    rows = []
    for *row, p50, p95, _, high, unanswered, errors in _told(
            store, scope, (*_METRIC_OF, "responder"), lambda e: _slowest(e, "bucket_50")):
        bucket, count = usual.get(tuple(row[:3]), (None, 0))
        others = percentile_ns(bucket, 0, _LONGEST) if count >= LEAST else None
        rows.append((*row, p50, others, p95, high, unanswered, errors))
    return rows


def _among_longest(store: Backend, scope: Scope, group: Sequence[str]) -> list[tuple] | None:
    """What `round_trips` gives, without the percentiles of all: no percentile is above the longest round trip of its group.

    So those of the CANDIDATES with the longest ones are looked at, if they show that no other group comes before; else None.
    """
    s = _sums(scope, group).c
    longest = sa.case((sa.or_(s.maximum_rev.is_(None), s.maximum > s.maximum_rev), s.maximum), else_=s.maximum_rev)
    asked = sa.select(s.responder, longest).where(longest.is_not(None)).order_by(longest.desc(), *in_order(s[n] for n in group))
    *candidates, (_, rest) = store.query(asked.limit(CANDIDATES + 1)) or [(None, 0)]
    if len(candidates) < CANDIDATES:
        return None
    responders = sorted({responder for responder, _ in candidates})
    found = _told(store, scope, group, lambda e: _slowest(e, "bucket_95"), responders)
    p95 = len(group) + 4
    certain = len(found) == scope.limit and found[-1][p95] is not None and found[-1][p95] >= RATIO * rest
    return found if certain else None


def _told(store: Backend, scope: Scope, group: Sequence[str], order: Callable[[sa.ColumnCollection], Sequence[sa.ColumnElement]],
          responders: Sequence[str] = ()) -> list[tuple]:
    """Groups in that order: group, population, minimum, mean, percentiles (PERCENTS), maximum, unanswered, errors.

    responders: only theirs; empty: all.
    """
    sums, counts = _sums(scope, group, responders), _counts(scope, group, responders)
    e = with_percentiles(sums, percentile_buckets(counts, group), group).c
    asked = sa.select(*e).order_by(*order(e), *in_order(e[n] for n in group)).limit(scope.limit)
    rows = []
    for *key, population, total, unanswered, errors, low_to, low_from, high_to, high_from, p50, p95, p99 in store.query(asked):
        low, high = _smaller(low_to, low_from), _larger(high_to, high_from)
        percentiles = [percentile_ns(bucket, low, high) for bucket in (p50, p95, p99)]
        rows.append((*key, population, low, mean(total, population), *percentiles, high, unanswered, errors))
    return rows


def _slowest(e: sa.ColumnCollection, percentile: str) -> list[sa.ColumnElement]:
    longest = [part for n in ("maximum", "maximum_rev") for part in (e[n].is_(None), e[n].desc())]
    return [e[percentile].is_(None), e[percentile].desc(), *longest, e.unanswered.desc()]


def _medians(scope: Scope, group: Sequence[str]) -> sa.Select:
    """group, bucket of the median, round trips."""
    return sa.select(*percentile_buckets(_counts(scope, group), group, (50,)).c)


def _sums(scope: Scope, group: Sequence[str], responders: Sequence[str] = ()) -> sa.Subquery:
    c = tables.rollup(HISTOGRAM, scope.span.granularity).c
    values = {name: sa.func.sum(c[name] + c[f"{name}_rev"]) for name in _ADDED}
    values |= {name: merge(c[name]) for name, merge in _EXTREMES.items()}
    rows = per_flow(scope, HISTOGRAM, values, by=("metric", "responder_addr"), where=_theirs(c, responders),
                    ends=(tables.flow.c.src_addr, tables.flow.c.dst_addr, c.responder_addr))
    columns = _columns(rows.c)
    flat = with_flow(rows, *(columns[n].label(n) for n in group), *(rows.c[n] for n in values)).subquery("flat")
    merged = [sa.func.sum(flat.c[name]).label(name) for name in _ADDED]
    merged += [merge(flat.c[name]).label(name) for name, merge in _EXTREMES.items()]
    return sa.select(*(flat.c[n] for n in group), *merged).group_by(*(flat.c[n] for n in group)).subquery("sums")


def _theirs(c: sa.ColumnCollection, responders: Sequence[str]) -> list[sa.ColumnElement]:
    return [c.responder_addr.in_(responders)] if responders else []


def _counts(scope: Scope, group: Sequence[str], responders: Sequence[str] = ()) -> sa.Subquery:
    """At once: flow by flow there are hardly fewer rows than the table has."""
    rollup, f = tables.rollup(BUCKET, scope.span.granularity), tables.flow.c
    c = rollup.c
    columns = _columns(c)
    rows = sa.select(*(columns[n].label(n) for n in group), c.bucket, (c["count"] + c.count_rev).label("count"))
    rows = rows.join_from(rollup, tables.flow, f.flow_key == c.flow_key).where(
        *within(c.start, scope), *_theirs(c, responders), *of_flow(scope, ends=(f.src_addr, f.dst_addr, c.responder_addr)))
    flat = rows.subquery("flat").c
    key = [flat[n] for n in (*group, "bucket")]
    return sa.select(*key, sa.func.sum(flat["count"]).label("count")).group_by(*key).subquery("counts")


def _columns(rows: sa.ColumnCollection) -> dict[str, sa.ColumnElement]:
    """What groups are made of, of rows with a metric and a responder, beside their flow."""
    f, responder = tables.flow.c, rows.responder_addr
    return {"probe": f.probe, "flow_class": f.flow_class, "metric": rows.metric, "responder": responder,
            "requester": sa.case((f.dst_addr == responder, f.src_addr), (f.src_addr == responder, f.dst_addr))}


def _smaller(*values: int | None) -> int | None:
    return min((v for v in values if v is not None), default=None)


def _larger(*values: int | None) -> int | None:
    return max((v for v in values if v is not None), default=None)


_METRIC = Column("metric", Form.TEXT, "what was asked and answered, see round_trip_histogram", "Metric")
_NUMBER = Column("population", Form.COUNT, "round trips", "Number")
_MEAN = Column("mean_ns", Form.DURATION, "mean", "Mean")
_MINIMUM = Column("minimum_ns", Form.DURATION, "shortest", "Min")
_MEDIAN = Column("p50_ns", Form.DURATION, "median, within 2 %", "Median")
_P95 = Column("p95_ns", Form.DURATION, "95 % take no longer, within 2 %", "p95")
_MAXIMUM = Column("maximum_ns", Form.DURATION, "longest", "Max")
_UNANSWERED = Column("unanswered", Form.COUNT, "requests without an answer", "Unanswered")
_ERRORS = Column("errors", Form.COUNT, "answers with an error code", "Errors")

QUESTIONS = (
    Question(
        "round-trips", "Worst round trips", "Round trips by who asks and who answers, the largest 95th percentile first. "
        "Metrics: `icmp_echo`, `dns`, `snmp`, `ntp`, TCP handshakes, time stamps and data ([measuring.md](measuring.md)).",
        (PROBE, CLASS, _METRIC, Column("requester", Form.TEXT, "who asked; empty where the class does not hold it", "Requester"),
         Column("responder", Form.TEXT, "who answered", "Responder"), _NUMBER, _MINIMUM, _MEAN, _MEDIAN, _P95,
         Column("p99_ns", Form.DURATION, "99 % take no longer, within 2 %", "p99"), _MAXIMUM, _UNANSWERED, _ERRORS),
        round_trips, (HISTOGRAM, BUCKET)),
    Question(
        "slow-servers", "Slow servers", "Who answers, the largest median first, beside the median of all that answer the same "
        f"metric. `others_p50_ns` is empty where these are fewer than {LEAST} round trips.",
        (PROBE, CLASS, _METRIC, Column("server", Form.TEXT, "who answers", "Server"), _NUMBER, _MINIMUM, _MEAN, _MEDIAN,
         Column("others_p50_ns", Form.DURATION, "median of all servers of the metric", "Of all"), _P95, _MAXIMUM, _UNANSWERED,
         _ERRORS), slow_servers, (HISTOGRAM, BUCKET)),
)
