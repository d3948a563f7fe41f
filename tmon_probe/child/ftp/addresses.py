"""Host and port as commands and replies write them: RFC 959 section 4.1.2, RFC 1639, RFC 2428. Addresses are numbers of 128 bits,
IPv4 as ::ffff:a.b.c.d; None: the text tells none."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

_MAPPED = 0xFFFF << 32
_NUMBERS = re.compile(r"\d{1,3}(?:\s*,\s*\d{1,3}){5,}")
_EXTENDED = re.compile(r"([!-~])(\d?)\1([0-9A-Fa-f:.]*)\1(\d{1,5})\1")


class HostPort(NamedTuple):
    """address: None where only the port is told: the host is that of the control connection."""

    address: int | None
    port: int


def ordinary(text: str) -> HostPort | None:
    """`h1,h2,h3,h4,p1,p2` of PORT and 227, wherever it stands in the text, whatever is around it (RFC 1123 section 4.1.2.6)."""
    numbers = _numbers(text)
    if numbers is None or len(numbers) < 6:
        return None
    return _checked(_MAPPED | int.from_bytes(numbers[:4]), numbers[4:6])


def long(text: str) -> HostPort | None:
    """`af,hal,h1,...,pal,p1,p2` of LPRT and 228, RFC 1639."""
    numbers = _numbers(text)
    if numbers is None or len(numbers) < 2:
        return None
    family, length = numbers[0], numbers[1]
    if (family, length) not in ((4, 4), (6, 16)) or len(numbers) < 2 + length + 3 or numbers[2 + length] != 2:
        return None
    address = int.from_bytes(numbers[2 : 2 + length])
    return _checked(_MAPPED | address if family == 4 else address, numbers[3 + length : 5 + length])


def extended(text: str) -> HostPort | None:
    """`|af|address|port|` of EPRT and `|||port|` of 229, with any delimiter, RFC 2428."""
    for found in _EXTENDED.finditer(text):
        address = None
        if found[3]:
            try:
                parsed = ip_address(found[3])
            except ValueError:
                continue
            address = int(parsed) | (_MAPPED if parsed.version == 4 else 0)
        if 0 < int(found[4]) < 1 << 16:
            return HostPort(address, int(found[4]))
    return None


def _numbers(text: str) -> bytes | None:
    found = _NUMBERS.search(text)
    if found is None:
        return None
    numbers = [int(n) for n in found[0].split(",")]
    return bytes(numbers) if max(numbers) < 256 else None


def _checked(address: int, port: bytes) -> HostPort | None:
    number = int.from_bytes(port)
    return HostPort(address, number) if number else None
