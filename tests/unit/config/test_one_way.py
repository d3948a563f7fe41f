"""<one_way>: what is read, what probes make of it, and what is refused with its line."""

import re

import pytest

from tests.unit.config.documents import problems_of, spoiled, write
from tests.unit.config.test_samples import SAMPLES
from tmon_common.analyses.built_in import ONE_WAY
from tmon_common.config.default import analyse_configuration_xml
from tmon_common.config.model import SECOND, Analysis, Hop, Latency, OneWay, Point
from tmon_common.config.one_way import MAX_LATE_SLOTS
from tmon_common.config.read import read
from tmon_common.config.replay import with_replay
from tmon_common.observations.one_way import MAX_EXTRAS, MAX_HOPS

PROBES = """  <probe name="p2">
      <interface name="lan" device="eth0"/><interface name="wan" device="eth1"/>
      <publish collector="central"/>
    </probe>
    <probe name="p3" classes="web rest">
      <interface name="lan" device="eth0"/>
      <publish collector="central"/>
    </probe>
  </probes>"""
FLOW = '<flow name="f" fields="src_addr dst_addr" direction="unidirectional"/>'
FIRST = '<hop name="a"><at probe="p1" interface="lan"/></hop>'
LAST = '<hop name="z"><at probe="p2" interface="lan"/></hop>'
NTP = '<hop name="n"><ntp timestamp="transmit"/></hop>'


def document(one_way: str, flow: str = FLOW, more: str = "") -> str:
    """The good document with three probes and a class "way", whose <one_way> begins a line."""
    text, _ = spoiled("  </probes>", PROBES)
    way = f'<flow_class name="way">\n{flow}\n{one_way}\n</flow_class>\n{more}'
    return spoiled("  </flow_classes>", f"{way}  </flow_classes>", text)[0]


def element(*children: str, attributes: str = "") -> str:
    return "\n".join((f"<one_way {attributes}>", *(children or (FIRST, LAST)), "</one_way>"))


def of(tmp_path, *children: str, attributes: str = "") -> OneWay:
    text = document(element(*children, attributes=attributes)).replace("web rest", "way")
    return read(write(tmp_path, text)).classes[-1].one_way


def test_none(tmp_path):
    """Classes without."""
    assert all(c.one_way is None for c in read(write(tmp_path)).classes)


def test_defaults(tmp_path):
    """Those of the model are those of the grammar."""
    expected = OneWay((Hop("a", (Point(1, "p1", "lan"),)), Hop("z", (Point(2, "p2", "lan"),))))
    assert expected == of(tmp_path)


def test_everything_given(tmp_path):
    """All attributes, every kind of hop; points are counted over all hops."""
    found = of(
        tmp_path, FIRST, NTP, '<hop name="m"><at probe="p2" interface="wan"/>\n<at probe="p2" interface="lan"/></hop>',
        '<hop name="s"><ip_timestamp entry="9"/></hop>', '<hop name="r"><ip_timestamp address="10.0.0.1"/></hop>',
        '<hop name="z"><at probe="p3" interface="lan"/></hop>', '<latency from="a" to="z" histogram="delays"/>',
        '<latency from="n" to="m"/>', attributes=(
            'direction="both" signature="24" hashed_octets="1k" algorithm="md5" nat="yes" per="datagram" resolution="100ns" '
            'sizes="no" max_transit="5min" max_lifetime="2h" output="packets" exceptions="individual" interval="5min" '
            'late_slots="3" max_in_flight="64k" clash_rate="2%"'))
    mapped = 0xFFFF << 32
    assert OneWay(
        (Hop("a", (Point(1, "p1", "lan"),)), Hop("n", ntp="transmit"), Hop("m", (Point(2, "p2", "wan"), Point(3, "p2", "lan"))),
         Hop("s", ip_timestamp=9), Hop("r", stamped_by=mapped | 10 << 24 | 1), Hop("z", (Point(4, "p3", "lan"),))),
        (Latency(0, 5, "delays"), Latency(1, 2)), "both", 3, 1024, "md5", True, "datagram", 100, False, 300 * SECOND, 7200 * SECOND,
        "packets", True, 300 * SECOND, 3, 64 << 10, 0.02) == found
    assert (1, 3, 4) == found.extras
    assert ({"wan": 2, "lan": 3}, {}) == (found.points_at("p2"), found.points_at("p9"))


@pytest.mark.parametrize(("written", "octets"), [("16", 2), ("24", 3), ("32", 4)])
def test_signature_lengths(tmp_path, written, octets):
    assert octets == of(tmp_path, attributes=f'signature="{written}"').signature_octets


@pytest.mark.parametrize("exponent", range(7))
def test_resolutions(tmp_path, exponent):
    """Powers of ten up to the millisecond."""
    assert 10**exponent == of(tmp_path, attributes=f'resolution="{10**exponent}ns"').resolution_ns


def test_what_probes_do(tmp_path):
    """Those that have a point of the class are asked for the analysis, with what they must know; the others for nothing."""
    attributes = 'nat="yes" hashed_octets="40" per="datagram" interval="5s" algorithm="md5"'
    text = document(element(FIRST, NTP, LAST, attributes=attributes)).replace("web rest", "way")
    configuration = read(write(tmp_path, text))
    p1, p2, p3 = configuration.probes
    options = (("nat", "yes"), ("algorithm", "md5"), ("hashed_octets", "40"), ("per", "datagram"), ("ntp", "yes"))
    asked = Analysis("one_way", 5 * SECOND, None, options)
    assert [(asked,)] * 2 == [configuration.classes_of(p)[-1].analyses for p in (p1, p2)]
    assert [True, "md5", 40, "datagram", True] == [ONE_WAY.option(asked, name) for name, _ in options]
    [seen] = configuration.classes_of(p3)
    assert ("way", (), configuration.classes[-1].one_way) == (seen.name, seen.analyses, seen.one_way)


PROBLEMS = {
    "two flows": (element(), f'{FLOW}<flow name="g" fields="" direction="unidirectional"/>', 0,
                  r"second <flow> .* expected one only"),
    "both directions": (element(), '<flow name="f" fields="src_addr dst_addr"/>', 0, r'expected direction="unidirectional"$'),
    "interface": (element(), FLOW.replace("src_addr ", "interface "), 0, r"expected fields without interface"),
    "no address": (element(attributes='direction="both"'), FLOW.replace("src_addr dst_addr", "protocol"), 0,
                   r"expected fields with src_addr or dst_addr$"),
    "one hop": (element(FIRST), FLOW, 1, r"expected \(hop, hop\+, latency\*\)"),
    "no hop": (element(" "), FLOW, 1, r"<one_way> is empty; expected \(hop, hop\+, latency\*\)"),
    "empty hop": (element(FIRST, '<hop name="b"/>', LAST), FLOW, 3, r"<hop> is empty; expected \(at\+\|ip_timestamp\|ntp\)"),
    "name twice": (element(FIRST, LAST.replace('"z"', '"a"')), FLOW, 3, r'second <hop> with name="a"'),
    "first hop": (element(NTP, FIRST, LAST), FLOW, 2, r"the first hop has no observation point; expected <at "),
    "last hop": (element(FIRST, LAST, NTP), FLOW, 4, r"the last hop has no observation point; expected <at "),
    "probe": (element(FIRST, LAST.replace("p2", "p4")), FLOW, 3,
              r'probe="p4": there is no such probe; expected one of: p1, p2, p3'),
    "interface of it": (element(FIRST.replace("lan", "lam"), LAST), FLOW, 2,
                        r'probe "p1" has no such interface; did you mean "lan"\?'),
    "class of it": (element(FIRST, LAST.replace("p2", "p3")), FLOW, 3,
                    r'probe "p3" does not observe class "way"; expected that name'),
    "point twice": (element(FIRST, LAST, LAST.replace('"z"', '"y"')), FLOW, 4, r"is an observation point already, in line \d+"),
    "stamp": (element(FIRST, '<hop name="b"><ip_timestamp/></hop>', LAST), FLOW, 3,
              r"it has neither; expected exactly one of entry"),
    "stamps": (element(FIRST, '<hop name="b"><ip_timestamp entry="1" address="1.1.1.1"/></hop>', LAST), FLOW, 3,
               r"it has entry and address; expected exactly one"),
    "entry": (element(FIRST, '<hop name="b"><ip_timestamp entry="10"/></hop>', LAST), FLOW, 3, r'entry="10": expected 1 to 9'),
    "stamped by": (element(FIRST, '<hop name="b"><ip_timestamp address="::1"/></hop>', LAST), FLOW, 3, r"expected an IPv4 address"),
    "ntp": (element(FIRST, '<hop name="b"><ntp timestamp="sent"/></hop>', LAST), FLOW, 3, r'timestamp="sent" of <ntp>'),
    "from": (element(FIRST, LAST, '<latency from="b" to="z"/>'), FLOW, 4, r'from="b": there is no such hop'),
    "backwards": (element(FIRST, LAST, '<latency from="z" to="a"/>'), FLOW, 4, r'hop "z" does not stand before "a"; expected'),
    "nowhere": (element(FIRST, LAST, '<latency from="a" to="a"/>'), FLOW, 4, r'hop "a" does not stand before "a"'),
    "pair twice": (element(FIRST, LAST, '<latency from="a" to="z"/>', '<latency from="a" to="z" histogram="delays"/>'), FLOW, 5,
                   r'second <latency> from "a" to "z"'),
    "histogram": (element(FIRST, LAST, '<latency from="a" to="z" histogram="delay"/>'), FLOW, 4, r'did you mean "delays"\?'),
    "octets": (element(FIRST, LAST, '<latency from="a" to="z" histogram="sizes"/>'), FLOW, 4,
               r"is in octets; .* expected one in ns$"),
    "lifetime": (element(attributes='max_transit="3s" max_lifetime="2s"'), FLOW, 1,
                 r"shorter than max_transit; expected at least 3s"),
    "resolution": (element(attributes='resolution="2us"'), FLOW, 1, r"expected 1ns, 10ns, 100ns, 1us, 10us, 100us or 1ms"),
    "coarse": (element(attributes='resolution="10ms"'), FLOW, 1, r"expected 1ns to 1ms"),
    "signature": (element(attributes='signature="64"'), FLOW, 1, r'signature="64" of <one_way>'),
    "transit": (element(attributes='max_transit="10min"'), FLOW, 1, r"expected 1ms to 5min"),
    "interval": (element(attributes='interval="7s"'), FLOW, 1, r"expected one that divides the minute"),
    "slots": (element(attributes=f'late_slots="{MAX_LATE_SLOTS + 1}"'), FLOW, 1, rf"expected 0 to {MAX_LATE_SLOTS}"),
    "in flight": (element(attributes='max_in_flight="10"'), FLOW, 1, r"expected 1024 to 268435456"),
    "clashes": (element(attributes='clash_rate="2"'), FLOW, 1, r"expected a ratio"),
    "hashed": (element(attributes='hashed_octets="64k"'), FLOW, 1, r"expected 0 to 65535 octets"),
    "by hand": ("", f'{FLOW}<analysis kind="one_way"/>', 0,
                r"its hops must be told; expected <one_way> as last element of the class"),
    "not last": (f'{element()}<analysis kind="ip_counters"/>', FLOW, -1, r"expected \(filter\?, flow\+, analysis\*, one_way\?\)$"),
}  # fmt: skip


@pytest.mark.parametrize("case", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_one_problem_one_line(tmp_path, case):
    """A document with one fault gives one problem, at the line of the fault, and says what was expected."""
    one_way, flow, line, message = case
    text = document(one_way, flow)
    first = text[: text.index('<flow_class name="way">')].count("\n") + 2
    found = problems_of(write(tmp_path, text))
    assert 1 == len(found), "\n".join(map(str, found))
    assert re.search(message, found[0].message), found[0].message
    assert first + line == found[0].line


def test_too_many_hops(tmp_path):
    """All, and those without points."""
    middle = [f'<hop name="h{n}"><ip_timestamp entry="{n + 1}"/></hop>' for n in range(MAX_HOPS)]
    expected = rf"expected at most {MAX_EXTRAS}"
    [problem] = problems_of(write(tmp_path, document(element(FIRST, *middle[: MAX_EXTRAS + 1], LAST))))
    assert re.search(expected, problem.message)
    assert MAX_EXTRAS + 2 == len(of(tmp_path, FIRST, *middle[:MAX_EXTRAS], LAST).hops)
    found = problems_of(write(tmp_path, document(element(FIRST, *middle[: MAX_HOPS - 1], LAST))))
    assert [f"expected at most {n}" in p.message for p, n in zip(found, (MAX_EXTRAS, MAX_HOPS), strict=True)] == [True, True]


@pytest.mark.parametrize(("first", "second", "message"), [
    ('algorithm="md5"', "", r'probe "p1" signs for class "way" by md5; expected one algorithm'),
    ('hashed_octets="100"', 'hashed_octets="101"', r'probe "p1" hashes 100 octets for class "way"; expected the same .* nat="no"'),
    ('nat="yes" hashed_octets="9"', 'nat="yes"', r'hashes 9 octets .* nat="yes"'),
    ('nat="yes" hashed_octets="9"', "", None),
    ('algorithm="md5" nat="yes"', 'algorithm="md5" hashed_octets="1"', None),
])
def test_a_probe_signs_in_one_way(tmp_path, first, second, message):
    """Of two classes with a point at the same probe, the second is told, once for each probe."""
    other = f'<flow_class name="other">{FLOW}{element(attributes=second)}</flow_class>'
    path = write(tmp_path, document(element(attributes=first), more=other))
    if message is None:
        assert 4 == len(read(path).classes)
        return
    found = problems_of(path)
    assert 2 == len(found)
    assert re.search(message, found[0].message), found[0].message


def test_classes_at_other_probes_are_no_matter(tmp_path):
    """They share no probe that has points of both."""
    elsewhere = element(FIRST.replace("p1", "p3"), LAST.replace("p2", "p4"), attributes='algorithm="md5"')
    text = document(element(), more=f'<flow_class name="other">{FLOW}{elsewhere}</flow_class>').replace('classes="web rest"', "")
    last = '<probe name="p4"><interface name="lan" device="e"/><publish collector="central"/></probe></probes>'
    assert 4 == len(read(write(tmp_path, text.replace("</probes>", last))).classes)


@pytest.mark.parametrize(("snaplens", "hashed", "good"), [
    ((256, 65535), "", False), ((256, 65535), 'hashed_octets="129"', False), ((256, 65535), 'hashed_octets="128"', True),
    ((256, 256), "", True), ((100, 200), 'hashed_octets="1"', False), ((100, 200), 'hashed_octets="0"', True),
])
def test_snaplens_that_differ(tmp_path, snaplens, hashed, good):
    """What one interface cuts off must not be hashed at another."""
    text = document(element(attributes=hashed))
    for snaplen, name in zip(snaplens, ("p1", "p2"), strict=True):
        at = text.index('<interface name="lan"', text.index(f'<probe name="{name}"'))
        text = f'{text[:at]}<interface snaplen="{snaplen}"{text[at + len("<interface") :]}'
    if good:
        assert read(write(tmp_path, text)).classes[-1].one_way
        return
    [problem] = problems_of(write(tmp_path, text))
    least = min(snaplens)
    assert f'interface "lan" of probe "p1" captures {least} octets' in problem.message
    assert f'expected hashed_octets="{max(least - 128, 0)}" at most' in problem.message


@pytest.mark.parametrize("together", [True, False])
def test_observations_that_nowhere_come_together(tmp_path, together):
    """Probes that publish to a collector each."""
    text = document(element())
    other = '<collector name="other" host="collector.example.org" port="9001"><spool directory="spool2"/></collector></collectors>'
    text = text.replace("</collectors>", other)
    at = text.index("<publish", text.index('<probe name="p2"'))
    also = '<publish collector="central"/>' if together else ""
    text = f'{text[:at]}{also}{text[at:].replace("central", "other", 1)}'
    if together:
        assert read(write(tmp_path, text)).classes[-1].one_way
        return
    [problem] = problems_of(write(tmp_path, text))
    assert ("one_way", text[: text.index("<one_way")].count("\n") + 1) == (problem.element, problem.line)
    assert "expected a collector to which the probes of all hops publish" in problem.message


@pytest.mark.parametrize("per", ["packet", "datagram"])
@pytest.mark.parametrize("field", ["length", "fragment", "protocol"])
@pytest.mark.parametrize("within", ["{}", "<any>{}</any>", "<any><all>{}</all></any>"])
def test_what_fragments_have_of_their_own(tmp_path, per, field, within):
    """The class of a datagram that came in fragments is that of its first one."""
    match = within.format(f'<match field="{field}" is="0"/>')
    text = document(element(attributes=f'per="{per}"'), f"<filter>{match}</filter>{FLOW}")
    if per == "packet" or field == "protocol":
        assert read(write(tmp_path, text)).classes[-1].one_way
        return
    [problem] = problems_of(write(tmp_path, text))
    assert (text[: text.index(match)].count("\n") + 1, "match") == (problem.line, problem.element)
    assert "expected a filter without length and fragment" in problem.message


@pytest.mark.parametrize(("snaplen", "tunnels", "hashed", "good"), [
    (256, ("outer", "inner"), "", False), (256, ("outer", "inner"), 'hashed_octets="128"', True), (256, ("inner",) * 2, "", True),
    (9344, ("outer", "inner"), "", True), (9343, ("inner", "outer"), "", False),
])
def test_tunnels_that_are_peeled_off_at_some_points(tmp_path, snaplen, tunnels, hashed, good):
    """Of what a tunnel carries as many octets are captured less as its headers take."""
    text = document(element(attributes=hashed))
    for tunnel, name in zip(tunnels, ("p1", "p2"), strict=True):
        at = text.index('<interface name="lan"', text.index(f'<probe name="{name}"'))
        text = f'{text[:at]}<interface snaplen="{snaplen}" tunnel="{tunnel}"{text[at + len("<interface") :]}'
    if good:
        assert read(write(tmp_path, text)).classes[-1].one_way
        return
    [problem] = problems_of(write(tmp_path, text))
    assert re.search(r'expected hashed_octets="\d+" at most, or a snaplen from 9344 on$', problem.message)


def test_replayed_at_one_probe(tmp_path):
    """`trafmon analyse --config`: where other probes are left out the class stays, but its packets are followed nowhere."""
    capture = write(tmp_path, "no capture", "a.pcap")
    (tmp_path / "out").mkdir()
    here = '<hop name="a"><at probe="p2" interface="lan"/></hop>', '<hop name="z"><at probe="p2" interface="wan"/></hop>'
    for hops, captures, followed in ((here, 2, True), (here, 1, False), ((FIRST, LAST), 2, False)):
        original = read(write(tmp_path, document(element(*hops)).replace('<match field="interface" is="lan"/>', "")))
        text = with_replay(original, [capture] * captures, tmp_path, tmp_path / "x", 1, probe="p2")
        flow_class = read(write(tmp_path / "out", text)).classes[-1]
        assert ("way", followed) == (flow_class.name, flow_class.one_way is not None)


def test_sample():
    """etc/xml/one-way.xml shows alternatives, extra hops, NAT and datagrams; each probe can meet what its classes ask."""
    configuration = read(SAMPLES / "one-way.xml")
    ways = [c.one_way for c in configuration.classes]
    assert {True, False} == {w.nat for w in ways}
    assert {"packet", "datagram"} == {w.per for w in ways}
    assert {"forward", "both"} == {w.direction for w in ways}
    assert any(len(h.points) > 1 for w in ways for h in w.hops)
    assert any(w.extras for w in ways)


def test_not_part_of_what_analyse_measures_by_itself(tmp_path):
    """It needs hops."""
    capture = write(tmp_path, "no capture", "a.pcap")
    assert "one_way" not in analyse_configuration_xml([capture], tmp_path, tmp_path / "x", 1)
