"""The block of a probe: parts that processes write, totals that monitors read, whose it is, and which probes run."""

import json
import os
import secrets

import numpy as np
import pytest

from tmon_common.clock import FakeClock
from tmon_common.config.interfaces import MAX_FATHERS, MAX_INTERFACES
from tmon_common.config.model import Configuration, Interface, Probe
from tmon_common.moment import Moment
from tmon_common.stats import NAME_OCTETS, SEGMENTS, Statistics
from tmon_probe import health
from tmon_probe.father import counts
from tmon_probe.father.watch import InterfaceTotals, RingTotals
from tmon_probe.health_names import CHILD, CHILD_HEALTH, FATHER, FATHER_OWN, LANE, parts_of

PROBE = Probe("edge", (Interface("lan", device="eth0", no_traffic_ns=10**9), Interface("file", files=("x.pcap",)),
                       Interface("wan", device="eth1")), (), ring_slots=64)


@pytest.fixture
def configuration(tmp_path):
    return Configuration(tmp_path / "tmon.xml", (PROBE,), digest="0123456789abcdef")


@pytest.fixture
def block(configuration):
    block = health.create(configuration, "edge", 17, analyses=("tcp_connections",))
    yield block
    block.close()


@pytest.fixture
def shared(configuration):
    """Two fathers share the first interface, the second of them reads the others too."""
    block = health.create(configuration, "edge", 17, [[0], [0, 1, 2]])
    yield block
    block.close()


def test_a_small_probe_under_bare_names(block):
    """One father, one lane: what is written by bare name is found there, and is the total."""
    assert set(block.index) >= {*FATHER, *CHILD}
    for number, name in enumerate((*FATHER, *CHILD)):
        block.numbers[block.index[name]] = number + 1
    snapshot = block.snapshot()
    assert {name: snapshot[name] for name in (*FATHER, *CHILD)} == {n: i + 1 for i, n in enumerate((*FATHER, *CHILD))}
    assert snapshot["interface_0_packets_seen"] == 1
    assert block.numbers[: counts.COUNT].tolist() == block.lane(0).tally.tolist()


def test_the_tally_of_the_dissection_stands_first():
    """In the order of counts.NAMES."""
    assert [n.removeprefix("packets_") for n in LANE[: counts.OCTETS]] == list(counts.NAMES[: counts.OCTETS])
    assert LANE[counts.OCTETS] == "octets_seen"


def test_totals(shared):
    """Of an interface over its fathers, of everything over all; the last packet is the latest."""
    shared.lane(0, 0).set(packets_seen=1, last_packet_ns=30)
    shared.lane(0, 1).set(packets_seen=10, last_packet_ns=20)
    shared.lane(2, 1).add(packets_seen=100, last_packet_ns=40, kernel_drops=7)
    shared.father(0).set(ring_slots=8, ring_filled=3)
    shared.father(1).set(ring_slots=16, ring_filled=4)
    shared.child().set(flows=5)
    snapshot = shared.snapshot()
    assert {name: value for name, value in snapshot.items() if value} == {
        "interface_0_father_0_packets_seen": 1, "interface_0_father_0_last_packet_ns": 30, "interface_0_father_1_packets_seen": 10,
        "interface_0_father_1_last_packet_ns": 20, "interface_0_packets_seen": 11, "interface_0_last_packet_ns": 30,
        "interface_2_packets_seen": 100, "interface_2_last_packet_ns": 40, "interface_2_kernel_drops": 7,
        "packets_seen": 111, "last_packet_ns": 40, "kernel_drops": 7, "father_0_ring_slots": 8, "father_0_ring_filled": 3,
        "father_1_ring_slots": 16, "father_1_ring_filled": 4, "ring_slots": 24, "ring_filled": 7, "flows": 5}


def test_no_two_processes_share_a_cache_line(shared):
    """Each part is written by one of them, often."""
    parts = [shared.lane(0, 0), shared.father(0), shared.lane(0, 1), shared.lane(1, 1), shared.lane(2, 1), shared.father(1),
             shared.child()]
    start = np.lib.array_utils.byte_bounds(shared.numbers)[0]
    lines = [range((low - start) // 64, (high - 1 - start) // 64 + 1)
             for low, high in (np.lib.array_utils.byte_bounds(p.numbers) for p in parts)]
    assert len({line for part in lines for line in part}) == sum(map(len, lines))
    assert start % 64 == 0


def test_the_largest_probe():
    """256 interfaces, and one that 64 fathers share: names fit, and are all different."""
    fathers = [range(256), *[[255]] * 63]
    names = [name for _, part in parts_of(fathers) for name in part]
    assert max(map(len, names)) <= NAME_OCTETS
    assert len(set(names)) == len(names) == (256 + 63) * len(LANE) + 64 * len(FATHER_OWN) + len(CHILD) + len(CHILD_HEALTH)


def test_a_reader_sees_whose_it_is(block, configuration):
    """Without the configuration at hand."""
    reader = health.attach(configuration, "edge")
    assert reader.identity == {
        "probe": "edge", "host": os.uname().nodename, "configuration": str(configuration.path),
        "version": "0123456789ab", "run": 17, "pid": os.getpid(),
        "interfaces": [{"name": "lan", "device": "eth0", "live": True}, {"name": "file", "device": "", "live": False},
                       {"name": "wan", "device": "eth1", "live": True}],
        "fathers": [[0, 1, 2]], "analyses": ["tcp_connections"], "collectors": [], "links": []}
    block.lane(1).set(packets_seen=3)
    block.child().set(tcp_connections=5)
    assert reader.snapshot() == block.snapshot()
    assert reader.snapshot()["tcp_connections"] == 5
    reader.close()


def mine(configuration):
    readers, _ = health.running()
    found = [r.identity["probe"] for r in readers if r.identity["configuration"] == str(configuration.path)]
    for reader in readers:
        reader.close()
    return found


def test_running(configuration):
    """From its start to its end."""
    assert mine(configuration) == []
    block = health.create(configuration, "edge")
    assert mine(configuration) == ["edge"]
    block.close()
    assert mine(configuration) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "7", json.dumps({"probe": 5, "interfaces": [7, {}], "run": "x", "fathers": 7}),
                                  json.dumps({"interfaces": {"a": 1}, "collectors": "x", "probe": None}),
                                  "[" * 200_000, json.dumps({"run": int("9" * 4000), "pid": -int("9" * 4000)}),
                                  json.dumps({"fathers": [0] * 100_000, "interfaces": [{}] * 100_000})])
def test_a_block_of_somebody_else(text):
    """Anybody may put a file there: it is shown as it is, or not at all, but nothing fails."""
    name = f"trafmon-{secrets.token_hex(8)}"
    writer = Statistics.create(name, ("interface_9_x", "father_x", "interface_3_father_4_packets_seen"), text)
    readers, _ = health.running()
    [reader] = [r for r in readers if r.segment == name]
    assert isinstance(reader.identity["probe"], str)
    assert -1 << 63 < reader.identity["run"] < 1 << 63
    assert len(reader.identity["fathers"]) <= MAX_FATHERS
    assert len(reader.identity["interfaces"]) <= MAX_INTERFACES
    assert all(isinstance(i["name"], str) for i in reader.identity["interfaces"])
    assert reader.snapshot()["packets_seen"] == 0
    for other in readers:
        other.close()
    writer.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user")
def test_a_block_that_may_not_be_read_is_counted(configuration):
    """Somebody else's probe runs: that much is told."""
    block = health.create(configuration, "edge")
    (SEGMENTS / health.segment_name(configuration, "edge")).chmod(0o600)
    os.seteuid(65534)
    try:
        readers, refused = health.running()
        with pytest.raises(PermissionError):
            health.attach(configuration, "edge")
    finally:
        os.seteuid(0)
    assert refused >= 1
    assert not [r for r in readers if r.identity["configuration"] == str(configuration.path)]
    block.close()


def test_the_watch_looks_at_the_block(shared):
    """Every interface over its fathers; only rings of fathers that read devices; names tell which."""
    clock = FakeClock()
    watch = health.watch(PROBE, shared, Moment.of(clock))
    shared.lane(0, 0).set(packets_seen=1, packets_malformed_link=2, packets_malformed_ip_cut=1)
    shared.lane(0, 1).set(packets_seen=4, kernel_drops=3, packets_malformed_link=5)
    shared.father(1).set(ring_full_waits=2, ring_filled=60)
    interfaces, rings = health.look_at(PROBE, shared)
    assert interfaces[0] == InterfaceTotals(5, 3, 0, {
        "malformed_link": 7, "malformed_ip_cut": 1, "malformed_ip_version": 0, "malformed_ip_length": 0})
    assert rings == [RingTotals(0, 0), RingTotals(60, 2)]
    clock.advance(10**9)
    assert [(e.code, e.subject) for e in watch.look(interfaces, rings, Moment.of(clock))] == [
        ("kernel_drops", "lan"), ("malformed_packets", "lan"), ("malformed_packets", "lan"), ("ring_saturated", "ring of father 1")]


def test_rings_of_recordings_are_not_watched(configuration):
    """They are full because nothing is to be lost."""
    probe = Probe("edge", PROBE.interfaces[1:2], ())
    block = health.create(Configuration(configuration.path, (probe,)), "edge")
    block.father().set(ring_full_waits=9)
    assert health.look_at(probe, block)[1] == []
    block.close()
