"""The made networks are what they are said to be, before anything is measured in them."""

import subprocess
from collections import Counter
from dataclasses import replace

import dpkt
import pytest

from tests.oracles import one_way_contents, tshark
from tests.oracles.one_way_packets import difference
from tests.synthetic_one_way import cases, simulate
from tests.synthetic_one_way.network import MS, SECOND, Flow, Hop, Network, Segment

PLAIN = Network("plain", (Hop("a"), Hop("b")), (Segment(10 * MS),), (Flow("192.0.2.1", "192.0.2.2", "udp", 1, 2, count=50),))


def with_segment(**what) -> Network:
    return replace(PLAIN, segments=(replace(PLAIN.segments[0], **what),))


def counted(network: Network, verdict: str) -> int:
    return sum(p.verdict == verdict for p in simulate(network).packets)


@pytest.mark.parametrize("name", cases.ALL)
def test_the_same_seed_gives_the_same(name):
    first, again = simulate(cases.ALL[name]), simulate(cases.ALL[name])
    assert (first.recorded, first.packets) == (again.recorded, again.packets)
    assert first.recorded != simulate(replace(cases.ALL[name], seed=99)).recorded


@pytest.mark.parametrize("name", cases.ALL)
def test_files_hold_what_passed(tmp_path, name):
    """dpkt reads every packet, in order, with its time to the ns."""
    made = simulate(cases.ALL[name])
    paths, hops = made.write(tmp_path)
    assert len(paths) == len(hops) == len(made.recorded)
    for path, recorded in zip(paths, made.recorded.values(), strict=True):
        with path.open("rb") as file:
            rows = [(int(t * SECOND), bytes(dpkt.ethernet.Ethernet(o).data)) for t, o in dpkt.pcap.Reader(file)]
        assert sorted(recorded) == sorted(rows)
        assert [t for t, _ in rows] == sorted(t for t, _ in rows)


@pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)
@pytest.mark.parametrize("name", cases.ALL)
def test_packets_are_good_ones(tmp_path, name):
    """Every checksum that can be verified is right: the IP header's, and the transport's of packets that are no fragments."""
    names = ("ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status", "icmpv6.checksum.status")
    verify = [word for name in ("ip", "tcp", "udp") for word in ("-o", f"{name}.check_checksum:TRUE")]
    fields = [word for field in names for word in ("-e", field)]
    found = Counter()
    for path in simulate(cases.ALL[name]).write(tmp_path)[0]:
        command = ["tshark", "-n", "-r", str(path), *verify, "-o", "ip.defragment:FALSE", "-T", "fields", *fields]
        found.update(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    good, wrong = "1", "0"
    assert found[good] > 1000 > found[wrong] == 0, found


@pytest.mark.skipif(not tshark.AVAILABLE, reason=tshark.WHY_NOT)
def test_the_truth_is_what_full_contents_tell(tmp_path):
    """Of two points with nothing changed in between."""
    network = replace(cases.CUT_BY_SENDERS, segments=(Segment(30 * MS, jitter_ns=MS, loss=0.05, duplicate=0.02),), flows=(
        Flow("192.0.2.1", "192.0.2.2", "udp", 1, 2, count=500),
        Flow("2001:db8::2", "2001:db8::1", "tcp", 3, 4, count=500, back=True, equal=40, gap_ns=80 * MS)))
    made = simulate(network)
    packets, copies = one_way_contents.followed(*made.write(tmp_path)[0], cases.LONG_NS // 2)
    assert ([], []) == difference(made.packets, packets)
    assert copies == made.copies > 0


def test_a_plain_network_takes_what_it_is_told():
    """50 packets and two marks, 10 ms each."""
    made = simulate(PLAIN)
    assert {("complete", 0)} == {(p.verdict, p.lost_after) for p in made.packets}
    assert {10 * MS} == {p.delay_ns for p in made.packets if p.flow[2] == "17"}
    assert 50 == sum(p.flow[2] == "17" for p in made.packets)
    assert 0 == made.copies


def test_losses_come_in_runs():
    """One in ten of 20,000, in runs of five: a run more for every fifty packets."""
    network = replace(with_segment(loss=0.1, burst=5), flows=(replace(PLAIN.flows[0], count=20_000, octets=20),))
    lost = [p.verdict == "lost" for p in simulate(network).packets]
    runs = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
    assert sum(lost) == pytest.approx(2_000, rel=0.15)
    assert sum(lost) / runs == pytest.approx(5, rel=0.15)


def test_what_segments_do():
    """Copies, overtaking, fragments, translation."""
    assert 50 == simulate(with_segment(duplicate=1)).copies
    held = simulate(with_segment(held=0.5, held_ns=SECOND)).packets
    arrivals = [p.times_ns[1] for p in held if p.flow[2] == "17"]
    assert arrivals != sorted(arrivals)
    cut = simulate(replace(with_segment(mtu=100), per="datagram"))
    assert len(cut.recorded[1, 0]) > 2 * len(cut.recorded[0, 0])
    assert all(p.verdict == "complete" for p in cut.packets)
    assert {b"\xcb\x00\x71\x4d"} == {packet[12:16] for _, packet in simulate(with_segment(nat=True)).recorded[1, 0]
                                     if packet[9] == 17}


def test_what_hops_do():
    """Clocks, alternatives by turns, what recordings overlook, flows that begin in the middle."""
    hops = (Hop("a"), Hop("b", clock_ns=-3 * MS))
    assert {7 * MS} == {p.delay_ns for p in simulate(replace(PLAIN, hops=hops)).packets if p.flow[2] == "17"}
    turns = simulate(replace(PLAIN, hops=(Hop("a"), Hop("b", points=2, flap_ns=100 * MS))))
    assert 50 + 2 * 4 == len(turns.recorded[1, 0]) + len(turns.recorded[1, 1])
    assert min(len(turns.recorded[1, 0]), len(turns.recorded[1, 1])) > 10
    assert 50 > counted(replace(PLAIN, hops=(Hop("a", overlooked=0.5), Hop("b"))), "missed") > 10
    assert 50 == counted(replace(PLAIN, flows=(replace(PLAIN.flows[0], enters=1),)), "injected")
