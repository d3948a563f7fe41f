"""What benchmarks make is what they say: captures, on a recording of the project; packet records; configurations; figures."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from pathlib import Path

import dpkt
import numpy as np
import pytest

from benchmarks import (
    analyses_command,
    capture,
    classes,
    lone_chain,
    lone_father,
    one_way_octets,
    pipeline,
    recording,
    states_command,
    thresholds_command,
)
from benchmarks.measure import Cost
from benchmarks.reach import Reach
from benchmarks.segments import Segments
from benchmarks.table import Line
from tests.unit.config.documents import write
from tmon_common.config.model import Interface
from tmon_common.config.read import read
from tmon_common.pdu.one_way import Form

FRAME = bytes.fromhex("0200000000020200000000010800") + bytes(
    dpkt.ip.IP(src=b"\x0a\x00\x00\x01", dst=b"\xc0\x00\x02\x07", p=17, len=36,
               data=dpkt.udp.UDP(sport=53, dport=4000, ulen=16, data=b"12345678")))


def packets_of(path: Path) -> list[tuple[float, bytes]]:
    with path.open("rb") as octets:
        return list(dpkt.pcap.Reader(octets))


@pytest.fixture
def short() -> recording.Recording:
    return recording.make_recording([(0, FRAME, len(FRAME)), (5_000_000, FRAME, len(FRAME))])


def test_repetitions_have_other_addresses_the_same_checksums_and_later_times(tmp_path, short):
    """Every repetition is one more flow; dpkt, asked to compute the checksums anew, gives the octets that stand there."""
    assert capture.write_repeated(tmp_path / "c.pcap", short, 9) == (10, 10)
    packets = packets_of(tmp_path / "c.pcap")
    assert [t for t, _ in packets] == sorted(t for t, _ in packets)
    sources = {dpkt.ethernet.Ethernet(frame).data.src for _, frame in packets}
    assert len(sources) == 5
    for _, frame in packets:
        ip = dpkt.ethernet.Ethernet(frame).data
        was = ip.sum, ip.data.sum
        ip.sum = ip.data.sum = 0
        bytes(ip)
        assert was == (ip.sum, ip.data.sum)


def test_the_number_of_flows_is_the_one_told(tmp_path, short):
    packets, flows = capture.write_flows(tmp_path / "c.pcap", capture.conversations(short, 1), 400, 7, seed=1)
    seen = {dpkt.ethernet.Ethernet(frame).data.src for _, frame in packets_of(tmp_path / "c.pcap")}
    assert (packets, flows) == (400, 7)
    assert len(seen) == flows


def test_the_mix_is_in_the_order_of_time():
    mixed = recording.read_mix(recording.default_files(Path(__file__).parents[2]))
    assert (mixed.times_ns[1:] >= mixed.times_ns[:-1]).all()
    assert mixed.ip.mean() > 0.9


@pytest.fixture(scope="module")
def mixed() -> recording.Recording:
    return recording.read_mix(recording.default_files(Path(__file__).parents[2])[-1:])


def test_short_packets_are_left_out_until_the_mean_length_is_the_one_told(tmp_path, mixed):
    """Long ones all stay, but those beyond the limit; the same packets are left out every time."""
    thinned = capture.of_mean_length(mixed, 700, 1500, seed=1)
    was, wire = capture.wire_octets(mixed), capture.wire_octets(thinned)
    assert 700 <= wire.mean() < 705
    assert sorted(was[(was >= 700) & (was <= 1500)]) == sorted(wire[wire >= 700])
    assert (thinned.octets == capture.of_mean_length(mixed, 700, 1500, seed=1).octets).all()
    capture.write_repeated(tmp_path / "c.pcap", thinned, 1)
    assert wire.tolist() == [len(frame) for _, frame in packets_of(tmp_path / "c.pcap")]


def test_a_mean_length_that_no_packets_have(mixed):
    with pytest.raises(ValueError, match="mean length could be 9000 octets"):
        capture.of_mean_length(mixed, 9000, 1500, seed=1)


def test_classes_are_met_by_packets_or_by_none(tmp_path, mixed):
    """Each is satisfied by some packet of the recording, or all of them by none; a father of its own says which."""
    capture.write_repeated(tmp_path / "c.pcap", mixed, 1)
    interface = Interface("replay", capture="replay", files=(tmp_path / "c.pcap",))
    for met in (True, False):
        filters = classes.classes(mixed, 3, 1, met=met)
        for filter_ in filters:
            done = lone_father.replay(lone_father.Work(interface, (filter_,)), tmp_path / "messages")
            assert len(mixed.starts) == done.seen
            assert met == (done.relevant > 0)
            assert 0 < done.cpu_ns
        assert 6 == sum(len(getattr(term, "terms", (term,))) for term in filters[0].terms)


SYN, ACK = 2, 16


def test_segments_are_those_of_connections_without_loss():
    """Each has a 5-tuple of its own and begins with a handshake; octets follow each other; what is acknowledged has been sent."""
    segments, sent, begun = Segments(40, 32, seed=3), {}, {}
    last_ns = 0
    for records in chain(segments.opening(), segments.moving(2000)):
        for r in records:
            source, to = (int(r["src_lo"]), int(r["src_port"])), (int(r["dst_lo"]), int(r["dst_port"]))
            flags, octets = int(r["tcp_flags"]), int(r["payload_octets"])
            if flags & SYN:
                assert (source, to) not in sent
                assert ((to, source) in sent) == bool(flags & ACK)
            else:
                assert sent[source, to] == r["tcp_seq"]
            if flags & ACK:
                assert sent[to, source] == r["tcp_ack"]
            sent[source, to] = (int(r["tcp_seq"]) + octets + (flags & SYN > 0)) % (1 << 32)
            begun[frozenset((source, to))] = True
            assert int(r["ip_octets"]) == octets + 52
            assert last_ns < r["time_ns"]
            last_ns = int(r["time_ns"])
    assert len(begun) == 40
    assert len(sent) == 80
    assert last_ns < segments.now_ns


def test_a_chain_measured_alone():
    """It makes a row of each analysis for each connection, and knows the octets of the arrays it holds."""
    found = lone_chain.run(lone_chain.Load(("ip_counters", "tcp_counters"), 300, 8192))
    assert found.rows == 600
    assert min(found.moving_ns, found.opening_ns, found.publication_ns, found.array_octets) > 0


def test_octets_of_arrays():
    """Arrays in attributes and containers, each once, views for the whole that they keep."""

    class Holder:
        __slots__ = ("slot",)

    holder, array = Holder(), np.zeros(100, np.int64)
    holder.slot = [array[2:4], {"a": (array, np.zeros(3, np.uint8))}, None, "text", 5]
    assert lone_chain.array_octets(holder) == 803


@pytest.mark.parametrize("records", [True, False])
def test_a_configuration_with_nothing_but_some_analyses(tmp_path, records):
    text = pipeline.only(("round_trip", "tcp_counters"), records=records)([tmp_path / "c.pcap"], tmp_path, tmp_path / "d", 9)
    (tmp_path / "c.pcap").touch()
    [flow_class] = read(write(tmp_path, text)).classes
    expected = {"tcp_counters": {}, "round_trip": {"records": "yes" if records else "no"}}
    assert expected == {a.kind: dict(a.options) for a in flow_class.analyses}


def test_the_pipeline_beside_others():
    """Twice as many packets a second as one that takes twice as long; what could not be measured is left out."""
    nothing = Cost(0, 0)
    lines = [Line("trafMon pipeline", Cost(2, 9), nothing), Line("tcptrace -l -r", Cost(8, 9), nothing),
             Line("NFStream, statistics"), Line("nfpcapd", Cost(3, 9), nothing, meter=True),
             Line("softflowd", Cost(1, 9), nothing, meter=True)]
    found = analyses_command.reaches(lines)
    assert [(4, 2, True), (0.5, 1, False)] == [(r.value, r.limit, r.reached) for r in found]


def test_reached_is_at_most_or_at_least():
    assert [True, True, False] == [Reach("", value, 2).reached for value in (1, 2, 3)]
    assert [False, True, True] == [Reach("", value, 2, at_least=True).reached for value in (1, 2, 3)]


def test_states_are_compared_with_the_fewest_connections():
    one = lone_chain.Found(0, 40, 0, 0, 0, 100, 0)
    results = {"flow registry": [one, one], "tcp_connection": [one, replace(one, moving_ns=100, resident_octets=500)]}
    assert [(1, True), (2.5, False), (400, True)] == [(r.value, r.reached) for r in states_command.reaches(results, [10, 20])]


@pytest.mark.parametrize("case", thresholds_command.CASES)
def test_thresholds_compare_all_that_they_are_given(case):
    """RuntimeError otherwise."""
    assert min(thresholds_command.measure(*thresholds_command.CASES[case], flows=60, intervals=3)) > 0


def test_one_way_packets():
    """As many a flow and second as asked for, in order of time; even ones within their jitter."""
    for traffic in (one_way_octets.Traffic(3, 1000), one_way_octets.Traffic(2, 50, even=True)):
        words = one_way_octets.packets(traffic, 10, np.array([40, 1500]))
        assert sorted(words[:, 3].tolist()) == words[:, 3].tolist()
        for flow in range(1, traffic.flows + 1):
            times = words[words[:, 0] == flow, 3]
            assert 10 * traffic.rate == len(times)
            assert (times[-1] - times[0]) / 1e9 == pytest.approx(10, rel=0.1)
            if traffic.even:
                assert abs(np.diff(times) - 20_000_000).max() < 500_000


def test_one_way_octets_are_those_of_the_rows():
    """Every packet is in a PDU: 24 bits of signature alone take three octets, and headers are counted."""
    words = one_way_octets.packets(one_way_octets.Traffic(4, 500), 2, np.array([40]))
    pdus, payload, whole = one_way_octets.published(words, Form("links", 3, 1000, sizes=False), 1400)
    assert 3 * len(words) < payload < 6 * len(words)
    assert whole == payload + pdus * (28 + 21 + 14 + 16)
