"""What a collector answers: ids of PDUs that are written (ACK) or that it cannot understand (REFUSAL); when it answered (HEARD)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from tmon_common.pdu.error import PduError

MAX_IDS = 290
"""Of one answer, which then has at most 1,197 octets: through any path unfragmented, tunnels included (least IPv6 MTU is 1280)."""

_HEARD = struct.Struct("!q")


def pack_acks(pdus: Sequence[int]) -> list[bytes]:
    """Contents that acknowledge (or refuse) the ids, of which 32 bits travel. Always shorter than the PDUs they answer."""
    contents = []
    for i in range(0, len(pdus), MAX_IDS):
        some = pdus[i : i + MAX_IDS]
        contents.append(struct.pack(f"!{len(some)}I", *(p & 0xFFFFFFFF for p in some)))
    return contents


def parse_acks(content: bytes) -> tuple[int, ...]:
    """Last 32 bits of the ids. PduError when it is no whole number of ids."""
    if len(content) % 4:
        raise PduError("payload", "not a whole number of ids")
    return struct.unpack(f"!{len(content) // 4}I", content)


def pack_heard(sent_ns: int) -> bytes:
    """sent_ns: wall clock of the collector when it answers a heartbeat, ns since 1970-01-01 UTC."""
    return _HEARD.pack(sent_ns)


def parse_heard(content: bytes) -> int:
    """PduError when it is too short."""
    if len(content) < _HEARD.size:
        raise PduError("short")
    return _HEARD.unpack_from(content)[0]
