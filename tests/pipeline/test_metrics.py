"""Metrics of real programs: the numbers of their statistics, as promtool and Prometheus want them, and enough for the dashboard."""

import json
import re
import subprocess
import sys

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from tests.oracles import prometheus
from tests.oracles.prometheus import Prometheus, promtool
from tests.pipeline.agent_site import FLOWS, PACKETS, Site, page, samples, until_answering
from tests.pipeline.probe_process import LIMIT_S, ROOT, until
from tmon_agent.managed.declaration import Syntax
from tmon_agent.metrics.names import METRICS
from tmon_collector import health as of_collector
from tmon_probe import health as of_probe

OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}
PREFIXES = {"Probe": "", "Interface": "interface_0_", "Ring": "father_0_", "Link": "collector_0_", "Collector": "",
            "HeardProbe": "probe_0_"}
"""Of the numbers of a table's only row here."""
WRITTEN = "trafmon_spool_kind_rows_total", (("collector", "collector"), ("kind", "ip_counters"))
needs_prometheus = pytest.mark.skipif(not prometheus.AVAILABLE, reason=prometheus.WHY_NOT)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A probe that has told a collector all it has read, and waits; `addresses` of their agents."""
    with Site(tmp_path_factory.mktemp("site")) as site:
        site.addresses = {"collector": until_answering(site.run_collector()), "probe": until_answering(site.run_probe())}
        until(lambda: numbers(site)["probe"]["flows"] == FLOWS, "all packets are measured")
        until(lambda: samples(site.addresses["collector"])[WRITTEN] == FLOWS, "the collector has written them")
        yield site


def numbers(site):
    """Of both programs, by their statistics."""
    found = {}
    for kind, health in (("probe", of_probe), ("collector", of_collector)):
        reader = health.attach(site.configuration, kind)
        found[kind] = reader.snapshot()
        reader.close()
    return found


def test_metrics_are_the_statistics(site):
    """Every number of every table with one row here: between what it was before it was asked for, and what it was after."""
    before, asked, after = numbers(site), {kind: samples(a) for kind, a in site.addresses.items()}, numbers(site)
    compared = 0
    for metric in METRICS:
        column = metric.table.columns[metric.columns[0]] if len(metric.columns) == 1 else None
        if column is None or column.source[:1] in ("", "@") or metric.table.name not in PREFIXES or column.syntax is Syntax.STATE:
            continue
        kind = metric.labels[0]
        name = PREFIXES[metric.table.name] + column.source
        [value] = [v for (n, labels), v in asked[kind].items() if n == metric.sample and ("probe", "bare") not in labels]
        low, high = sorted((before[kind][name] / metric.divisor, after[kind][name] / metric.divisor))
        assert low <= value <= high, metric.sample
        compared += 1
    assert compared > 80


def test_metrics_are_what_the_recording_has(site):
    """The figures are those that it was made with."""
    of_probe, of_collector = (samples(site.addresses[kind]) for kind in ("probe", "collector"))
    assert of_probe["trafmon_probe_packets_total", (("probe", "probe"),)] == PACKETS
    assert of_probe["trafmon_interface_packets_total", (("interface", "lan"), ("probe", "probe"))] == PACKETS
    assert of_probe["trafmon_probe_flows", (("probe", "probe"),)] == FLOWS
    assert of_probe["trafmon_analysis_value", (("counter", "tcp_connections"), ("probe", "probe"))] == 0
    assert of_probe["trafmon_link_long_retry", (("collector", "collector"), ("probe", "probe"))] == 0
    assert of_collector["trafmon_heard_probe_state", (("collector", "collector"), ("probe", "probe"), ("state", "alive"))] == 1
    assert of_collector[WRITTEN] == FLOWS


def test_top_shows_the_same(site):
    """`trafmon top --json`."""
    done = subprocess.run([sys.executable, "-m", "trafmon", "top", "--json", "--interval", "100ms", "-c", site.configuration.path],
                          capture_output=True, text=True, timeout=LIMIT_S, check=True, cwd=ROOT)
    [shown], [collector] = (json.loads(done.stdout)[what] for what in ("probes", "collectors"))
    assert collector["rows_by_kind"]["ip_counters"] == FLOWS
    assert [(p["probe"], p["state"]) for p in collector["probes"]] == [("probe", "alive"), ("bare", "never")]
    asked = samples(site.addresses["probe"])
    assert (shown["packets"], shown["flows"], shown["drops"]) == tuple(
        asked[f"trafmon_probe_{name}", (("probe", "probe"),)] for name in ("packets_total", "flows", "kernel_drops_total"))


@pytest.mark.parametrize("kind", ["probe", "collector"])
def test_openmetrics(site, kind):
    """When it is asked for, as the reference parser reads it: the same names and labels."""
    text = page(site.addresses[kind], **OPENMETRICS)
    assert text.endswith("# EOF\n")
    found = {(s.name, tuple(sorted(s.labels.items()))) for family in parse_openmetrics(text) for s in family.samples}
    assert found == set(samples(site.addresses[kind]))


@needs_prometheus
@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["probe", "collector"])
def test_promtool_has_nothing_to_say(site, kind):
    """It parses what is told and knows how metrics are to be called."""
    assert promtool("check", "metrics", given=page(site.addresses[kind])) == ""


@needs_prometheus
@pytest.mark.oracle
def test_the_samples_are_valid(tmp_path):
    """What etc/prometheus has to copy, and what docs/prometheus.md shows."""
    folder = ROOT / "etc" / "prometheus"
    (tmp_path / "prometheus.yml").write_text(in_the_document("yaml"))
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml", directory=tmp_path)
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml", directory=folder)
    assert "SUCCESS" in promtool("check", "rules", "trafmon-rules.yml", directory=folder)


@needs_prometheus
@pytest.mark.oracle
def test_prometheus_has_what_the_dashboard_shows(site, tmp_path):
    """A real one asks both agents; it understands every query of the dashboard and every alert, and finds series for those that
    our site can have. No alert is raised."""
    targets = [address.removeprefix("http://") for address in site.addresses.values()]
    with Prometheus(tmp_path, targets, (ROOT / "etc" / "prometheus" / "trafmon-rules.yml",)) as server:
        until(lambda: [value for _, value in server.query("up")] == [1, 1], "both are asked")
        until(lambda: all(v >= 3 for _, v in server.query("count_over_time(up[1m])")), "rates can be had")
        assert server.query("trafmon_probe_packets_total")[0][1] == PACKETS
        for line in in_the_document("promql").splitlines():
            assert server.query(line.split("   ")[0]), line
        without = [title for title, expression in dashboard_queries() if not server.query(expression)]
        assert without == [*AWAY]
        assert not server.ask("alerts")["data"]["alerts"]
        assert len(server.ask("rules", type="alert")["data"]["groups"][0]["rules"]) > 10


AWAY = ("Sent again", "Packets judged", "Observations that wait", *["Observations not used"] * 6, *["Rounds"] * 2,
        "Clashes of signatures", "Delays below zero")
"""Panels that need PDUs on their way just now, or a one-way class."""


def in_the_document(language):
    """The block of docs/prometheus.md in that language."""
    text = (ROOT / "docs" / "prometheus.md").read_text()
    return re.search(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[1]


def dashboard_queries():
    """(title, expression) with what Grafana would put in for its variables."""
    variables = {"$__rate_interval": "10s", "$__range": "10s", "$probe": ".*", "$collector": ".*"}
    for panel in json.loads((ROOT / "etc" / "grafana" / "trafmon.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], re.sub(r"\$\w+", lambda name: variables[name[0]], target["expr"])
