"""NetFlow v5: records of one layout, IPv4 alone (Cisco, NetFlow Export Datagram Format, version 5)."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from tmon_collector.netflow.records import mapped, records
from tmon_collector.netflow.times import uptime_times

HEADER = struct.Struct("!HHIIIIBBH")
MAX_RECORDS = 30
RECORD_V5 = np.dtype([
    ("src", ">u4"), ("dst", ">u4"), ("next_hop", ">u4"), ("input", ">u2"), ("output", ">u2"), ("packets", ">u4"),
    ("octets", ">u4"), ("first", ">u4"), ("last", ">u4"), ("src_port", ">u2"), ("dst_port", ">u2"), ("pad", "u1"),
    ("tcp_flags", "u1"), ("protocol", "u1"), ("tos", "u1"), ("src_as", ">u2"), ("dst_as", ">u2"), ("src_mask", "u1"),
    ("dst_mask", "u1"), ("pad_2", ">u2")])


class Header(NamedTuple):
    """export_ms: since 1970-01-01 UTC; sampling: packets of which one was looked at, 0: not told; engine: type and id."""

    count: int
    uptime_ms: int
    export_ms: int
    sequence: int
    engine: int
    sampling: int


def read_header(datagram: bytes) -> Header | None:
    """None: it is shorter than it says, or tells an impossible number of records."""
    if len(datagram) < HEADER.size:
        return None
    _, count, uptime, seconds, nanoseconds, sequence, engine_type, engine_id, sampling = HEADER.unpack_from(datagram)
    if not 0 < count <= MAX_RECORDS or len(datagram) < HEADER.size + count * RECORD_V5.itemsize:
        return None
    export_ms = seconds * 1000 + min(nanoseconds // 1_000_000, 999)
    return Header(count, uptime, export_ms, sequence, engine_type << 8 | engine_id, sampling & 0x3FFF)


def decode(contents: bytes, exporter: np.ndarray, export_ms: np.ndarray, uptime_ms: np.ndarray) -> np.ndarray:
    """RECORD (n,) of the records of many datagrams, headers apart; the others (n,) tell of each what its datagram tells."""
    told = np.frombuffer(contents, RECORD_V5)
    flows = records(len(told))
    flows["exporter"] = exporter
    flows["src_addr"], flows["dst_addr"] = mapped(told["src"]), mapped(told["dst"])
    for name in ("src_port", "dst_port", "protocol", "octets", "packets"):
        flows[name] = told[name]
    flows["start_ms"] = uptime_times(told["first"], export_ms, uptime_ms)
    flows["end_ms"] = uptime_times(told["last"], export_ms, uptime_ms)
    return flows
