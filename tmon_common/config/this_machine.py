"""Is a host of the configuration the machine we run on?"""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress


def is_this_machine(host: str) -> bool:
    """host: name or address. Names are compared with the host name, not looked up; a short name equals the same with a domain."""
    with suppress(ValueError):
        return _has_address(ipaddress.ip_address(host))
    wanted, own = host.lower().rstrip("."), socket.gethostname().lower().rstrip(".")
    if wanted in {own, "localhost"}:
        return True
    one_is_short = "." not in wanted or "." not in own
    return bool(wanted) and one_is_short and wanted.split(".")[0] == own.split(".")[0]


def _has_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Only a machine's own addresses can be bound to."""
    if address.is_unspecified or address.is_multicast:
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
