"""The pcap files, read back by dpkt."""

import struct
from decimal import Decimal

import dpkt
import pytest

from tests.linkemu.tap import Tap


def test_frames_and_nanoseconds_come_back(tmp_path):
    times_ns = [1_700_000_000_000_000_001, 1_700_000_000_999_999_999, 1_700_000_001_000_000_000]
    with Tap(tmp_path / "tap.pcap") as tap:
        assert [tap.write(bytes([number]) * 60, time_ns) for number, time_ns in enumerate(times_ns)] == [1, 2, 3]
    assert struct.pack("<I", 0xA1B23C4D) == (tmp_path / "tap.pcap").read_bytes()[:4]
    with (tmp_path / "tap.pcap").open("rb") as file:
        packets = [(int(Decimal(time) * 10**9), octets) for time, octets in dpkt.pcap.Reader(file)]
    assert [(time_ns, bytes([number]) * 60) for number, time_ns in enumerate(times_ns)] == packets


def test_time_must_not_run_backwards(tmp_path):
    with Tap(tmp_path / "tap.pcap") as tap:
        tap.write(b"x" * 60, 1_000)
        tap.write(b"x" * 60, 1_000)
        with pytest.raises(ValueError, match="before the previous"):
            tap.write(b"x" * 60, 999)
