"""The Grafana dashboard and what else is written from the metrics."""

import json
import re

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.conftest import REPOSITORY
from tmon_agent.metrics.dashboard import COLUMNS, dashboard, dashboard_page
from tmon_agent.metrics.names import METRICS
from tmon_agent.metrics.page import metrics_page
from tmon_agent.metrics.panels import now, rate

SAMPLES = {m.sample for m in METRICS}


def test_the_files_are_fresh():
    """If not: scripts/generate_docs."""
    assert dashboard_page() == (REPOSITORY / "etc" / "grafana" / "trafmon.json").read_text()
    assert metrics_page() == (REPOSITORY / "docs" / "metrics.md").read_text()


def test_grafana_understands_all_of_it():
    """By the models that Grafana generates from its schema: nothing is unknown to them, nothing is changed by them."""
    register_default_plugins()
    ours = json.loads(dashboard_page())
    theirs = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(ours)))
    assert list(missing(ours, theirs)) == []


def missing(ours, theirs, where=""):
    """What one has and the other has not, or has otherwise."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name, value in ours.items():
            if name in theirs:
                yield from missing(value, theirs[name], f"{where}/{name}")
            else:
                yield f"{where}/{name}"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for n, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from missing(one, other, f"{where}/{n}")
    elif ours != theirs:
        yield where


def test_panels_do_not_overlap():
    """And lie within the grid; each has an id of its own and at least one query, rows have none."""
    panels, taken = dashboard()["panels"], set()
    assert len({p["id"] for p in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= COLUMNS
        taken |= cells
        assert bool(panel.get("targets")) == (panel["type"] != "row")


def names_in(text):
    return set(re.findall(r"\btrafmon_\w+", text))


@pytest.mark.parametrize("file", ["etc/grafana/trafmon.json", "etc/prometheus/trafmon-rules.yml", "docs/prometheus.md"])
def test_every_metric_named_exists(file):
    found = names_in((REPOSITORY / file).read_text())
    assert found
    assert found <= SAMPLES


def test_what_is_not_declared_is_refused():
    with pytest.raises(KeyError):
        now("probe_wishes")
    with pytest.raises(ValueError, match="no counter"):
        rate("probe_flows")
