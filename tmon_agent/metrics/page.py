"""docs/metrics.md, from the declared metrics. `scripts/generate_docs` writes it."""

from __future__ import annotations

from itertools import groupby

from tmon_agent.metrics.names import METRICS, Named, Type

_HEAD = """\
# Metrics

<!-- Written by scripts/generate_docs from tmon_agent/managed/. Do not edit. -->

What the agents of probes and collectors tell Prometheus ([prometheus.md](prometheus.md)); SNMP ([snmp.md](snmp.md)) has the same.
A metric that does not apply to a program, or is not known now, is not there. Times are seconds since 1970-01-01 UTC, 0 for never.
"""
_TYPES = {Type.COUNTER: "counter", Type.GAUGE: "gauge", Type.STATES: "gauge, one a state", Type.UNKNOWN: "untyped",
          Type.INFO: "info"}


def metrics_page() -> str:
    """The whole page."""
    lines = [_HEAD.rstrip("\n")]
    for title, metrics in groupby(METRICS, _title):
        lines += ["", f"## {title}", "", "| metric | type | labels | |", "|---|---|---|---|", *map(_row, metrics)]
    return "\n".join(lines) + "\n"


def _title(metric: Named) -> str:
    return metric.table.meaning.rstrip(".") if metric.columns else "The agent itself"


def _row(metric: Named) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.sample}` | {_TYPES[metric.type]} | {labels} | {metric.help} |"
