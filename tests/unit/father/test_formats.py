"""Capture formats: what Replay finds is what the slow reader, written from the drafts, and dpkt find."""

import gzip
import io
import itertools

import dpkt
import pytest

from tests.oracles.capture_files import MICRO, NANO, PcapngWriter, read_pcap, read_pcapng, write_pcap
from tests.pipeline_in_process import Frame, frames_from
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.replay import Replay

ETHERNET, SLL = 1, 113
RESOLUTIONS = (0, 3, 6, 9, 10, 12, 18, 0x80, 0x8A, 0x94, 0x9F, 0xA0, 0xA1, 0xA8, 0xBE)  # 10^-n; 2^-n with the high bit


def replayed(tmp_path, file: bytes, name: str = "capture") -> tuple[list[Frame], list[str]]:
    path = tmp_path / name
    path.write_bytes(file)
    source = Replay((path,))
    frames = frames_from(source)
    assert source.finished
    return frames, source.warnings()


def assert_found(expected, frames) -> None:
    assert [(p.time_ns, p.octets, p.wire, p.link_type, p.interface) for p in expected] == [
        (f.time_ns, f.octets, f.wire, f.link_type, f.interface) for f in frames]


def some_packets(fractions: int) -> list[tuple[int, int, bytes, int]]:
    return [(0, 0, b"", 0), (1, fractions - 1, b"x", 1), (2**31 + 5, 7, b"ab" * 30, 1500), (2**32 - 1, 0, bytes(range(200)), 200),
            (3, 3, b"longer than it was", 4)]


@pytest.mark.parametrize(("order", "magic"), list(itertools.product("<>", (MICRO, NANO))))
def test_pcap(tmp_path, order, magic):
    """Both byte orders, microseconds and nanoseconds."""
    file = write_pcap(some_packets(10**6 if magic == MICRO else 10**9), order, magic, SLL)
    frames, warnings = replayed(tmp_path, file)
    assert_found(read_pcap(file), frames)
    assert [] == warnings
    reader = dpkt.pcap.Reader(io.BytesIO(file))
    assert SLL == reader.datalink()
    by_dpkt = [(round(seconds * 10**6), octets) for seconds, octets in reader]
    assert by_dpkt == [(round(f.time_ns / 1000), f.octets) for f in frames]


@pytest.mark.parametrize(("order", "resolution", "offset"), list(itertools.product("<>", RESOLUTIONS, (None, 0, 1_000_000, -5))))
def test_pcapng_clocks(tmp_path, order, resolution, offset):
    """if_tsresol, decimal and binary, and if_tsoffset, of several interfaces at once: exact to the nanosecond, rounded down."""
    writer = PcapngWriter(order)
    writer.section()
    writer.interface(ETHERNET)
    writer.interface(SLL, resolution, offset, options=[(2, b"eth0"), (1, b"a comment")])
    per_second = 2 ** (resolution & 127) if resolution & 128 else 10**resolution
    for seconds in (0, 1, 5) if resolution != 0xBE else (0, 1):  # time must fit into 63 bits
        for ticks in (0, 1, per_second // 3, per_second - 1):
            writer.enhanced(1, seconds * per_second + ticks, b"octets", 60)
            writer.enhanced(0, seconds * 10**6 + 1, b"five.", 5, options=[(1, b"hello"), (2, b"\0\0\0\1")])
    frames, warnings = replayed(tmp_path, writer.file)
    assert_found(read_pcapng(writer.file), frames)
    assert [] == warnings


@pytest.mark.parametrize(("first", "second"), list(itertools.product("<>", "<>")))
def test_pcapng_sections_and_blocks(tmp_path, first, second):
    """Several sections, each with interfaces and byte order of its own; simple, obsolete and unknown blocks."""
    writer = PcapngWriter(first)
    writer.section(options=[(3, b"Linux"), (4, b"me")])
    writer.interface(ETHERNET, snap=8)
    writer.block(0x0BAD, b"unknown to us")
    writer.enhanced(0, 10**15, b"one", 100)
    writer.simple(b"snapped!", 90)
    writer.old_packet(0, 2 * 10**15, b"old", 3)
    writer.block(4, bytes(8))  # name resolution
    writer.block(5, bytes(12))  # statistics
    writer.block(0x80000001, bytes(400))
    writer.section(second)
    writer.block(0xB00C, b"")
    writer.interface(SLL, 9)
    writer.simple(b"whole", 5)
    writer.enhanced(0, 3 * 10**9 + 7, b"two", 3)
    writer.interface(ETHERNET, 0x94, 100)
    writer.enhanced(1, 2**20 + 1, b"", 0)
    frames, warnings = replayed(tmp_path, writer.file)
    assert_found(read_pcapng(writer.file), frames)
    assert [] == warnings
    assert [ETHERNET, ETHERNET, ETHERNET, SLL, SLL, ETHERNET] == [f.link_type for f in frames]


def test_pcapng_by_dpkt(tmp_path, capture):
    """dpkt's readers find the same packets in every real capture."""
    file = capture.read_bytes()
    reader = (dpkt.pcapng if capture.suffix == ".pcapng" else dpkt.pcap).Reader(io.BytesIO(file))
    if capture.name == "format_pcapng_two_linktypes.pcapng":  # dpkt knows one clock per file only
        expected = [octets for _, octets in reader]
        assert expected == [f.octets for f in frames_from(Replay((capture,)))]
        return
    frames = frames_from(Replay((capture,)))
    for (seconds, octets), frame in zip(reader, frames, strict=True):
        assert octets == frame.octets
        assert abs(float(seconds) - frame.time_ns / 1e9) < 1e-6  # dpkt counts in floating point


def test_readers_agree_on_real_captures(capture):
    """The slow reader too finds the same, times to the nanosecond (and so is fit to judge files that dpkt cannot read)."""
    file = capture.read_bytes()
    frames = frames_from(Replay((capture,)))
    expected = (read_pcapng if capture.suffix == ".pcapng" else read_pcap)(file)
    negative = 1000 << 64  # see test_tshark.SIGNED
    expected = [(p.time_ns - negative if p.time_ns > 1 << 63 else p.time_ns, p.octets, p.wire) for p in expected]
    assert expected == [(f.time_ns, f.octets, f.wire) for f in frames]


@pytest.mark.parametrize("members", [1, 3])
def test_gzip(tmp_path, members):
    """A gzip file, of one or several members, is what it unpacks to."""
    file = write_pcap(some_packets(10**6) * 50)
    size = len(file) // members + 1
    packed = b"".join(gzip.compress(file[i : i + size]) for i in range(0, len(file), size))
    frames, warnings = replayed(tmp_path, packed, "capture.pcap.gz")
    assert_found(read_pcap(file), frames)
    assert [] == warnings


REFUSED = {
    "empty": (b"", "the file is empty (0 octets)"),
    "text": (b"hello, world", "not a pcap or pcapng capture"),
    "one octet": (b"\xd4", "not a pcap or pcapng capture"),
    "header cut": (write_pcap([])[:23], "cut within the pcap file header (23 of 24 octets)"),
    "link type": (write_pcap([], link_type=147), "link type 147 is not supported"),
    "modified pcap": (b"\x34\xcd\xb2\xa1" + bytes(30), "a modified (Kuznetzov) pcap file"),
    "snoop": (b"snoop\0\0\0" + bytes(30), "a Solaris snoop file"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(30), "unzstd"),
    "gzip of text": (gzip.compress(b"hello"), "not a pcap or pcapng capture"),
    "gzip of nothing": (gzip.compress(b""), "the file is empty"),
    "gzip header cut": (gzip.compress(write_pcap([]))[:5], "gzip data: Compressed file ended"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path, case):
    """What is no capture is refused before the first packet, naming file and reason."""
    path = tmp_path / "capture"
    path.write_bytes(REFUSED[case][0])
    with pytest.raises(CaptureError) as refusal:
        Replay((path,))
    assert str(path) in str(refusal.value)
    assert REFUSED[case][1] in str(refusal.value)


def test_refused_paths(tmp_path):
    for path, reason in ((tmp_path / "missing", "no such file"), (tmp_path, "a directory, not a capture file")):
        with pytest.raises(CaptureError, match=reason):
            Replay((path,))


def test_no_packets(tmp_path):
    """A capture without packets is a capture."""
    writer = PcapngWriter()
    writer.section()
    writer.interface()
    for file in (write_pcap([]), writer.file):
        assert ([], []) == replayed(tmp_path, file)


def test_unsupported_interface_among_others(tmp_path):
    """Packets of a link type that we do not know are there, and a warning names the type."""
    writer = PcapngWriter()
    writer.section()
    writer.interface(ETHERNET)
    writer.interface(147)
    writer.enhanced(1, 0, b"unknown", 7)
    frames, warnings = replayed(tmp_path, writer.file)
    assert [147] == [f.link_type for f in frames]
    assert len(warnings) == 1
    assert "147" in warnings[0]


@pytest.mark.parametrize("order", "<>")
def test_a_block_larger_than_the_window_is_stepped_over(tmp_path, order):
    """Secrets or custom blocks of megabytes between packets; cut in one, what came before is measured."""
    writer = PcapngWriter(order)
    writer.section()
    writer.interface(ETHERNET, 9)
    writer.enhanced(0, 1, b"before", 6)
    start = len(writer.file)
    writer.block(0x0000000A, bytes(5 << 20))
    writer.enhanced(0, 2, b"after", 5)
    frames, warnings = replayed(tmp_path, writer.file)
    assert ([b"before", b"after"], []) == ([f.octets for f in frames], warnings)
    frames, (warning,) = replayed(tmp_path, writer.file[: start + (2 << 20)], "cut")
    assert [b"before"] == [f.octets for f in frames]
    assert f"cut in the block at octet {start}" in warning
