"""Configurations that `trafmon analyse` writes are correct ones, and say what was asked."""

from pathlib import Path

import pytest

from tests.unit.config.documents import GOOD, spoiled, write
from tmon_common.analyses.catalogue import catalogue
from tmon_common.config.default import analyse_configuration_xml, interface_names
from tmon_common.config.model import SECOND, Filter, GranularFlow, Publication
from tmon_common.config.problems import ConfigurationError
from tmon_common.config.read import read
from tmon_common.config.replay import with_replay
from tmon_common.config.select import select_collector, select_probe


@pytest.fixture
def captures(tmp_path):
    """Recordings with names that XML and lists have to be careful with."""
    paths = [tmp_path / "lan & <wan>.pcap.gz", tmp_path / "b.pcapng", tmp_path / "sub" / "b.pcap"]
    (tmp_path / "sub").mkdir()
    for path in paths:
        path.touch()
    return paths


def check_common(configuration, tmp_path, captures):
    probe, collector = select_probe(configuration), select_collector(configuration)
    assert [(c,) for c in captures] == [i.files for i in probe.interfaces]
    assert {("replay", "full")} == {(i.capture, i.pace) for i in probe.interfaces}
    assert (Publication("analyse", "127.0.0.1", 12345, max_pdu_octets=8192, min_gap_ns=0, window=64),) == probe.publications
    assert ("127.0.0.1", 12345, tmp_path / "spool") == (collector.address, collector.port, collector.spool)
    assert tmp_path / "x.duckdb" == configuration.store.database


def test_default_configuration(tmp_path, captures):
    """One class `all`, bidirectional 5-tuple and interface, every standard analysis; an interface for each capture."""
    text = analyse_configuration_xml(captures, tmp_path / "spool", tmp_path / "x.duckdb", 12345, interval="10s")
    configuration = read(write(tmp_path, text))
    check_common(configuration, tmp_path, captures)
    (everything,) = configuration.classes
    assert ("all", Filter()) == (everything.name, everything.filter)
    fields = frozenset({"interface", "src_addr", "dst_addr", "protocol", "src_port", "dst_port"})
    assert (GranularFlow("conversation", fields),) == everything.flows
    assert {name for name, d in catalogue().analyses.items() if d.standard} == {a.kind for a in everything.analyses}
    assert ("records", "yes") in next(a for a in everything.analyses if a.kind == "round_trip").options
    assert {10 * SECOND} == {a.interval_ns for a in everything.analyses}
    assert [i.name for i in configuration.probes[0].interfaces] == ["lan____wan_", "b", "b-2"]


def test_own_pace(tmp_path, captures):
    """As it was recorded."""
    text = analyse_configuration_xml(captures[:1], tmp_path, tmp_path / "x", 1, pace="own")
    assert read(write(tmp_path, text)).probes[0].interfaces[0].pace == "own"


@pytest.mark.parametrize(
    ("files", "taken", "expected"),
    [
        (["a.pcap", "a.pcapng", "A.CAP"], [], ["a", "a-2", "A"]),
        (["a.pcap", "a-2.pcap", "a.pcap"], [], ["a", "a-2", "a-3"]),
        (["a.b.pcap.gz", "trace", ".pcap", "-x", "..."], [], ["a.b", "trace", "capture", "_x", "_.."]),
        (["lan.pcap"], ["lan"], ["lan-2"]),
        (["/dev/fd/63", "/dev/fd/62", "63"], [], ["capture-1", "capture-2", "63"]),
        (["x" * 200 + ".pcap"], [], ["x" * 50]),
    ],
)
def test_interface_names(files, taken, expected):
    """After the files, possible and unlike each other."""
    assert expected == interface_names([Path(f) for f in files], taken)


@pytest.mark.parametrize("name", ["a\x01.pcap", "a\udcff.pcap"])
def test_names_that_xml_cannot_hold(tmp_path, name):
    """A clear line, no traceback."""
    with pytest.raises(ConfigurationError, match="characters in its name that XML cannot hold"):
        analyse_configuration_xml([Path(name)], tmp_path, tmp_path / "x", 1)


def test_own_configuration(tmp_path, captures):
    """A configuration made for live capture replays instead: classes stay, interfaces keep their names in their order."""
    original = read(write(tmp_path))
    text = with_replay(original, captures, tmp_path / "spool", tmp_path / "x.duckdb", 12345)
    (tmp_path / "out").mkdir()
    configuration = read(write(tmp_path / "out", text))
    check_common(configuration, tmp_path, captures)
    assert (original.classes, original.histograms) == (configuration.classes, configuration.histograms)
    assert original.diagnostics == configuration.diagnostics
    assert [i.name for i in configuration.probes[0].interfaces] == ["lan", "b", "b-2"]
    assert (configuration.start_at_ns, configuration.probes[0].host, configuration.probes[0].name) == (None, "", "p1")


@pytest.mark.parametrize(("declared", "asked", "expected"), [
    ("outer", "", "outer"), ("inner", "", "inner"), ("inner", "outer", "outer"), ("outer", "inner", "inner"),
])
def test_tunnels_as_declared_or_as_asked(tmp_path, captures, declared, asked, expected):
    """What is asked for counts for all captures; else each is what its interface says, those beyond are outer."""
    text, _ = spoiled('<interface name="lan"', f'<interface name="lan" tunnel="{declared}"')
    text = with_replay(read(write(tmp_path, text)), captures[:2], tmp_path / "spool", tmp_path / "x", 1, tunnel=asked)
    (tmp_path / "out").mkdir()
    interfaces = read(write(tmp_path / "out", text)).probes[0].interfaces
    assert [expected, asked or "outer"] == [i.tunnel for i in interfaces]


def two_probes(filter_names: str) -> str:
    text, _ = spoiled(
        "  </probes>",
        '<probe name="p2" host="far.example.org"><interface name="wan" device="b"/>'
        '<interface name="dmz" device="c"/><publish collector="central"/></probe></probes>',
    )
    return spoiled('<match field="interface" is="lan"/>', f'<match field="interface" in="{filter_names}"/>', text)[0]


def test_one_of_several_probes(tmp_path, captures):
    """The one named, else the first; conditions forget the interfaces of the others."""
    original = read(write(tmp_path, two_probes("lan wan dmz")))
    for probe, names, expected in ((None, ("lan",), "p1"), ("p2", ("wan", "dmz"), "p2")):
        text = with_replay(original, captures, tmp_path / "spool", tmp_path / "x.duckdb", 12345, probe=probe)
        configuration = read(write(tmp_path, text, "out.xml"))
        check_common(configuration, tmp_path, captures)
        assert expected == configuration.probes[0].name
        assert names == configuration.classes[0].filter.terms[1].terms[1].terms[0].names


def test_filter_on_an_interface_without_capture(tmp_path, captures):
    """Told with the line in the user's own file."""
    text = two_probes("dmz")
    original = read(write(tmp_path, text))
    line = text[: text.index('in="dmz"')].count("\n") + 1
    with pytest.raises(ConfigurationError, match=rf"tmon.xml:{line}: .*no capture stands for that interface .*stand for wan\)"):
        with_replay(original, captures[:1], tmp_path, tmp_path / "x", 1, probe="p2")


def test_unknown_probe(tmp_path, captures):
    """The names are listed."""
    with pytest.raises(ConfigurationError, match='no probe "p9"; expected one of: p1'):
        with_replay(read(write(tmp_path, GOOD)), captures, tmp_path, tmp_path / "x", 1, probe="p9")
