"""A correct file becomes the dataclasses that the rest of the program sees."""

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from tests.unit.config.documents import GOOD, problems_of, spoiled, write
from tmon_common.analyses.catalogue import catalogue
from tmon_common.analyses.declaration import AnalysisDeclaration, Option
from tmon_common.config.fields import FIELDS, FLOW_FIELDS
from tmon_common.config.grammar import dtd_path, grammar
from tmon_common.config.model import (
    SECOND,
    Analysis,
    Collector,
    Configuration,
    Conjunction,
    Diagnostics,
    Disjunction,
    Filter,
    FlowClass,
    GranularFlow,
    Histogram,
    Interface,
    Monitoring,
    Predicate,
    Probe,
    Publication,
    Store,
)
from tmon_common.config.read import read
from tmon_common.pdu.header import MAX_PDU_OCTETS

MAPPED = 0xFFFF << 32


def test_everything(tmp_path):
    """The whole model, value by value; what the file leaves out has the defaults of the model."""
    path = write(tmp_path)
    sizes = Histogram("sizes", "octets", (64, 1024, 1500))
    delays = Histogram("delays", "ns", (1_000_000, SECOND))
    site = ((MAPPED | 10 << 24, MAPPED | (11 << 24) - 1), (0x20010DB8 << 96, (0x20010DB9 << 96) - 1))
    web = FlowClass(
        "web",
        Filter(
            (
                Predicate("protocol", ((6, 6),)),
                Disjunction(
                    (
                        Predicate("port", ((80, 80), (443, 443), (8000, 8100))),
                        Conjunction((Predicate("interface", (), names=("lan",)), Predicate("src_addr", tuple(sorted(site))))),
                    )
                ),
            )
        ),
        (GranularFlow("conversation", frozenset({"interface", "src_addr", "dst_addr", "protocol", "src_port", "dst_port"})),),
        (Analysis("ip_counters"), Analysis("ip_sizes", 5 * SECOND, "sizes")),
    )
    rest = FlowClass("rest", Filter(), (GranularFlow("hosts", frozenset({"src_addr", "dst_addr"})),), ())
    central = Collector("central", "0.0.0.0", 9000, tmp_path / "spool", "collector.example.org")
    probe = Probe(
        "p1", (Interface("lan", "eth0"),), (Publication("central", "collector.example.org", 9000),), classes=("web", "rest"),
        key=tmp_path / "keys" / "p1.key"
    )
    expected = Configuration(
        path,
        (probe,),
        (central,),
        (web, rest),
        (sizes, delays),
        Diagnostics("info", "stderr", (("tmon_probe.father", "debug", f"file:{tmp_path}/probe.log"),)),
        Monitoring(tmp_path / "snmp.secrets"),
        Store("duckdb", tmp_path / "trafmon.duckdb"),
    )
    assert expected == read(path)


def test_other_values(tmp_path):
    """Attributes that the first document leaves out arrive where they belong."""
    (tmp_path / "a.pcap").touch()
    text = GOOD
    for old, new in (
        ("<trafmon>", '<trafmon startAt="2026-11-22T11:00:00.5+01:00">'),
        (
            '<probe name="p1">',
            (
                '<probe name="p1" host="localhost" classes="rest web" father_cpu="2" child_cpus="3 0-1" ring_slots="4k" '
                'ring_octets="2M" max_flows="2k" seal="crc" key="my.key">'
            ),
        ),
        (
            '<interface name="lan" device="eth0"/>',
            (
                '<interface name="lan" device="eth0" filter="ip" snaplen="96" buffer="1MiB" promiscuous="no" '
                'no_traffic="0" offloads="off" block="64k" timestamps="hardware" fathers="2" father_cpus="1 3" link="wan"/>'
                '<interface name="out" device="eth1" capture="afpacket" link="wan"/>'
                '<interface name="rec" pace="own" clock_ahead="-1h" tunnel="inner"><file path="a.pcap"/><file path="/dev/null"/>'
                "</interface>"
            ),
        ),
        (
            '<publish collector="central"/>',
            (
                '<publish collector="central" address="127.0.0.1" port="1" max_pdu="1k" max_build="1ms" min_gap="2ms" window="3" '
                'initial_timeout="4ms" timeout_increment="5ms" timeout_multiplier="1.5" max_retries="6" final_timeout="7s" '
                'heartbeat="8s" queue="9M" break_border="10s" max_rate="64kbit/s"/>'
            ),
        ),
        ('<spool directory="spool"/>', '<spool directory="/s p" rotate="1min" rotate_size="1MB"/>'),
        ('port="9000"', 'port="9000" address="::" receive_buffer="64k"'),
        ('fields="src_addr dst_addr"', 'fields="vlan" direction="unidirectional" obsolescence="1h"'),
        ("      <filter>", '      <filter not="yes">'),
        ("        <any>", '        <any not="yes">'),
        ("          <all>", '          <all not="yes">'),
        ('is="tcp"', 'is="tcp" not="yes"'),
    ):
        text, _ = spoiled(old, new, text)
    configuration = read(write(tmp_path, text))
    ms = SECOND // 1000
    assert configuration.start_at_ns == 1_795_341_600 * SECOND + SECOND // 2
    assert (
        Probe(
            "p1",
            (
                Interface("lan", "eth0", (), "", "full", 0, "ip", 96, 1 << 20, False, "outer", "wan", 0, "off", 65536, "hardware",
                          2, (1, 3)),
                Interface("out", "eth1", (), "afpacket", link="wan"),
                Interface("rec", "", (tmp_path / "a.pcap", Path("/dev/null")), "replay", "own", -3600 * SECOND, tunnel="inner"),
            ),
            (Publication("central", "127.0.0.1", 1, 1024, ms, 2 * ms, 3, 4 * ms, 5 * ms, 1.5, 6, 7 * SECOND, 8 * SECOND, 9 << 20,
                         10 * SECOND, 64_000),),
            "localhost",
            ("web", "rest"),
            2,
            (0, 1, 3),
            4096,
            2 << 20,
            2048,
            "crc",
            tmp_path / "my.key",
        )
        == configuration.probes[0]
    )
    assert (
        Collector("central", "::", 9000, Path("/s p"), "collector.example.org", 60 * SECOND, 10**6, 65536)
        == configuration.collectors[0]
    )
    web, rest = configuration.classes
    assert (GranularFlow("hosts", frozenset({"vlan"}), False, 3600 * SECOND),) == rest.flows
    assert [
        web.filter.negated,
        web.filter.terms[0].negated,
        web.filter.terms[1].negated,
        web.filter.terms[1].terms[1].negated,
    ] == [True] * 4


def test_defaults_of_grammar_and_model_agree():
    """What the DTD declares as default is what the dataclasses have: `read` of the shortest element equals the bare dataclass."""
    # test_everything leaves out every attribute that has a default; here only those that have one of their own in both places
    rules = grammar().elements
    assert rules["analysis"].attributes["interval"].default == "60s"
    assert Analysis("x").interval_ns == 60 * SECOND
    assert str(Store().database) == rules["store"].attributes["database"].default
    assert (Diagnostics().level, Diagnostics().destination) == tuple(
        rules["diagnostics"].attributes[a].default for a in ("level", "destination")
    )


def test_relative_path_of_the_file(tmp_path, monkeypatch):
    """Paths start at the directory of the configuration, wherever one works."""
    write(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    configuration = read("../tmon.xml")
    assert (tmp_path / "spool") == configuration.collectors[0].spool.resolve()


def test_store_may_be_left_out(tmp_path):
    """Then it lies beside the configuration."""
    text, _ = spoiled('  <store database="trafmon.duckdb"/>\n', "")
    assert Store("duckdb", tmp_path / "trafmon.duckdb") == read(write(tmp_path, text)).store


def test_recordings_of_another_machine(tmp_path):
    """Recordings are looked for where the probe is to run only."""
    replay, _ = spoiled('<interface name="lan" device="eth0"/>', '<interface name="lan"><file path="nix.pcap"/></interface>')
    elsewhere, _ = spoiled('<probe name="p1">', '<probe name="p1" host="far-away.example.org">', replay)
    assert read(write(tmp_path, elsewhere)).probes[0].interfaces[0].name == "lan"
    here, line = spoiled('<probe name="p1">', '<probe name="p1" host="localhost">', replay)
    assert [line + 1] == [p.line for p in problems_of(write(tmp_path, here))]


def test_analyses_of_plug_ins(tmp_path):
    """Kinds that a plug-in brings are known when told, with their options."""
    text, line = spoiled(
        '<analysis kind="ip_counters"/>',
        '<analysis kind="tls_names" histogram="delays"><option name="top" value=" 5 "/></analysis>',
    )
    path = write(tmp_path, text)
    assert [line] == [p.line for p in problems_of(path)]
    top = Option("top", "3", "how many", int)
    known = {**catalogue().analyses, "tls_names": AnalysisDeclaration("tls_names", "", "", options=(top,), histogram_unit="ns")}
    assert Analysis("tls_names", 60 * SECOND, "delays", (("top", "5"),)) == read(path, known).classes[0].analyses[0]
    assert 5 == known["tls_names"].option(read(path, known).classes[0].analyses[0], "top")


def test_classes_of_a_probe(tmp_path):
    """`classes_of` gives them in the order of the configuration, whatever the order in the probe."""
    text, _ = spoiled('<probe name="p1">', '<probe name="p1" classes="rest, web">')
    configuration = read(write(tmp_path, text))
    assert [c.name for c in configuration.classes_of(configuration.probes[0])] == ["web", "rest"]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ('field="tcp_flags" masked="syn/syn+ack"', Predicate("tcp_flags", ((2, 2),), 18)),
        ('field="tcp_flags" is="SYN+ack"', Predicate("tcp_flags", ((18, 18),))),
        ('field="fragment" is="0"', Predicate("fragment", ((0, 0),))),
        ('field="fragment" masked="later/later" not="yes"', Predicate("fragment", ((2, 2),), 2, True)),
        ('field="dscp" in="ef af11-af13"', Predicate("dscp", ((10, 14), (46, 46)))),
        ('field="tos" masked="0x10/0xF0"', Predicate("tos", ((16, 16),), 240)),
        ('field="port" in="81, 80 7-9 8-20"', Predicate("port", ((7, 20), (80, 81)))),
        ('field="protocol" in="udp 1-2"', Predicate("protocol", ((1, 2), (17, 17)))),
        ('field="length" range="1501-4294967295"', Predicate("length", ((1501, 2**32 - 1),))),
        ('field="addr" is="192.0.2.7"', Predicate("addr", ((MAPPED | 0xC0000207,) * 2,))),
        ('field="addr" is="::ffff:192.0.2.7"', Predicate("addr", ((MAPPED | 0xC0000207,) * 2,))),
        ('field="addr" is="0.0.0.0/0"', Predicate("addr", ((MAPPED, MAPPED | 0xFFFFFFFF),))),
        ('field="addr" is="::/0"', Predicate("addr", ((0, MAPPED - 1), (MAPPED + 2**32, 2**128 - 1)))),
        ('field="addr" in="::/0 0.0.0.0/0"', Predicate("addr", ((0, 2**128 - 1),))),
        ('field="addr" range="10.0.0.1-10.0.0.9"', Predicate("addr", ((MAPPED | 0x0A000001, MAPPED | 0x0A000009),))),
        (
            'field="addr" masked="10.0.0.1/255.0.0.255"',
            Predicate("addr", ((MAPPED | 0x0A000001,) * 2,), 2**128 - 2**32 + 0xFF0000FF),
        ),
        ('field="addr" masked="::1/::ff"', Predicate("addr", ((1, 1),), 255)),
        ('field="interface" in="lan lan"', Predicate("interface", (), names=("lan",))),
    ],
)
def test_predicates(tmp_path, attributes, expected):
    """How conditions are written, and the ranges and masks they mean."""
    text, _ = spoiled('<match field="protocol" is="tcp"/>', f"<match {attributes}/>")
    assert expected == read(write(tmp_path, text)).classes[0].filter.terms[0]


def test_publish_to_the_address_of_the_collector(tmp_path):
    """A collector that listens on one address is reached there."""
    text, _ = spoiled('port="9000"', 'port="9000" address="192.0.2.1"')
    publication = read(write(tmp_path, text)).probes[0].publications[0]
    assert (publication.address, publication.port) == ("192.0.2.1", 9000)


def test_comments_and_instructions_anywhere(tmp_path):
    """They change nothing."""
    path = write(tmp_path)
    expected = read(path)
    commented = GOOD.replace("/>", "/><!-- <match> --><?pi <match?>").replace("<trafmon>", "<trafmon><!-- x -->")
    assert replace(expected, path=tmp_path / "b.xml") == read(write(tmp_path, commented, "b.xml"))


def test_grammar_tells_of_every_field():
    """The comments of the DTD name every field of filters and flows, and it is where the programs look for it."""
    text = dtd_path().read_text()
    comment = text[text.index("A condition on one field") : text.index("<!ELEMENT match")]
    assert not [f for f in FIELDS if f not in comment]
    flow = text[text.index("Granular flow:") : text.index("<!ELEMENT flow ")]
    assert not [f for f in FLOW_FIELDS if f not in flow]
    kinds = text[text.index("Something measured") : text.index("<!ELEMENT analysis ")]
    assert not [k for k in catalogue().analyses if k not in kinds]
    assert f"octets of a PDU, UDP payload: 200 to {MAX_PDU_OCTETS}" in text


def test_grammar_explains_every_attribute():
    """The comment before each ATTLIST says something of each of its attributes."""
    text = dtd_path().read_text()
    for rule in grammar().elements.values():
        before = text[: text.index(f"<!ELEMENT {rule.name} ")]
        comment = before[before.rindex("<!--") :]
        if rule.name in {"any", "all"}:
            comment = text[text.index("Which packets belong") : text.index("<!ELEMENT filter")]
        missing = [a for a in rule.attributes if a not in comment]
        assert not missing, f"{rule.name}: {missing}"


def test_good_document_is_valid_for_other_tools(tmp_path):
    """libxml2 with our DTD agrees."""
    assert grammar().dtd.validate(etree.fromstring(GOOD))
