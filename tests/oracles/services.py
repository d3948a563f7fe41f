"""Requests and answers of ICMP echo, DNS, SNMP and NTP, read octet by octet: RFC 792, 4443, 1035, 3416, 3412, 5905."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import dpkt

DNS, NTP, SNMP = 53, 123, 161
ECHO = {(1, 8): False, (1, 0): True, (58, 128): False, (58, 129): True}
"""(protocol, type) -> is it the answer?"""
SNMP_REQUESTS, SNMP_ANSWERS = {0xA0, 0xA1, 0xA3, 0xA5}, {0xA2, 0xA8}
SEQUENCE, INTEGER, OCTETS = 0x30, 0x02, 0x04


@dataclass(frozen=True)
class Said:
    """A request or an answer. code: of the answer, DNS rcode or SNMP error-status, else 0."""

    metric: str
    identifier: int
    is_answer: bool
    src_port: int | None = None
    dst_port: int | None = None
    code: int = 0


def said_of(message: Any) -> Said | None:
    """What a transport message of dpkt says; None if it belongs to none of the services."""
    if isinstance(message, dpkt.icmp.ICMP | dpkt.icmp6.ICMP6):
        return _echo(message)
    if not isinstance(message, dpkt.udp.UDP) or not message.data:
        return None
    readers = {DNS: _dns, NTP: _ntp, SNMP: _snmp}
    reader = readers.get(message.dport) or readers.get(message.sport)
    read = reader(bytes(message.data)) if reader else None
    return Said(read[0], read[1], read[2], message.sport, message.dport, read[3]) if read else None


def _echo(message: Any) -> Said | None:
    is_answer = ECHO.get((1 if isinstance(message, dpkt.icmp.ICMP) else 58, message.type))
    return None if is_answer is None else Said("icmp_echo", int.from_bytes(bytes(message)[4:8]), is_answer)


def _dns(octets: bytes) -> tuple[str, int, bool, int]:
    identifier, flags = struct.unpack_from(">HH", octets)
    return "dns", identifier, bool(flags & 0x8000), flags & 15


def _ntp(octets: bytes) -> tuple[str, int, bool, int] | None:
    """Mode 3 asks, mode 4 answers; the client's transmit timestamp (63 bits of it) comes back as the originate timestamp."""
    mode = octets[0] & 7
    originate, _, transmit = struct.unpack_from(">QQQ", octets, 24)
    return ("ntp", (originate if mode == 4 else transmit) & (1 << 63) - 1, mode == 4, 0) if mode in (3, 4) else None


def _snmp(octets: bytes) -> tuple[str, int, bool, int] | None:
    """Versions 1 and 2c by the request-id; version 3 by msgID, since the rest may be encrypted."""
    _, message, _ = _element(octets)
    _, version, rest = _element(message)
    if int.from_bytes(version) == 3:
        _, header, _ = _element(rest)
        _, identifier, header = _element(header)
        _, _max_size, header = _element(header)
        _, flags, _ = _element(header)
        return "snmp", int.from_bytes(identifier, signed=True), not flags[0] & 4, 0
    _, _community, rest = _element(rest)
    tag, pdu, _ = _element(rest)
    _, identifier, pdu = _element(pdu)
    _, status, _ = _element(pdu)
    if tag not in SNMP_REQUESTS | SNMP_ANSWERS:
        return None
    is_answer = tag in SNMP_ANSWERS
    return "snmp", int.from_bytes(identifier, signed=True), is_answer, int.from_bytes(status) if is_answer else 0


def _element(octets: bytes) -> tuple[int, bytes, bytes]:
    """Tag, value, and what follows (BER, X.690 section 8.1)."""
    tag, size, at = octets[0], octets[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(octets[2:at])
    return tag, octets[at : at + size], octets[at + size :]
