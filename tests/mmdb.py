"""Small files in MaxMind's format, written by its specification (https://maxmind.github.io/MaxMind-DB/, version 2.0)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_MARKER = b"\xab\xcd\xefMaxMind.com"
_IPV4_AT = 96
"""Bits of zeros before IPv4 addresses in a tree of IPv6."""


def write_mmdb(path: Path, networks: Mapping[str, dict], kind: str = "Test-City") -> Path:
    """networks: prefix -> record, no two of them one in the other; a tree of IPv6 with records of 32 bits."""
    tree: list[list[Any]] = [[None, None]]  # each side: None, a node, or the octets of its data
    for prefix, record in networks.items():
        network = ipaddress.ip_network(prefix)
        bits = f"{int(network.network_address):0128b}"[:network.prefixlen + (_IPV4_AT if network.version == 4 else 0)]
        if network.version == 4:
            bits = "0" * _IPV4_AT + f"{int(network.network_address):032b}"[:network.prefixlen]
        node = 0
        for bit in bits[:-1]:
            if tree[node][int(bit)] is None:
                tree.append([None, None])
                tree[node][int(bit)] = len(tree) - 1
            node = tree[node][int(bit)]
        tree[node][int(bits[-1])] = _encoded(record)
    data, search = b"", b""
    for sides in tree:
        for side in sides:
            value = len(tree) if side is None else side
            if isinstance(side, bytes):
                value = len(tree) + 16 + len(data)
                data += side
            search += value.to_bytes(4)
    metadata = _encoded({"node_count": len(tree), "record_size": 32, "ip_version": 6, "database_type": kind, "languages": ["en"],
                         "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": 1_700_000_000,
                         "description": {"en": "made by a test"}})
    path.write_bytes(search + bytes(16) + data + _MARKER + metadata)
    return path


_KINDS = dict.fromkeys(("record_size", "ip_version", "binary_format_major_version", "binary_format_minor_version"), 5) | {
    "build_epoch": 9}
"""Whole numbers of 16 and of 64 bits; all others have 32."""


def _encoded(value: Any, kind: int = 6) -> bytes:
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(_encoded(k) + _encoded(v, _KINDS.get(k, 6)) for k, v in value.items())
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(_encoded, value))
    if isinstance(value, str):
        octets = value.encode()
        return _control(2, len(octets)) + octets
    octets = value.to_bytes((value.bit_length() + 7) // 8)
    return _control(kind if len(octets) <= 4 else 9, len(octets)) + octets


def _control(kind: int, size: int) -> bytes:
    extended = b"" if kind < 8 else bytes([kind - 7])
    low = size if size < 29 else 29 if size < 29 + 256 else 30
    more = b"" if size < 29 else (size - 29).to_bytes(1) if size < 29 + 256 else (size - 285).to_bytes(2)
    return bytes([(kind << 5 if kind < 8 else 0) | low]) + extended + more
