"""Networks and hosts as people write them."""

from __future__ import annotations

from tmon_common.config.addresses import parse_address_ranges


def parse_network(text: str) -> str:
    """A prefix, as written. ValueError tells what is wrong with it."""
    if "/" not in text:
        raise ValueError("expected a prefix such as 10.1.0.0/16 or 2001:db8:1::/48 (one address is a <host>)")
    return _checked(text)


def parse_host(text: str) -> str:
    """One address, as written."""
    if "/" in text:
        raise ValueError("expected one address such as 192.0.2.7 (a prefix is a <network>)")
    return _checked(text)


def parse_network_or_host(text: str) -> str:
    """Either, as written."""
    return _checked(text)


def _checked(text: str) -> str:
    if not ("/" in text or "-" not in text) or not parse_address_ranges(text):
        raise ValueError(f"{text} is neither a prefix nor an address; expected one such as 10.1.0.0/16 or 2001:db8::7")
    return text
