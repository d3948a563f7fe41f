"""Addresses as they are written (host, prefix, range, value/mask) and as numbers of 128 bits, IPv4 ones mapped (::ffff:a.b.c.d)."""

from __future__ import annotations

import ipaddress
import re

MAPPED = 0xFFFF << 32
"""::ffff:0:0, where the IPv4 addresses begin; they are the 2^32 numbers from here."""
MAPPED_LAST = MAPPED | 0xFFFFFFFF
IPV6_ONES = (1 << 128) - 1


def parse_address(text: str) -> int:
    """Number of one host address. ValueError tells what is impossible in it."""
    return _number(_host(text))


def parse_address_ranges(text: str) -> list[tuple[int, int]]:
    """(low, high) of a host, a prefix, or a range a-b. An IPv6 range does not hold the IPv4 addresses that are mapped inside it."""
    if "/" in text:
        return _without_ipv4(*_prefix(text))
    if "-" in text:
        low_text, _, high_text = text.partition("-")
        low, high = _host(low_text), _host(high_text)
        if low.version != high.version:
            raise ValueError(f"range {text} mixes IPv4 and IPv6; expected both ends of one version")
        if _number(low) > _number(high):
            raise ValueError(f"range {text} is empty; expected {high_text}-{low_text}?")
        return _without_ipv4(_number(low), _number(high))
    return [(parse_address(text),) * 2]


def parse_masked_address(text: str) -> tuple[int, int]:
    """(value, mask) of "10.0.0.1/255.0.0.255"; an IPv4 mask also says that the address is an IPv4 one."""
    value_text, _, mask_text = text.partition("/")
    if not mask_text or re.fullmatch(r"[0-9]+", mask_text):
        raise ValueError(f"{text}: expected value/mask such as 10.0.0.1/255.0.0.255 (prefixes are written with is or in)")
    value, mask = _host(value_text), _host(mask_text)
    if value.version != mask.version:
        raise ValueError(f"{text} mixes IPv4 and IPv6; expected value and mask of one version")
    mask_bits = int(mask) if mask.version == 6 else (IPV6_ONES ^ 0xFFFFFFFF) | int(mask)
    return _number(value), mask_bits


def format_address(number: int) -> str:
    """As people write it."""
    if MAPPED <= number <= MAPPED_LAST:
        return str(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(number))


def _host(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if "%" in text:
        raise ValueError(f"{text}: expected an address without zone (%...)")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"{text} is not an address{_why(text)}; expected one such as 192.0.2.7 or 2001:db8::7") from None
    return getattr(address, "ipv4_mapped", None) or address


def _why(text: str) -> str:
    family = ipaddress.IPv6Address if ":" in text else ipaddress.IPv4Address
    try:
        family(text)
    except ValueError as error:
        return f" ({re.sub(' in .*$', '', str(error))})" if re.search("[0-9]", text) else ""
    return ""


def _prefix(text: str) -> tuple[int, int]:
    address_text, _, length_text = text.partition("/")
    _host(address_text)  # tells what is wrong with it
    address = ipaddress.ip_address(address_text)  # a mapped one stays IPv6: its length counts from the 128 bits
    bits = address.max_prefixlen
    if not re.fullmatch(r"[0-9]{1,3}", length_text) or int(length_text) > bits:
        raise ValueError(f"{text} is not a prefix; expected a length of 0 to {bits} in IPv{address.version}")
    host_bits = (1 << (bits - int(length_text))) - 1
    first = int(address) & ~host_bits
    if first != int(address):
        network = f"{type(address)(first)}/{length_text}"
        raise ValueError(f"{text} has bits set beyond its length; expected {network} (the network) or {address_text} (the host)")
    return _number(address), _number(type(address)(first | host_bits))


def _number(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    return int(address) | (MAPPED if address.version == 4 else 0)


def _without_ipv4(low: int, high: int) -> list[tuple[int, int]]:
    if low >= MAPPED and high <= MAPPED_LAST:
        return [(low, high)]
    parts = [(low, min(high, MAPPED - 1)), (max(low, MAPPED_LAST + 1), high)]
    return [(a, b) for a, b in parts if a <= b]
