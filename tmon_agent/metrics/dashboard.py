"""The Grafana dashboard, etc/grafana/trafmon.json, from the panels that are declared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tmon_agent.metrics.names import NAMESPACE
from tmon_agent.metrics.panels import ROWS, Panel

COLUMNS = 24  # of Grafana's grid
HEIGHT = 7
SCHEMA_VERSION = 38  # of Grafana 10
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard_page() -> str:
    """The file."""
    return json.dumps(dashboard(), indent=1) + "\n"


def dashboard() -> dict[str, Any]:
    return {
        "uid": "trafmon-programs", "title": "trafMon: probes and collectors", "tags": ["trafmon"], "schemaVersion": SCHEMA_VERSION,
        "description": "How the programs of trafMon are. Generated from the metrics that they declare.",
        "editable": True, "graphTooltip": 1, "refresh": "30s", "timezone": "browser", "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [
            {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"},
            _variable("probe"), _variable("collector")]},
        "panels": list(_laid_out()),
    }


def _variable(label: str) -> dict[str, Any]:
    """A choice of programs. .* and not what is there: links name collectors of other hosts."""
    query = f"label_values({NAMESPACE}_{label}_up, {label})"
    return {"type": "query", "name": label, "label": label.capitalize(), "datasource": DATASOURCE,
            "query": {"query": query, "refId": label}, "refresh": 2, "sort": 1, "multi": True, "includeAll": True,
            "allValue": ".*", "current": {"text": "All", "value": "$__all"}}


def _laid_out() -> Iterator[dict[str, Any]]:
    """Rows from top to bottom, panels from left to right."""
    number, y = 0, 0
    for row in ROWS:
        number += 1
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "panels": [],
               "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}}
        y, x = y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y = 0, y + HEIGHT
            number += 1
            yield _panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": HEIGHT})
            x += panel.width
        y += HEIGHT


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit}
    if panel.kind == "stat":
        steps = [{"color": "green", "value": None}, *([{"color": "red", "value": 1}] if panel.bad else [])]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        options: dict[str, Any] = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "colorMode": "value"}
    else:
        scale = {"type": "log", "log": 10} if panel.log else {"type": "linear"}
        defaults["custom"] = {"lineWidth": 1, "fillOpacity": 5, "showPoints": "never", "scaleDistribution": scale}
        options = {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                   "tooltip": {"mode": "multi", "sort": "desc"}}
    targets = [{"refId": chr(ord("A") + n), "datasource": DATASOURCE, "expr": q.expression, "legendFormat": q.legend or "__auto"}
               for n, q in enumerate(panel.queries)]
    return {"id": number, "type": panel.kind, "title": panel.title, "gridPos": place, "datasource": DATASOURCE,
            **({"description": panel.meaning} if panel.meaning else {}),
            "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options, "targets": targets}
