"""The capture that benchmarks make: it is what it says, on a recording of the project."""

from __future__ import annotations

from pathlib import Path

import dpkt
import pytest

from benchmarks import capture, classes, lone_father, recording
from tmon_common.config.model import Interface

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
