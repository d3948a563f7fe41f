"""A change of a series as an event."""

from __future__ import annotations

from collections.abc import Sequence

from tmon_collector.thresholds.watch import Change
from tmon_common.config.fields import FLOW_FIELDS
from tmon_common.config.model import SECOND, Threshold
from tmon_common.events import Event, Severity, event
from tmon_common.metrics import METRICS, Form, text_of


def event_of(t: Threshold, probe: str, key: Sequence[str], change: Change, now_wall_ns: int) -> Event:
    """probe: "" where all are put together; key: texts of the fields that `per` names, in the order of FLOW_FIELDS."""
    metric = METRICS[t.metric]
    common = {
        "series": _series(t, probe, key),
        "metric": " ".join([t.metric, *([t.service] if t.service else []),
                            *([f"p{t.percentile:g}"] if metric.form is Form.PERCENTILE else [])]),
        "what": "no rows any more" if change.value is None else text_of(change.value, metric.unit),
        "value": _number(change.value),
        "baseline": _number(change.usual),
        "start": change.start_ns // SECOND,
        "seconds": t.interval_ns // SECOND,
        "intervals": t.consecutive,
    }
    if change.crossed:
        return event("threshold_crossed", now_wall_ns, t.name, Severity(t.severity), **common,
                     side="above" if t.above else "below", limit=_limit(t, change, change.limit, t.limit),
                     limit_value=_number(change.limit))
    lasted_ns = change.start_ns + t.interval_ns - change.since_ns
    return event("threshold_back", now_wall_ns, t.name, **common, back=_limit(t, change, change.back, t.back),
                 lasted=lasted_ns // SECOND)


def _series(t: Threshold, probe: str, key: Sequence[str]) -> str:
    fields = [f for f in FLOW_FIELDS if f in t.per]
    parts = [f"class {t.flow_class}", f"probe {probe}" if probe else "all probes",
             *(f"{field} {text or '-'}" for field, text in zip(fields, key, strict=True))]
    return ", ".join(parts)


def _limit(t: Threshold, change: Change, value: float | None, times: float) -> str:
    if value is None:
        return ""
    unit = METRICS[t.metric].unit
    if change.usual is None:
        return text_of(value, unit)
    return f"{text_of(value, unit)} ({times:g} times the usual {text_of(change.usual, unit)})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"
