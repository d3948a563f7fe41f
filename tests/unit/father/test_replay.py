"""The replay source: files that end early or lie, records across the window's edge, pipes, several files, own pace."""

import gzip
import os
import struct
import threading

import pytest

from tests.oracles.capture_files import PcapngWriter, read_pcap, read_pcapng, write_pcap
from tests.pipeline_in_process import frames_from
from tests.unit.father.recordings import frames_of
from tests.unit.father.test_formats import assert_found, replayed
from tmon_probe.father.capture.batch import BATCH_PACKETS
from tmon_probe.father.capture.formats import MAX_FRAME_OCTETS
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.capture.window import WINDOW_OCTETS


def small_pcap() -> bytes:
    return write_pcap([(1, 2, b"first", 5), (3, 4, b"", 60), (5, 6, b"the last one", 12)], ">")


def small_pcapng() -> bytes:
    writer = PcapngWriter()
    writer.section(options=[(4, b"test")])
    writer.interface(options=[(2, b"eth0")])
    writer.enhanced(0, 5, b"first", 5)
    writer.simple(b"simple", 6)
    writer.section(">")
    writer.interface(113, 9)
    writer.enhanced(0, 6, b"last", 4)
    return writer.file


@pytest.mark.parametrize("file", [small_pcap(), small_pcapng()], ids=["pcap", "pcapng"])
def test_cut_at_every_octet(tmp_path, file):
    """Every packet before the cut is found; a warning names the octet of the record that is cut, if one is."""
    pcap = file == small_pcap()
    boundaries = {0, 24, *(p.end for p in read_pcap(file))} if pcap else _block_ends(file)
    for length in range(24 if pcap else 4, len(file)):
        cut = file[:length]
        frames, warnings = replayed(tmp_path, cut)
        assert_found(read_pcap(cut) if pcap else read_pcapng(cut), frames)
        if length in boundaries:
            assert [] == warnings
        else:
            start = max(b for b in boundaries if b < length)
            assert len(warnings) == 1
            assert f"octet {start};" in warnings[0]
            assert f"only {length - start} octets" in warnings[0]


def _block_ends(file: bytes) -> set[int]:
    ends, at = {0}, 0
    order = "<"
    while at < len(file):
        if file[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = ">" if file[at + 8] == 0x1A else "<"
        at += struct.unpack(order + "I", file[at + 4 : at + 8])[0]
        ends.add(at)
    return ends


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_gzip(tmp_path, share):
    """Of a gzip file that is cut, every packet that can be unpacked is found, and the warning says where it ends."""
    file = write_pcap([(i, 0, os.urandom(100), 100) for i in range(30_000)])
    packed = gzip.compress(file, 1)
    packed = packed[: int(len(packed) * share)]
    frames, warnings = replayed(tmp_path, packed)
    expected = read_pcap(_unpacked(packed))
    assert_found(expected, frames)
    assert len(warnings) == 1
    assert "gzip" in warnings[0]
    assert f"octet {expected[-1].end} " in warnings[0]


def _unpacked(packed: bytes) -> bytes:
    """As much as there is."""
    import zlib

    return zlib.decompressobj(31).decompress(packed)


def test_damaged_gzip(tmp_path):
    """A wrong checksum at the end of the data is told; the packets are all there."""
    file = small_pcap()
    packed = bytearray(gzip.compress(file))
    packed[-8] ^= 1
    frames, warnings = replayed(tmp_path, bytes(packed))
    assert_found(read_pcap(file), frames)
    assert len(warnings) == 1
    assert "gzip" in warnings[0]


@pytest.mark.parametrize("size", [60, 1514, 65_535, MAX_FRAME_OCTETS])
def test_records_across_the_edge_of_the_window(tmp_path, size):
    """Records of any size lie across the edges of the window: none is lost or torn."""
    count = 3 * WINDOW_OCTETS // size + 3
    packets = [(i, 0, (struct.pack(">I", i) * (size // 4 + 1))[: size - i % 3], size) for i in range(count)]
    file = write_pcap(packets)
    frames, warnings = replayed(tmp_path, file)
    assert_found(read_pcap(file), frames)
    assert [] == warnings
    writer, parts = PcapngWriter(), []
    writer.section()
    writer.interface()
    for i, _, octets, wire in packets:
        writer.file, _ = b"", parts.append(writer.file)
        writer.enhanced(0, i, octets, wire)
    file = b"".join([*parts, writer.file])
    frames, warnings = replayed(tmp_path, file)
    assert_found(read_pcapng(file), frames)
    assert [] == warnings


def test_more_packets_than_a_batch_holds(tmp_path):
    file = write_pcap([(i, 0, b"", 0) for i in range(2 * BATCH_PACKETS + 1)])
    frames, _ = replayed(tmp_path, file)
    assert_found(read_pcap(file), frames)


LIES = {
    "captured length": (small_pcap()[:24] + struct.pack(">IIII", 1, 2, MAX_FRAME_OCTETS + 1, 5) + bytes(50), 24),
    "block length below 12": (small_pcapng() + struct.pack(">II", 6, 8) + bytes(40), len(small_pcapng())),
    "block length not in fours": (small_pcapng() + struct.pack(">II", 6, 33) + bytes(40), len(small_pcapng())),
    "block length enormous": (small_pcapng() + struct.pack(">II", 6, 1 << 31) + bytes(40), len(small_pcapng())),
    "captured length beyond the block": (
        small_pcapng() + struct.pack(">8I", 6, 32, 0, 0, 0, 40, 40, 32) + bytes(40), len(small_pcapng())),
    "no such interface": (small_pcapng() + struct.pack(">8I", 6, 32, 1, 0, 0, 0, 0, 32), len(small_pcapng())),
    "lengths before and after the block differ": (
        small_pcapng() + struct.pack(">8I", 6, 32, 0, 0, 0, 0, 0, 28) + bytes(40), len(small_pcapng())),
    "byte order of a section": (small_pcapng() + struct.pack(">4I", 0x0A0D0D0A, 28, 5, 5) + bytes(40), len(small_pcapng())),
    "section too short": (small_pcapng() + struct.pack(">4I", 0x0A0D0D0A, 12, 0x1A2B3C4D, 5) + bytes(40), len(small_pcapng())),
    "interface too short": (small_pcapng() + struct.pack(">4I", 1, 16, 0, 16) + bytes(40), len(small_pcapng())),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_lies(tmp_path, lie):
    """Where the file is damaged, reading ends: everything before is there, and the warning names the octet."""
    file, octet = LIES[lie]
    frames, warnings = replayed(tmp_path, file)
    good = small_pcapng() if octet > 24 else small_pcap()[:24]
    assert_found(read_pcapng(good) if octet > 24 else read_pcap(good), frames)
    assert len(warnings) == 1
    assert f"damaged at octet {octet}" in warnings[0]


@pytest.mark.parametrize("packed", [False, True])
def test_pipes(tmp_path, packed):
    """Pipes, which can be read once only, beside files: all packets of all of them, in order."""
    files = [write_pcap([(i, j, bytes([i]) * 50, 50) for j in range(3000)]) for i in range(4)]
    paths = [tmp_path / str(i) for i in range(4)]
    writers = []
    for i, (path, file) in enumerate(zip(paths, files, strict=True)):
        octets = gzip.compress(file) if packed else file
        if i % 2:
            os.mkfifo(path)
            writers.append(threading.Thread(target=path.write_bytes, args=(octets,), daemon=True))
            writers[-1].start()
        else:
            path.write_bytes(octets)
    source = Replay(tuple(paths))
    frames = frames_from(source)
    assert_found([p for file in files for p in read_pcap(file)], frames)
    assert [] == source.warnings()
    for writer in writers:
        writer.join(10)


def test_progress_reaches_the_end(tmp_path):
    """Octets read and octets in all: equal when everything was read, of packed files too."""
    paths = [tmp_path / "a.pcap", tmp_path / "b.pcap.gz"]
    paths[0].write_bytes(small_pcap())
    paths[1].write_bytes(gzip.compress(small_pcap()))
    source = Replay(tuple(paths))
    assert sum(p.stat().st_size for p in paths) == source.progress()[1]
    frames_from(source)
    assert source.progress()[0] == source.progress()[1]
    source.close()


@pytest.mark.parametrize("file", [small_pcap(), small_pcapng()], ids=["pcap", "pcapng"])
def test_clock_that_was_ahead(tmp_path, file):
    """Times of all packets are corrected by as much, also of those that have the time of the one before; no other is."""
    path = tmp_path / "x"
    path.write_bytes(file)
    hour = 3600 * 10**9
    right = frames_of(Replay((path,)))
    assert right == [(i, time + hour, *rest) for i, time, *rest in frames_of(Replay((path,), clock_ahead_ns=hour))]
    assert right == [(i, time - hour, *rest) for i, time, *rest in frames_of(Replay((path,), clock_ahead_ns=-hour))]


def test_own_pace(tmp_path):
    """Packets come when their time has come by the clock, counted from the first one; none early, none lost."""
    path = tmp_path / "paced.pcap"
    path.write_bytes(write_pcap([(100, 0, b"a", 1), (100, 500_000, b"b", 1), (100, 500_000, b"c", 1), (103, 0, b"d", 1)]))
    now = [7_000_000_000]
    source = Replay((path,), paced_by=lambda: now[0])

    def due() -> bytes:
        batch = source.next_batch()
        return b"" if batch is None else b"".join(bytes(batch.data[at : at + 1]) for at in batch.offsets[: batch.count])

    assert (b"a", b"") == (due(), due())
    now[0] += 499_999_999
    assert b"" == due()
    now[0] += 1
    assert (b"bc", b"") == (due(), due())
    now[0] += 10_000_000_000
    assert b"d" == due()
    assert not source.finished
    assert due() == b""
    assert source.finished
