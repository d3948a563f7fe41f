"""<thresholds>: what is compared with what, and when that is an event."""

from __future__ import annotations

from tmon_common.config.classes import parse_interval
from tmon_common.config.fields import FLOW_FIELDS
from tmon_common.config.model import SECOND, Baseline, FlowClass, GranularFlow, Probe, Threshold, Thresholds
from tmon_common.config.node import Node, check_unique
from tmon_common.config.quantities import (
    format_duration,
    parse_bit_rate,
    parse_count,
    parse_duration,
    parse_multiplier,
    parse_per_second,
    parse_ratio,
    parse_times,
    split_list,
)
from tmon_common.config.structure import nearest
from tmon_common.metrics import METRICS, Form, Metric, Unit

HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
CLOSING_NS = SECOND
"""Probes close the rows of an interval so long after its end."""
MAX_SERIES = 10_240
MAX_OVER = 1440
MAX_HISTORY_VALUES = 1 << 22
"""Values that the baselines of one threshold (of one probe) may keep."""

_PARSERS = {
    Unit.BIT_RATE: parse_bit_rate,
    Unit.PER_SECOND: parse_per_second,
    Unit.RATIO: parse_ratio,
    Unit.SECONDS: lambda text: parse_duration(text, 0, HOUR) / SECOND,
    Unit.COUNT: parse_count,
}


def read_thresholds(node: Node | None, classes: tuple[FlowClass, ...], probes: tuple[Probe, ...]) -> Thresholds:
    if node is None:
        return Thresholds()
    nodes = node.children("threshold")
    check_unique(nodes, "the configuration")
    by_name = {c.name: c for c in reversed(classes)}
    max_series = node.value("max_series", parse_count, 1, MAX_SERIES)
    grace_ns = node.value("grace", parse_duration, SECOND, HOUR)
    _check_grace(node, grace_ns, probes)
    members = [_threshold(n, by_name, max_series) for n in nodes]
    return Thresholds(
        members=tuple(t for t in members if t is not None),
        grace_ns=grace_ns,
        max_series=max_series,
        max_flows=node.value("max_flows", parse_count, 4 << 10, 16 << 20),
    )


def _check_grace(node: Node, grace_ns: int, probes: tuple[Probe, ...]) -> None:
    """Rows that are still in a PDU under construction must not be given up."""
    slowest = max(((b.max_build_ns, p.name) for p in probes for b in p.publications), default=(0, ""))
    if grace_ns < slowest[0] + CLOSING_NS:
        node.problem(f'grace="{node.text("grace")}": probe "{slowest[1]}" sends rows up to {format_duration(slowest[0])} '
                     f"(max_build) and {format_duration(CLOSING_NS)} after their interval; expected at least "
                     f"{format_duration(slowest[0] + CLOSING_NS)}, and time for a retry", "grace")


def _threshold(node: Node, classes: dict[str, FlowClass], max_series: int) -> Threshold | None:
    """None where class or metric cannot be told: nothing else about it can be checked then."""
    name = node.name()
    flow_class, metric = _named(node, "class", classes, "flow class"), _named(node, "metric", METRICS, "metric")
    if flow_class is None or metric is None:
        return None
    flow = _flow(node, flow_class)
    interval_ns = _interval(node, flow_class, metric)
    baseline = _baseline(node, max_series)
    above, limit, back = _limits(node, metric, baseline)
    per = node.value("per", _per, flow) or ()
    if not above and metric.form.from_nothing and set(per) >= set(flow.fields) and flow.fields:
        node.problem("every flow that ends would cross it; expected fewer fields, or above", "per")
    return Threshold(
        name=name,
        flow_class=flow_class.name,
        metric=metric.name,
        limit=limit,
        back=back,
        above=above,
        service=_service(node, metric),
        percentile=_percentile(node, metric),
        flow=flow.name,
        per=per,
        interval_ns=interval_ns,
        consecutive=_consecutive(node, interval_ns),
        samples=_samples(node, metric),
        baseline=baseline,
        at_least=_at_least(node, metric, baseline, above),
        severity=node.text("severity") or "warning",
    )


def _named(node: Node, attribute: str, known: dict, what: str):
    text = node.text(attribute)
    if text is not None and text not in known:
        node.problem(f'{attribute}="{text}": there is no such {what}{nearest(text, known)}', attribute)
    return known.get(text or "")


def _flow(node: Node, flow_class: FlowClass) -> GranularFlow:
    flows = {f.name: f for f in flow_class.flows}
    nothing = GranularFlow("", frozenset())
    if node.given("flow"):
        return _named(node, "flow", flows, f'flow in class "{flow_class.name}"') or nothing
    return next(iter(flow_class.flows), nothing)


def _interval(node: Node, flow_class: FlowClass, metric: Metric) -> int:
    """That of the threshold, ns; the analysis must be there, and its intervals must fit."""
    analysis = next((a for a in flow_class.analyses if a.kind == metric.analysis), None)
    if analysis is None:
        node.problem(f'{metric.name} is made from the analysis {metric.analysis}, which class "{flow_class.name}" does not have; '
                     f'expected <analysis kind="{metric.analysis}" ...> there, or another metric', "metric")
    by_interval = metric.time == "start"
    own = analysis.interval_ns if analysis and by_interval and analysis.interval_ns else 60 * SECOND
    interval_ns = node.value("interval", parse_interval) or own
    if analysis and by_interval and interval_ns % own:
        node.problem(f'interval="{node.text("interval")}": {metric.analysis} of class "{flow_class.name}" counts by '
                     f"{format_duration(own)}; expected a multiple of that", "interval")
    return interval_ns


def _baseline(node: Node, max_series: int | None) -> Baseline | None:
    kind = node.text("baseline")
    if not kind:
        _refuse(node, ("over", "history", "at_least"), 'counts beside baseline="..." only')
        return None
    over = node.value("over", parse_count, 3, MAX_OVER) or 60
    history = node.value("history", parse_count, 1, MAX_OVER) or over
    if kind == "median":
        if history > over:
            node.problem(f"history is longer than the {over} intervals that are kept; expected at most as many", "history")
        if over * (max_series or 1) > MAX_HISTORY_VALUES:
            node.problem(f"a median over {over} intervals of max_series {max_series} series keeps too much; expected at most "
                         f"{MAX_HISTORY_VALUES // (max_series or 1)} intervals, fewer series, or ewma", "over")
    return Baseline(kind, over, history)


def _limits(node: Node, metric: Metric, baseline: Baseline | None) -> tuple[bool, float, float]:
    """(above, limit, back)."""
    given = [a for a in ("above", "below") if node.given(a)]
    if len(given) != 1:
        node.problem(f"threshold has {' and '.join(given) or 'no limit'}; expected exactly one of above, below", *given[:1])
    above = "below" not in given
    parse = parse_times if baseline else _PARSERS[metric.unit]
    limit = node.value(given[0], parse) if given else None
    if limit is None:
        return above, 0.0, 0.0
    back = node.value("back", parse)
    if back is None:
        back = limit * (0.9 if above else 1.1)
    elif back > limit if above else back < limit:
        node.problem(f'back="{node.text("back")}" is crossed already; expected at {"most" if above else "least"} '
                     f'{given[0]}="{node.text(given[0])}"', "back")
    return above, float(limit), float(back)


def _per(text: str, flow: GranularFlow) -> tuple[str, ...]:
    known = ("probe", *(f for f in FLOW_FIELDS if f in flow.fields))
    names = split_list(text)
    for name in names:
        if name not in (*known, "flow"):
            raise ValueError(f'the flows have no "{name}"{nearest(name, (*known, "flow"))}')
    return known[0 if "probe" in names else 1 :] if "flow" in names else tuple(n for n in known if n in names)


def _service(node: Node, metric: Metric) -> str:
    column, known = metric.services
    service = node.text("service")
    if not column:
        _refuse(node, ("service",), f"{metric.name} has no services")
        return ""
    if service is None:
        node.problem(f'{metric.name} is of one service; expected service="..." with one of: {", ".join(known)}')
    return _named(node, "service", {k: k for k in known}, "service") or ""


def _percentile(node: Node, metric: Metric) -> float:
    if metric.form is not Form.PERCENTILE:
        _refuse(node, ("percentile",), f"{metric.name} is no distribution")
        return 0.0
    return 95.0 if not node.given("percentile") else node.value("percentile", parse_multiplier, 0.001, 100) or 0.0


def _consecutive(node: Node, interval_ns: int) -> int:
    lasts = node.value("for", parse_duration, interval_ns, DAY) or interval_ns
    if lasts % interval_ns:
        node.problem(f'for="{node.text("for")}": expected a multiple of the interval, {format_duration(interval_ns)}', "for")
    return lasts // interval_ns


def _samples(node: Node, metric: Metric) -> int:
    if metric.form.from_nothing:
        _refuse(node, ("samples",), f"{metric.name} needs none")
        return 1
    return node.value("samples", parse_count, 1, 1 << 20) or 1


def _at_least(node: Node, metric: Metric, baseline: Baseline | None, above: bool) -> float:
    if baseline and not above:
        _refuse(node, ("at_least",), "counts beside above only")
    return float(node.value("at_least", _PARSERS[metric.unit]) or 0) if baseline else 0.0


def _refuse(node: Node, attributes: tuple[str, ...], why: str) -> None:
    for attribute in attributes:
        if node.given(attribute):
            node.problem(f'{attribute}="{node.text(attribute)}": {why}; expected the attribute to be left out', attribute)
