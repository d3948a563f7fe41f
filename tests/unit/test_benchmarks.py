"""The capture that benchmarks make: it is what it says, on a recording of the project."""

from __future__ import annotations

from pathlib import Path

import dpkt
import pytest

from benchmarks import capture, recording

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
