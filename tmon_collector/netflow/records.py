"""Flow records in the one form that everything after decoding works on, whatever they were sent in."""

from __future__ import annotations

import numpy as np

from tmon_common.observations import ABSENT

NO_NUMBER = -1
"""Protocol or port that a record does not have."""

RECORD = np.dtype([
    ("src_addr", "<i8", (2,)),  # 128 bits, IPv4 mapped; ABSENT twice: none
    ("dst_addr", "<i8", (2,)),
    ("octets", "<i8"),
    ("packets", "<i8"),
    ("start_ms", "<i8"),  # since 1970-01-01 UTC, of the first packet
    ("end_ms", "<i8"),  # of the last packet
    ("exporter", "<i4"),  # number of who exported it
    ("src_port", "<i4"),
    ("dst_port", "<i4"),
    ("protocol", "<i2"),
])

_MAPPED = 0xFFFF << 32


def records(count: int) -> np.ndarray:
    """RECORD (count,) without addresses, protocol, ports and counts."""
    made = np.zeros(count, RECORD)
    made["src_addr"] = made["dst_addr"] = ABSENT
    made["src_port"] = made["dst_port"] = made["protocol"] = NO_NUMBER
    return made


def mapped(ipv4: np.ndarray) -> np.ndarray:
    """Addresses int64 (n, 2) of IPv4 ones, (n,) of any unsigned type (RFC 4291 section 2.5.5.2)."""
    addresses = np.zeros((len(ipv4), 2), np.int64)
    addresses[:, 1] = ipv4.astype(np.int64) | _MAPPED
    return addresses


def reversed_flows(forward: np.ndarray) -> np.ndarray:
    """A copy with source and destination exchanged."""
    other = forward.copy()
    for name in ("addr", "port"):
        other[f"src_{name}"], other[f"dst_{name}"] = forward[f"dst_{name}"], forward[f"src_{name}"]
    return other
