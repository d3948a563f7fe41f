"""What a resource record says, as text (RFC 1035 section 5.1 and the RFC of each type), its length bounded."""

from __future__ import annotations

import struct
from ipaddress import IPv6Address

from tmon_probe.child.dns.names import DnsError, read_name
from tmon_probe.child.dns.registry import type_name

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, DNAME, DS, SVCB, HTTPS, SPF, CAA = (
    1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 43, 64, 65, 99, 257)
_IN = 1
_ONE_NAME = (NS, CNAME, PTR, DNAME)
_LEADING = {MX: "!H", SRV: "!HHH", SVCB: "!H", HTTPS: "!H"}
"""Numbers in front of a name."""
MAX_STRING_OCTETS = 255
"""Of a TXT record that are looked at."""


def record_text(data: bytes, number: int, class_: int, at: int, length: int) -> str:
    """The RDATA of `length` octets at data[at], names in it completed; for a type that is not written out its name alone.

    DnsError if the octets are not what the type demands.
    """
    if length == 0:  # RFC 2136 section 2.5
        return type_name(number)
    if number == A and class_ == _IN:
        return ".".join(map(str, _exactly(data, at, length, 4)))
    if number == AAAA and class_ == _IN:
        return str(IPv6Address(_exactly(data, at, length, 16)))
    if number in _ONE_NAME:
        return _name_within(data, at, at + length)[0]
    if number in _LEADING:
        leading = _LEADING[number]
        numbers = _numbers(leading, data, at, at + length)
        name, _ = _name_within(data, at + struct.calcsize(leading), at + length)
        return " ".join([*map(str, numbers), name])
    if number == SOA:
        mname, behind = _name_within(data, at, at + length)
        rname, behind = _name_within(data, behind, at + length)
        return " ".join([mname, rname, *map(str, _numbers("!5I", data, behind, at + length))])
    if number in (TXT, SPF):
        return _strings(data, at, at + length)
    if number == DS:
        tag, algorithm, digest = _numbers("!HBB", data, at, at + length)
        return f"{tag} {algorithm} {digest} {data[at + 4 : at + length].hex()}"
    if number == CAA:  # RFC 8659 section 4.1
        flags, tag_octets = _numbers("!BB", data, at, at + length)
        value = at + 2 + tag_octets
        if value > at + length:
            raise DnsError("CAA")
        return f"{flags} {_quoted(data[at + 2 : value])[1:-1]} {_quoted(data[value : min(at + length, value + MAX_STRING_OCTETS)])}"
    return type_name(number)


def _exactly(data: bytes, at: int, length: int, wanted: int) -> bytes:
    if length != wanted:
        raise DnsError("address")
    return data[at : at + wanted]


def _numbers(form: str, data: bytes, at: int, end: int) -> tuple[int, ...]:
    if at + struct.calcsize(form) > end:
        raise DnsError("record too short")
    return struct.unpack_from(form, data, at)


def _name_within(data: bytes, at: int, end: int) -> tuple[str, int]:
    """A name that must end within its record; pointers may lead out of it."""
    name, behind = read_name(data, at)
    if behind > end:
        raise DnsError("name beyond its record")
    return name, behind


def _strings(data: bytes, at: int, end: int) -> str:
    """Character strings, quoted; of what is long the beginning."""
    found, stop = [], min(end, at + MAX_STRING_OCTETS)
    while at < stop:
        behind = at + 1 + data[at]
        if behind > end:
            raise DnsError("string beyond its record")
        found.append(_quoted(data[at + 1 : behind]))
        at = behind
    return " ".join(found)


def _quoted(octets: bytes) -> str:
    plain = "".join([chr(o) if 0x20 <= o <= 0x7E and o not in (0x22, 0x5C) else f"\\{chr(o)}" if o in (0x22, 0x5C) else f"\\{o:03d}"
                     for o in octets])
    return f'"{plain}"'
