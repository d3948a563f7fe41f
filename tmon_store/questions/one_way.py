"""Packets that were followed: which were lost, and where; how long they took; how far clocks are apart.

Directions are apart: each is a flow, told by what it is, whatever probe numbered it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_common.observations.one_way import MAX_HOPS
from tmon_store import tables
from tmon_store.questions.percentiles import PERCENTS, mean, percentile_buckets, percentile_ns, with_percentiles
from tmon_store.questions.pieces import CLASS, FLOW_COLUMNS, in_order, listed, number, per_flow, with_flow, within
from tmon_store.questions.question import Column, Form, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tmon_store.backends.backend import Backend
    from tmon_store.questions.question import Scope

COUNTERS, HISTOGRAM, BUCKET, OFFSET, HEARTBEATS = (
    "one_way_counters", "one_way_delay_histogram", "one_way_delay_bucket", "clock_offset", "probe_clock")
_WAY = ("flow_class", "src_addr", "src_port", "dst_addr", "dst_port", "protocol")
_FATES = ("packets", "complete", "lost", "dropped", "missed", "injected", "duplicates", "reordered", "loss_periods")
_LOST_AFTER = tuple(f"lost_after_{n:02d}" for n in range(1, MAX_HOPS + 1))


def lost(store: Backend, scope: Scope) -> list[tuple]:
    """Flows by what became of their packets, those that lost most first."""
    c = tables.rollup(COUNTERS, scope.span.granularity).c
    flows = per_flow(scope, COUNTERS, {**{n: sa.func.sum(c[n]) for n in _FATES}, "longest": sa.func.max(c.loss_period_maximum)})
    f, r = tables.flow.c, flows.c
    key, counts = [f[n] for n in _WAY], [sa.func.sum(r[n]).label(n) for n in _FATES]
    sums = with_flow(flows, sa.func.min(f.flow_key).label("flow"), *key, *counts, sa.func.max(r.longest).label("longest"))
    sums = sums.group_by(*key).subquery("fates")
    s = sums.c
    rows = store.query(listed(sums, ["flow", *_WAY, *_FATES, "longest"], [s.lost.desc(), s.packets.desc()], scope, _WAY))
    at = 1 + len(_WAY)
    return [(*row[:at + 3], row[at + 2] / row[at] if row[at] else None, *row[at + 3:]) for row in rows]


def lost_after(store: Backend, scope: Scope) -> list[tuple]:
    """Packets lost behind each hop that lost any, by class."""
    c, f = tables.rollup(COUNTERS, scope.span.granularity).c, tables.flow.c
    flows = per_flow(scope, COUNTERS, {n: sa.func.sum(c[n]) for n in ("packets", "lost", *_LOST_AFTER)})
    asked = with_flow(flows, f.flow_class, *(sa.func.sum(flows.c[n]) for n in ("packets", "lost", *_LOST_AFTER)))
    rows = []
    for name, packets, gone, *after in store.query(asked.group_by(f.flow_class).order_by(*in_order([f.flow_class]))):
        hops = scope.hops.get(name, ())
        rows += [(name, hop + 1, hops[hop] if hop < len(hops) else None, count, count / packets, count / gone)
                 for hop, count in enumerate(after) if count]
    return rows[:scope.limit]


def delays(store: Backend, scope: Scope) -> list[tuple]:
    """From hop to hop, by class."""
    group = ("flow_class", "from_hop", "to_hop")
    return delays_by(store, scope, group)


def slow_flows(store: Backend, scope: Scope) -> list[tuple]:
    """From hop to hop, by flow, the largest 95th percentile first."""
    group = (*_WAY, "from_hop", "to_hop")
    return delays_by(store, scope, group, ("bucket_95",))


def delays_by(store: Backend, scope: Scope, group: Sequence[str], slowest: Sequence[str] = ()) -> list[tuple]:
    """group, then what `_DELAYS` says; in the order of these percentiles ("bucket_95"), else of the group."""
    c = tables.rollup(HISTOGRAM, scope.span.granularity).c
    merges = {"population": sa.func.sum, "sum": sa.func.sum, "minimum": sa.func.min, "maximum": sa.func.max,
              "negative": sa.func.sum, "ipdv_population": sa.func.sum, "ipdv_absolute_sum": sa.func.sum,
              "offset_low": sa.func.max, "offset_high": sa.func.min}
    sums = _of_group(scope, HISTOGRAM, {n: merge(c[n]) for n, merge in merges.items()}, merges, group)
    b = tables.rollup(BUCKET, scope.span.granularity).c
    counts = _of_group(scope, BUCKET, {"count": sa.func.sum(b["count"])}, {"count": sa.func.sum}, group, ("bucket",))
    s = with_percentiles(sums, percentile_buckets(counts, group), group).c
    asked = sa.select(*(s[n] for n in (*group, *merges)), *(s[f"bucket_{p}"] for p in PERCENTS)).where(s.population > number(0))
    order = [part for name in slowest for part in (s[name].is_(None), s[name].desc())]
    order += [s.maximum.desc(), s.population.desc()] if slowest else []
    rows = []
    for row in store.query(asked.order_by(*order, *in_order(s[n] for n in group)).limit(scope.limit)):
        key, (population, total, low, high, negative, pairs, varied, ahead, at_most, *buckets) = row[:len(group)], row[len(group):]
        percentiles = [percentile_ns(bucket, low, high) for bucket in buckets]
        rows.append((*key, population, low, mean(total, population), *percentiles, high, mean(varied, pairs), negative, ahead,
                     at_most))
    return rows


def _of_group(scope: Scope, kind: str, values: dict[str, sa.ColumnElement], merges: dict, group: Sequence[str],
              more: Sequence[str] = ()) -> sa.Subquery:
    """group, `more`, and values merged within."""
    flows, f = per_flow(scope, kind, values, by=("from_hop", "to_hop", *more)), tables.flow.c
    key = [*(f[n] if n in _WAY else flows.c[n] for n in group), *(flows.c[n] for n in more)]
    return with_flow(flows, *key, *(merge(flows.c[n]).label(n) for n, merge in merges.items())).group_by(*key).subquery(kind)


def clocks(store: Backend, scope: Scope) -> list[tuple]:
    """Bounds of the offset of each pair of clocks: from packets that were followed, from heartbeats."""
    c = tables.record(OFFSET).c
    rows = []
    if OFFSET in scope.present:
        asked = sa.select(c.from_probe, c.to_probe, *_bounds(c), sa.func.count(), sa.func.min(c.start), sa.func.max(c["end"]))
        asked = asked.where(*within(c.start, scope), *([c.flow_class == scope.flow_class] if scope.flow_class is not None else []))
        if scope.probe is not None:
            asked = asked.where(sa.or_(c.from_probe == scope.probe, c.to_probe == scope.probe))
        rows += [("packets", *row) for row in store.query(asked.group_by(c.from_probe, c.to_probe))]
    c = tables.record(HEARTBEATS).c
    if HEARTBEATS in scope.present and scope.flow_class is None:
        asked = sa.select(c.probe, c.collector, *_bounds(c), sa.func.count(), sa.func.min(c.time), sa.func.max(c.time))
        asked = asked.where(*within(c.time, scope), *([c.probe == scope.probe] if scope.probe is not None else []))
        rows += [("heartbeats", *row) for row in store.query(asked.group_by(c.probe, c.collector))]
    return sorted((_clock(*row) for row in rows), key=lambda row: row[:3])[:scope.limit]


def _bounds(c: sa.ColumnCollection) -> list[sa.ColumnElement]:
    return [sa.func.max(c.offset_low), sa.func.min(c.offset_high), sa.func.min(c.offset_low), sa.func.max(c.offset_high)]


def _clock(source: str, first: str, second: str, low: int | None, high: int | None, lowest: int | None, highest: int | None,
           rows: int, begin: object, end: object) -> tuple:
    steady = low is None or high is None or low <= high
    low, high = (low, high) if steady else (lowest, highest)
    known = low is not None and high is not None
    return (source, first, second, low, high, (low + high) // 2 if known else None, -((low - high) // 2) if known else None,
            "yes" if steady else "no", rows, begin, end)


_PACKETS = Column("packets", Form.COUNT, "different packets", "Packets")
_PLACES = (Column("from_hop", Form.TEXT, "name of the hop where the delay begins", "From"),
           Column("to_hop", Form.TEXT, "name of the hop where it ends", "To"))
_DELAYS = (
    Column("population", Form.COUNT, "packets seen at both hops", "Packets"),
    Column("minimum_ns", Form.DURATION, "shortest, by the clocks as they are", "Min"),
    Column("mean_ns", Form.DURATION, "mean", "Mean"),
    Column("p50_ns", Form.DURATION, "median, within 2 %", "Median"),
    Column("p95_ns", Form.DURATION, "95 % take no longer, within 2 %", "p95"),
    Column("p99_ns", Form.DURATION, "99 % take no longer, within 2 %", "p99"),
    Column("maximum_ns", Form.DURATION, "longest", "Max"),
    Column("ipdv_ns", Form.DURATION, "mean difference, without its sign, between neighbours (RFC 3393)", "IPDV"),
    Column("negative", Form.COUNT, "delays below zero", "Negative"),
    Column("offset_low_ns", Form.DURATION, "the clock at the second hop is ahead by at least that much", "Ahead ≥"),
    Column("offset_high_ns", Form.DURATION, "and by at most that much", "Ahead ≤"),
)
_ENDS = tuple(c for c in FLOW_COLUMNS if c.name in _WAY)
QUESTIONS = (
    Question(
        "lost", "Lost packets", "What became of the packets that were followed, by flow; those that lost most first. Directions "
        "are flows of their own.",
        (FLOW_COLUMNS[0], *_ENDS, _PACKETS, Column("complete", Form.COUNT, "seen at every hop", "Complete"),
         Column("lost", Form.COUNT, "lost", "Lost"), Column("lost_share", Form.SHARE, "lost / packets", "Share"),
         Column("dropped", Form.COUNT, "not known: an observation was given up", "Dropped"),
         Column("missed", Form.COUNT, "not seen at a hop before one where they were", "Missed"),
         Column("injected", Form.COUNT, "the same, of flows that did not pass the first hop", "Injected"),
         Column("duplicates", Form.COUNT, "copies beyond the first", "Copies"),
         Column("reordered", Form.COUNT, "overtaken by a later one", "Reord."),
         Column("loss_periods", Form.COUNT, "runs of lost packets", "Runs"),
         Column("loss_period_maximum", Form.COUNT, "packets of the longest run", "Longest")), lost, (COUNTERS,)),
    Question(
        "lost-after", "Where packets were lost", "Lost packets by the last hop that saw them. The name of the hop is known where a "
        "configuration is given (`-c`).",
        (CLASS, Column("hop", Form.NUMBER, "number of the last hop that saw them, from 1", "Hop"),
         Column("hop_name", Form.TEXT, "its name", "Lost after"), Column("lost", Form.COUNT, "lost behind it", "Lost"),
         Column("lost_share", Form.SHARE, "of all packets of the class", "Of packets"),
         Column("losses_share", Form.SHARE, "of all lost packets of the class", "Of losses")), lost_after, (COUNTERS,), limit=None),
    Question(
        "one-way-delays", "One-way delays", "From hop to hop, by class. Delays are raw: they hold the offset of the clocks, which "
        "the last two columns bound.",
        (CLASS, *_PLACES, *_DELAYS), delays, (HISTOGRAM, BUCKET), limit=None),
    Question(
        "slow-flows", "Flows with the largest one-way delays", "As one-way-delays, by flow; the largest 95th percentile first.",
        (*_ENDS, *_PLACES, *_DELAYS), slow_flows, (HISTOGRAM, BUCKET)),
    Question(
        "clocks", "Clocks", "How far the clock of the second is ahead of the first's: bounds that hold for the whole time, if one "
        "offset fits it (`steady`), else the extremes. `packets`: two probes, by packets that both saw; `heartbeats`: a probe and "
        "a collector.",
        (Column("source", Form.TEXT, "packets or heartbeats", "By"), Column("first", Form.TEXT, "probe", "First"),
         Column("second", Form.TEXT, "probe, or collector", "Second"),
         Column("low_ns", Form.DURATION, "ahead by at least that much", "Ahead ≥"),
         Column("high_ns", Form.DURATION, "and by at most that much", "Ahead ≤"),
         Column("offset_ns", Form.DURATION, "the middle", "Middle"),
         Column("bound_ns", Form.DURATION, "how far off it may be", "Give or take"),
         Column("steady", Form.TEXT, "yes: one offset fits all; no: clocks drifted, or were set", "Steady"),
         Column("rows", Form.COUNT, "observations", "Rows"), Column("begin", Form.MOMENT, "of the first one", "From (UTC)"),
         Column("end", Form.MOMENT, "of the last one", "To (UTC)")), clocks, (OFFSET, HEARTBEATS),
        frozenset({"time", "probe", "class"}), limit=None, partly=True),
)
