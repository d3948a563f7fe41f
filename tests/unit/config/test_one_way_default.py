"""The configuration that `trafmon one-way` writes is a correct one, and says what was asked."""

import os

import pytest

from tests.unit.config.documents import write
from tmon_common.config.model import SECOND
from tmon_common.config.one_way_default import FLOW_FIELDS, OneWayWishes, one_way_configuration_xml
from tmon_common.config.read import read
from tmon_common.config.select import select_collector


@pytest.fixture
def captures(tmp_path):
    paths = [tmp_path / "lan & <wan>.pcap.gz", tmp_path / "b.pcapng", tmp_path / "sub" / "b.pcap"]
    (tmp_path / "sub").mkdir()
    for path in paths:
        path.touch()
    return tuple(paths)


def configuration(tmp_path, wishes):
    return read(write(tmp_path, one_way_configuration_xml(wishes, tmp_path / "spool", tmp_path / "x.duckdb", 12345)))


def test_a_probe_for_each_capture(tmp_path, captures):
    """Each replays its own at full speed; fathers have a CPU each as long as there are some."""
    found = configuration(tmp_path, OneWayWishes(captures, bpf="not port 22", tunnel="inner"))
    assert [(c,) for c in captures] == [p.interfaces[0].files for p in found.probes]
    assert {("replay", "full", "not port 22", "inner")} == {(i.capture, i.pace, i.bpf, i.tunnel)
                                                           for p in found.probes for i in p.interfaces}
    assert len({p.father_cpu for p in found.probes}) == min(len(os.sched_getaffinity(0)), 3)
    collector = select_collector(found)
    assert {("127.0.0.1", 12345)} == {(x.address, x.port) for p in found.probes for x in p.publications}
    assert (("127.0.0.1", 12345), tmp_path / "spool") == ((collector.address, collector.port), collector.spool)
    assert tmp_path / "x.duckdb" == found.store.database


def test_every_flow_is_followed_by_default(tmp_path, captures):
    """TCP, UDP, ICMP and ICMPv6 either way, 32 bits, nothing rounded; hops are named after the files."""
    found = configuration(tmp_path, OneWayWishes(captures))
    [followed] = found.classes
    assert ((1, 1), (6, 6), (17, 17), (58, 58)) == followed.filter.terms[0].ranges
    assert (frozenset(FLOW_FIELDS.split()), False) == (followed.flows[0].fields, followed.flows[0].bidirectional)
    one_way = followed.one_way
    assert ["lan____wan_", "b", "b-2"] == [h.name for h in one_way.hops] == [p.probe for p in one_way.points]
    assert ("both", 4, False, "packet", 1, True, 2 * SECOND, "histograms", 60 * SECOND, 0) == (
        one_way.direction, one_way.signature_octets, one_way.nat, one_way.per, one_way.resolution_ns, one_way.sizes,
        one_way.max_transit_ns, one_way.output, one_way.interval_ns, one_way.late_slots)
    assert {(0, 1), (1, 2), (0, 2)} == {(x.from_hop, x.to_hop) for x in one_way.latencies}


def test_wishes(tmp_path, captures):
    """As they are asked for; captures of the same hop are its alternative points."""
    wishes = OneWayWishes(captures, ("west", "east", "east"), nat=True, per="datagram", max_transit="500ms", direction="forward",
                          interval="10s", packets=True)
    one_way = configuration(tmp_path, wishes).classes[0].one_way
    assert [("west", 1), ("east", 2)] == [(h.name, len(h.points)) for h in one_way.hops]
    assert ["lan____wan_", "b", "b-2"] == [p.probe for p in one_way.points]
    assert (True, "datagram", SECOND // 2, "forward", 10 * SECOND, "both") == (
        one_way.nat, one_way.per, one_way.max_transit_ns, one_way.direction, one_way.interval_ns, one_way.output)
    assert {(0, 1)} == {(x.from_hop, x.to_hop) for x in one_way.latencies}


def test_clocks_and_cut_packets(tmp_path, captures):
    """The clocks of captures are corrected, each by its own; so many octets of packets are looked at; definitions do not wait."""
    ahead_ns = (0, 3600 * SECOND, -5 * SECOND // 2)
    found = configuration(tmp_path, OneWayWishes(captures, octets=62, ahead_ns=ahead_ns))
    assert ahead_ns == tuple(p.interfaces[0].clock_ahead_ns for p in found.probes)
    assert 62 == found.classes[0].one_way.hashed_octets
    assert {SECOND // 10} == {x.max_build_ns for p in found.probes for x in p.publications}
    found = configuration(tmp_path, OneWayWishes(captures))
    assert {0} == {p.interfaces[0].clock_ahead_ns for p in found.probes}
    assert 65535 == found.classes[0].one_way.hashed_octets
