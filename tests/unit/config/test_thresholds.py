"""<thresholds>: what is read, and what is refused with its line."""

import re

import pytest

from tests.unit.config.documents import problems_of, spoiled, write
from tmon_common.config.grammar import dtd_path
from tmon_common.config.model import SECOND, Baseline, Thresholds
from tmon_common.config.read import read
from tmon_common.metrics import METRICS, Unit

DTD = dtd_path().read_text()
LIMITS = {Unit.BIT_RATE: ("1.5Mbit/s", 1_500_000), Unit.PER_SECOND: ("0.5/s", 0.5), Unit.RATIO: ("2.5%", 0.025),
          Unit.SECONDS: ("150ms", 0.15), Unit.COUNT: ("5", 5)}
CLASS = """<flow_class name="all">
  <flow name="hosts" fields="src_addr dst_addr"/>
  <flow name="ports" fields="interface src_addr dst_addr src_port dst_port"/>
  <analysis kind="ip_counters" interval="30s"/><analysis kind="udp_counters"/><analysis kind="tcp_counters"/>
  <analysis kind="icmp_counters"/><analysis kind="round_trip" histogram="delays"/><analysis kind="tcp_connection"/>
  <analysis kind="dns_transaction"/><analysis kind="ftp"/>
</flow_class>
<flow_class name="way">
  <flow name="f" fields="src_addr dst_addr" direction="unidirectional"/>
  <one_way>
    <hop name="a"><at probe="p1" interface="lan"/></hop><hop name="z"><at probe="p0" interface="lan"/></hop>
  </one_way>
</flow_class>
</flow_classes>"""
SECOND_PROBE = """<probe name="p0"><interface name="lan" device="eth0"/><publish collector="central"/></probe>
</probes>"""
RATE = 'class="all" metric="octet_rate"'
RTT = 'class="all" metric="round_trip"'
USUAL = f'{RATE} above="3x" baseline="median"'


def document(*thresholds: str, attributes: str = "") -> str:
    """The good document with thresholds, given as their attributes, one a line."""
    text, _ = spoiled("  </flow_classes>", CLASS)
    text, _ = spoiled("</probes>", SECOND_PROBE, text)
    lines = "\n".join(f'<threshold name="t{i}" {t}/>' for i, t in enumerate(thresholds))
    text, _ = spoiled("  <collectors>", f"<thresholds {attributes}>\n{lines}\n</thresholds>\n<collectors>", text)
    return text


def of(tmp_path, *thresholds: str, **more):
    return read(write(tmp_path, document(*thresholds, **more))).thresholds


def test_none():
    """No element, nothing watched."""
    assert () == Thresholds().members


def test_defaults(tmp_path):
    """Those that the grammar tells."""
    found = of(tmp_path, f'{RATE} above="2Mbit/s"')
    [t] = found.members
    assert (30 * SECOND, 1000, 1 << 20) == (found.grace_ns, found.max_series, found.max_flows)
    assert ("t0", "all", "octet_rate", 2e6, 1.8e6, True) == (t.name, t.flow_class, t.metric, t.limit, t.back, t.above)
    assert ("hosts", ("probe",), 30 * SECOND, 1, "warning") == (t.flow, t.per, t.interval_ns, t.consecutive, t.severity)
    assert t.baseline is None


def test_everything_given(tmp_path):
    """All attributes."""
    found = of(tmp_path, f'{RTT} service="dns" percentile="99.9" below="2ms" back="3ms" interval="5min" for="15min" samples="20" '
               'per="src_addr probe" severity="error"',
               f'{USUAL} back="2x" over="5" history="4" at_least="1kbit/s" flow="ports" per="flow"',
               f'{RATE} above="0.5x" baseline="ewma" per=""', attributes='grace="1min" max_series="10" max_flows="64k"')
    assert (60 * SECOND, 10, 65536) == (found.grace_ns, found.max_series, found.max_flows)
    rtt, usual, average = found.members
    assert ("dns", 99.9, 0.002, 0.003, False) == (rtt.service, rtt.percentile, rtt.limit, rtt.back, rtt.above)
    assert (300 * SECOND, 3, 20, ("probe", "src_addr")) == (rtt.interval_ns, rtt.consecutive, rtt.samples, rtt.per)
    assert rtt.severity == "error"
    assert (Baseline("median", 5, 4), 3.0, 2.0, 1000.0) == (usual.baseline, usual.limit, usual.back, usual.at_least)
    assert ("ports", ("interface", "src_addr", "dst_addr", "src_port", "dst_port")) == (usual.flow, usual.per)
    assert (Baseline("ewma", 60, 60), ()) == (average.baseline, average.per)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric(tmp_path, metric):
    """Each with a limit in its unit; the DTD names it; its columns exist."""
    text, value = LIMITS[metric.unit]
    services = metric.services[1]
    service = f'service="{services[0]}"' if services else ""
    name = "way" if metric.analysis == "one_way" else "all"
    [t] = of(tmp_path, f'class="{name}" metric="{metric.name}" above="{text}" {service}').members
    assert t.limit == pytest.approx(value)
    assert re.search(rf"\b{metric.name}\b", DTD)
    names = [c if isinstance(c, str) else c.column for c in (*metric.of, *metric.out_of, metric.time, metric.bucket)]
    for name in (n for n in names if n):
        assert name in metric.kind.dtype.fields


def test_services_are_in_the_dtd():
    for metric in METRICS.values():
        for service in metric.services[1]:
            assert re.search(rf"\b{service}\b", DTD)


CASES = {
    "class": ('class="al" metric="octet_rate" above="1bit/s"', r'class="al": there is no such flow class; did you mean "all"\?'),
    "metric": ('class="all" metric="octet_rat" above="1bit/s"', r'there is no such metric; did you mean "octet_rate"\?'),
    "analysis": ('class="rest" metric="octet_rate" above="1bit/s"', r'made from the analysis ip_counters, which class "rest"'),
    "no limit": (RATE, r"threshold has no limit; expected exactly one of above, below"),
    "two limits": (f'{RATE} above="2bit/s" below="1bit/s"', r"threshold has above and below; expected exactly one"),
    "unit of a rate": (f'{RATE} above="2Mbit"', r'above="2Mbit": expected a rate such as 1.5Mbit/s'),
    "unit of packets": ('class="all" metric="packet_rate" above="5"', r"expected a number per second, such as 100/s"),
    "unit of a time": (f'{RTT} service="dns" above="5"', r"expected a length of time"),
    "ratio": ('class="all" metric="fragment_ratio" above="101%"', r"expected a ratio: 0% to 100%"),
    "times without baseline": (f'{RATE} above="3x"', r"expected a rate such as"),
    "value with a baseline": (f'{RATE} above="3Mbit/s" baseline="ewma"', r"expected how many times the baseline, such as 3x"),
    "back above": (f'{RATE} above="2bit/s" back="3bit/s"', r'is crossed already; expected at most above="2bit/s"'),
    "back below": (f'{RATE} below="2bit/s" back="1bit/s"', r'is crossed already; expected at least below="2bit/s"'),
    "interval": (f'{RATE} above="2bit/s" interval="20s"', r"ip_counters of class \"all\" counts by 30s; expected a multiple"),
    "for": (f'{RATE} above="2bit/s" for="45s"', r'for="45s": expected a multiple of the interval, 30s'),
    "for, short": (f'{RATE} above="2bit/s" for="1s"', r'for="1s": expected 30s to 1d'),
    "no service": (f'{RTT} above="1s"', r'round_trip is of one service; expected service="..." with one of: icmp_echo, dns'),
    "service": (f'{RTT} service="dsn" above="1s"', r'service="dsn": there is no such service; did you mean "dns"\?'),
    "service of a rate": (f'{RATE} service="dns" above="1bit/s"', r"octet_rate has no services; expected the attribute to be left"),
    "percentile of a rate": (f'{RATE} percentile="5" above="1bit/s"', r"octet_rate is no distribution"),
    "percentile": (f'{RTT} service="dns" percentile="101" above="1s"', r'percentile="101": expected 0.001 to 100'),
    "samples of a rate": (f'{RATE} samples="5" above="1bit/s"', r"octet_rate needs none"),
    "per": (f'{RATE} per="probe vlan" above="1bit/s"', r'the flows have no "vlan"; expected one of: probe, src_addr'),
    "flow": (f'{RATE} flow="port" above="1bit/s"', r'flow="port": there is no such flow in class "all"; did you mean "ports"\?'),
    "below, per flow": (f'{RATE} per="probe flow" below="1bit/s"', r"every flow that ends would cross it"),
    "over without baseline": (f'{RATE} above="1bit/s" over="5"', r'over="5": counts beside baseline="..." only'),
    "history": (f'{USUAL} over="5" history="6"', r"history is longer than the 5 intervals that are kept"),
    "at_least below": (f'{RATE} below="0.5x" baseline="ewma" at_least="1bit/s"', r"counts beside above only"),
    "severity": (f'{RATE} above="1bit/s" severity="bad"', r'severity="bad" of <threshold>; expected one of: info, warning, error'),
    "baseline": (f'{RATE} above="3x" baseline="mean"', r'baseline="mean" of <threshold>; did you mean "median"\?'),
    "unknown attribute": (f'{RATE} above="1bit/s" probe="p1"', r'unknown attribute "probe" of <threshold>'),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_problem_at_its_line(tmp_path, case):
    """Each fault gives one problem, at the line of the threshold, that says what was expected."""
    attributes, message = case
    text = document(f'{RATE} above="1bit/s"', attributes)
    line = text[: text.index('name="t1"')].count("\n") + 1
    problems = [p for p in problems_of(write(tmp_path, text)) if p.element == "threshold"]
    assert [line] == [p.line for p in problems], "\n".join(map(str, problems))
    assert re.search(message, problems[0].message), problems[0].message


def test_names_are_unique(tmp_path):
    text = document(f'{RATE} above="1bit/s"', f'{RATE} above="2bit/s"').replace('name="t1"', 'name="t0"')
    [problem] = problems_of(write(tmp_path, text))
    assert 'second <threshold> with name="t0"' in problem.message


def test_a_baseline_that_keeps_too_much(tmp_path):
    """Memory is bounded by the product of series and intervals."""
    [problem] = problems_of(write(tmp_path, document(f'{USUAL} over="1000"', attributes='max_series="10k"')))
    assert "keeps too much; expected at most 409 intervals" in problem.message


def test_a_grace_that_is_too_short(tmp_path):
    """Rows that wait five seconds for their PDU to fill up, by default, would always be late."""
    [problem] = problems_of(write(tmp_path, document(f'{RATE} above="1bit/s"', attributes='grace="5s"')))
    assert 'probe "p1" sends rows up to 5s (max_build) and 1s after their interval; expected at least 6s' in problem.message
    of(tmp_path, f'{RATE} above="1bit/s"', attributes='grace="6s"')


def test_no_threshold_at_all(tmp_path):
    """The element is for something."""
    [problem] = problems_of(write(tmp_path, document()))
    assert "<thresholds>" in problem.message
