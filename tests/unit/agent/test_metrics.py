"""Metrics: names that Prometheus wants, values that are the program's, both formats read by its own parsers."""

import re
from itertools import pairwise

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.unit.agent.programs import COLLECTOR_NUMBERS, PROBE_NUMBERS, START_NS, collector_source, probe_source, view_of
from tmon_agent.managed.declaration import Syntax
from tmon_agent.managed.tables import TABLES
from tmon_agent.metrics.answers import Answers
from tmon_agent.metrics.http import Request
from tmon_agent.metrics.names import METRICS, Type, snake

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
BOTH = pytest.mark.parametrize("accept", ["", OPENMETRICS], ids=["text", "openmetrics"])


def samples(view, accept=""):
    """{(name of the sample, its labels): value}."""
    response = Answers(view).answer(Request("GET", "/metrics", {"accept": accept}))
    assert response.type.startswith("application/openmetrics-text" if accept else "text/plain")
    families = (parse_openmetrics if accept else parse_text)(response.body.decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def of(found, name, **labels):
    return found[f"trafmon_{name}", tuple(sorted(labels.items()))]


@BOTH
def test_values_of_a_probe(accept):
    """In base units; an interface by its name; nothing for what is not known."""
    found = samples(view_of(probe_source()), accept)
    assert of(found, "probe_up", probe="edge") == 1
    assert of(found, "probe_packets_total", probe="edge") == PROBE_NUMBERS["packets_seen"]
    assert of(found, "probe_child_cpu_seconds_total", probe="edge") == 1.5
    assert of(found, "probe_start_time_seconds", probe="edge") == START_NS / 1e9
    assert of(found, "interface_packets_total", probe="edge", interface="lan") == PROBE_NUMBERS["interface_0_packets_seen"]
    assert of(found, "interface_last_packet_seconds", probe="edge", interface="lan") == START_NS // 10**9 + 0.25
    assert of(found, "interface_info", probe="edge", interface="wan", device='e"1\\') == 1
    assert of(found, "ring_filled", probe="edge", father="1") == 3
    assert of(found, "analysis_value", probe="edge", counter="odd name") == 1
    assert of(found, "link_long_retry", probe="edge", collector="second") == 1
    assert not [name for name, _ in found if name in ("trafmon_probe_rows_total", "trafmon_collector_rows_total")]


@BOTH
def test_values_of_a_collector(accept):
    found = samples(view_of(collector_source(), "collector"), accept)
    assert of(found, "collector_up", collector="central") == 1
    assert of(found, "collector_received_bytes_total", collector="central") == COLLECTOR_NUMBERS["octets"]
    assert of(found, "heard_probe_clock_offset_seconds", collector="central", probe="edge") == -0.0025
    states = {state: of(found, "heard_probe_state", collector="central", probe="edge", state=state)
              for state in ("never", "alive", "silent")}
    assert states == {"never": 0, "alive": 1, "silent": 0}
    assert of(found, "rejection_datagrams_total", collector="central", reason="corrupt") == 3
    assert of(found, "one_way_class_packets_total", collector="central", **{"class": "video"}) == 8


@BOTH
def test_a_program_that_does_not_run(accept):
    """Only that is told."""
    found = samples(view_of(None), accept)
    assert of(found, "probe_up", probe="edge") == 0
    assert {name for name, _ in found} == {"trafmon_probe_up", "trafmon_agent_http_connections_total"}


def test_every_column_with_a_metric_is_told_once():
    """And no name twice."""
    names = [m.sample for m in METRICS]
    assert len(names) == len(set(names))
    columns = [(m.table, n) for m in METRICS for n in m.columns]
    assert len(columns) == len(set(columns))
    assert {(t, n) for t in TABLES for n, c in enumerate(t.columns) if c.metric} <= set(columns)


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.sample)
def test_names_are_as_prometheus_wants_them(metric):
    """https://prometheus.io/docs/practices/naming: base units in the plural, _total for counters and for nothing else, no word
    twice, letters that need no quoting."""
    assert re.fullmatch(r"trafmon(_[a-z0-9]+)+", metric.sample)
    assert metric.sample.endswith("_total") == (metric.type is Type.COUNTER)
    words = metric.sample.split("_")
    assert not [w for w, following in pairwise(words) if w == following]
    assert not {"ns", "ms", "octets", "microseconds"} & set(words)
    assert metric.unit in ("", "seconds", "bytes")
    assert metric.name.endswith(metric.unit)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in metric.labels)
    assert re.fullmatch(r"[A-Z].+\.", metric.help)


def test_what_grows_is_declared_to_grow():
    """Counter64 and counter are the same objects, but for the table whose rows are of both sorts."""
    for metric in METRICS:
        syntaxes = {metric.table.columns[n].syntax for n in metric.columns}
        if metric.columns and metric.table.name != "Analysis":
            assert (metric.type is Type.COUNTER) == (syntaxes == {Syntax.COUNTER}), metric.sample


@pytest.mark.parametrize(("text", "expected"), [("OneWayClass", "one_way_class"), ("probe", "probe"), ("upTime", "up_time")])
def test_snake(text, expected):
    assert snake(text) == expected
