"""What a collector answers: ids of PDUs that are written (ACK) or that it cannot understand (REFUSAL)."""

from __future__ import annotations

import struct

from tmon_common.pdu.error import PduError
from tmon_common.pdu.header import COMMON_OCTETS, pack_common
from tmon_common.pdu.seal import Seal

MAX_ACK_OCTETS = 1200  # goes through any path unfragmented, tunnels included (least IPv6 MTU is 1280)


def pack_acks(pdu_type: int, probe: int, run: int, pdus: list[int], seal: Seal) -> list[bytes]:
    """Datagrams that acknowledge (or refuse) the ids, of which 32 bits travel. Always shorter than the PDUs they answer."""
    head = pack_common(pdu_type, probe, run)
    room = (MAX_ACK_OCTETS - len(head) - seal.octets) // 4
    datagrams = []
    for i in range(0, len(pdus), room):
        some = pdus[i:i + room]
        datagrams.append(seal.close(head + struct.pack(f"!{len(some)}I", *(p & 0xFFFFFFFF for p in some))))
    return datagrams


def parse_acks(datagram: bytes, seal: Seal) -> tuple[int, ...]:
    """Last 32 bits of the ids; `parse_common` must have accepted the datagram. PduError when it is no whole number of ids."""
    octets = len(datagram) - COMMON_OCTETS - seal.octets
    if octets % 4:
        raise PduError("payload", "not a whole number of ids")
    return struct.unpack_from(f"!{octets // 4}I", datagram, COMMON_OCTETS)
