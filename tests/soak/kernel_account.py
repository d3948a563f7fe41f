"""What the kernel counted of a TCP connection, and how many octets of IP that is.

struct tcp_info of linux/tcp.h, the few numbers that are needed. A socket tells them to the end, also when the connection is over.
"""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import NamedTuple

CLOSED = 7
_INFO_OCTETS = 232
_RETRANSMITTED, _SEGMENTS_OUT, _SENT = struct.Struct("<I"), struct.Struct("<II"), struct.Struct("<Q")
_AT_RETRANSMITTED, _AT_SEGMENTS, _AT_SENT = 100, 136, 200
IP_OCTETS = {socket.AF_INET: 20, socket.AF_INET6: 40}
SYN_OCTETS, SEGMENT_OCTETS, RESET_OCTETS = 40, 32, 20
"""TCP headers with the options of Linux: MSS, SACK permitted, timestamps and window scale; timestamps; none."""


class Account(NamedTuple):
    """sent, got: segments. repeated: of those sent. octets: of payload sent, repeated ones included."""

    state: int
    sent: int
    got: int
    repeated: int
    octets: int


def account(one: socket.socket) -> Account:
    """Of a socket that connected. One that was accepted has not counted its SYN-ACK, see `accepted`."""
    info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_OCTETS)
    sent, got = _SEGMENTS_OUT.unpack_from(info, _AT_SEGMENTS)
    repeated, = _RETRANSMITTED.unpack_from(info, _AT_RETRANSMITTED)
    octets, = _SENT.unpack_from(info, _AT_SENT)
    return Account(info[0], sent, got, repeated, octets)


def accepted(one: socket.socket) -> Account:
    """Of a socket that was accepted: what the listening one had sent for it counts, too."""
    told = account(one)
    return told._replace(sent=told.sent + 1)


def sent_again() -> int:
    """Segments that TCP has sent again in the network namespace of this thread, whoever's they were (RFC 4022 tcpRetransSegs)."""
    told = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in told if line.startswith("Tcp:"))
    return int(dict(zip(names, values, strict=True))["RetransSegs"])


def ip_octets(family: socket.AddressFamily, segments: int, payload: int) -> int:
    """Of so many segments of one direction, a SYN first, nothing sent again: of a connection with timestamps (RFC 7323)."""
    return segments * (IP_OCTETS[family] + SEGMENT_OCTETS) + SYN_OCTETS - SEGMENT_OCTETS + payload
