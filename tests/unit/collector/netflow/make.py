"""Datagrams of exporters, made by hand."""

from __future__ import annotations

import ipaddress
import struct

EXPORT_S = 1_700_000_000
NOW_NS = EXPORT_S * 1_000_000_000 + 500_000_000

PLAIN = ((8, 4), (12, 4), (4, 1), (7, 2), (11, 2), (1, 8), (2, 4), (152, 8), (153, 8))
"""Elements and their octets; of others an enterprise may follow."""


def plain(src="10.0.0.1", dst="10.0.0.2", protocol=17, src_port=40000, dst_port=53, octets=1000, packets=3,
          start_ms=EXPORT_S * 1000 - 2000, end_ms=EXPORT_S * 1000 - 1000) -> bytes:
    """A record of PLAIN."""
    return struct.pack("!4s4sBHHQIQQ", packed(src), packed(dst), protocol, src_port, dst_port, octets, packets, start_ms, end_ms)


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def template(number: int, fields=PLAIN) -> bytes:
    """A template of IPFIX."""
    return struct.pack("!HH", number, len(fields)) + b"".join(map(_specifier, fields))


def options(number: int, scopes, fields) -> bytes:
    """An options template of IPFIX."""
    return struct.pack("!HHH", number, len(scopes) + len(fields), len(scopes)) + b"".join(map(_specifier, (*scopes, *fields)))


def v9_options(number: int, scopes, fields) -> bytes:
    return struct.pack("!HHH", number, 4 * len(scopes), 4 * len(fields)) + b"".join(map(_specifier, (*scopes, *fields)))


def _specifier(field) -> bytes:
    element, octets, *enterprise = field
    return struct.pack("!HHI", element | 0x8000, octets, *enterprise) if enterprise else struct.pack("!HH", element, octets)


def a_set(number: int, *content: bytes, padding: int = 0) -> bytes:
    octets = b"".join(content) + bytes(padding)
    return struct.pack("!HH", number, 4 + len(octets)) + octets


def ipfix(*sets: bytes, sequence: int = 0, domain: int = 0, export_s: int = EXPORT_S) -> bytes:
    return struct.pack("!HHIII", 10, 16 + sum(map(len, sets)), export_s, sequence, domain) + b"".join(sets)


def v9(*sets: bytes, sequence: int = 0, domain: int = 0, uptime_ms: int = 1_000_000, export_s: int = EXPORT_S) -> bytes:
    return struct.pack("!HHIIII", 9, len(sets), uptime_ms, export_s, sequence, domain) + b"".join(sets)


def v5(*records: bytes, sequence: int = 0, uptime_ms: int = 1_000_000, sampling: int = 0, count: int | None = None,
       engine: int = 0) -> bytes:
    return struct.pack("!HHIIIIBBH", 5, len(records) if count is None else count, uptime_ms, EXPORT_S, 250_000_000, sequence, 0,
                       engine, sampling) + b"".join(records)


def v5_record(src="10.0.0.1", dst="10.0.0.2", packets=3, octets=1000, first=990_000, last=995_000, src_port=40000, dst_port=53,
              protocol=17) -> bytes:
    return struct.pack("!4s4s4sHHIIIIHHBBBBHHBBH", packed(src), packed(dst), bytes(4), 1, 2, packets, octets, first, last,
                       src_port, dst_port, 0, 0, protocol, 0, 0, 0, 0, 0, 0)
