"""Hosts and cables.

    office eth0 ── to_office  line  to_servers ── eth0 servers        data: line forwards, and drops what is marked (MARK)
      ctl                                            ctl
        └── to_office          centre          to_servers ──┘         control: from the probes to the collector

A probe is at work at each end, on eth0: west in office, east in servers. Neighbours know each other's hardware addresses, so that
nothing but the traffic of the run is on the cables. What goes to `NOWHERE` is swallowed by line, without an answer.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.chaos.stage import acquaint
from tests.linkemu import Namespace, Network
from tests.linkemu.netns import why_unavailable as why_no_namespaces
from tests.one_way_lab.topology import iptables

OFFICE4, SERVERS4 = "10.1.0.1", "10.2.0.1"
OFFICE6, SERVERS6 = "2001:db8:1::1", "2001:db8:2::1"
NOWHERE4, NOWHERE6 = "10.3.0.1", "2001:db8:3::1"
"""First of the addresses there, 10.3.0.0/16 and 2001:db8:3::/64."""
CONTROL = {"office": "10.9.1.1", "servers": "10.9.2.1"}
CENTRE = {"office": "10.9.1.2", "servers": "10.9.2.2"}
"""Where each reaches the collector."""
DEVICE, MTU = "eth0", 1_500
MARK_DSCP = 4
MARK = MARK_DSCP << 2
"""Type of service of the packets that get lost on the line. It is no part of a flow, nor of a signature."""
NEEDED = ("iptables", "vsftpd", "dnsmasq")
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"


def why_unavailable() -> str | None:
    """Why it cannot be built here, for a test that has to skip; None if it can."""
    lacking = [name for name in NEEDED if not shutil.which(name, path=_SYSTEM_PATH)]
    return why_no_namespaces() or (f"not installed: {' '.join(lacking)}" if lacking else None)


@dataclass(frozen=True)
class Lab:
    """At work."""

    office: Namespace
    servers: Namespace
    line: Namespace
    centre: Namespace

    def dropped(self) -> int:
        """Marked packets that the line has dropped, by its own count."""
        told = self.line.run(["iptables", "-w", "-nvxL", "FORWARD"]).stdout
        return int(re.search(r"^\s*(\d+)\s+\d+\s+DROP\s", told, re.MULTILINE)[1])


@contextmanager
def lab() -> Iterator[Lab]:
    """Everything is there inside `with`, nothing behind it."""
    with Network() as network:
        built = Lab(*(network.namespace(label) for label in ("office", "servers", "line", "centre")))
        sides = {"office": (built.office, OFFICE4, OFFICE6), "servers": (built.servers, SERVERS4, SERVERS6)}
        for scope in ("all", "default"):
            built.centre.sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
        for label, (side, address4, address6) in sides.items():
            _cable(network, built.line, label, side, address4, address6)
            _control(network, built.centre, label, side)
        built.line.sysctl("ipv4/ip_forward", 1)
        built.line.sysctl("ipv6/conf/all/forwarding", 1)
        built.line.ip("route add blackhole 10.3.0.0/16")
        built.line.ip("-6 route add blackhole 2001:db8:3::/64")
        iptables(built.line, "-A", "FORWARD", "-m", "dscp", "--dscp", str(MARK_DSCP), "-j", "DROP")
        for side in (built.office, built.servers):
            side.sysctl("ipv4/icmp_ratelimit", 0)
        yield built


def _cable(network: Network, line: Namespace, label: str, side: Namespace, address4: str, address6: str) -> None:
    """Between the line and one end, whose default route it is."""
    port = f"to_{label}"
    router4, router6 = _neighbour(address4), _neighbour(address6)
    network.veth((side, DEVICE), (line, port), mtu=MTU)
    for host, device, own4, own6 in ((side, DEVICE, address4, address6), (line, port, router4, router6)):
        host.ip(f"addr add {own4}/24 dev {device}")
        host.ip(f"addr add {own6}/64 dev {device} nodad")
    for own, other in ((address4, router4), (address6, router6)):
        acquaint((side, own), (line, other), DEVICE, port)
    side.ip(f"route add default via {router4}")
    side.ip(f"-6 route add default via {router6}")


def _control(network: Network, centre: Namespace, label: str, side: Namespace) -> None:
    network.veth((side, "ctl"), (centre, f"to_{label}"))
    side.sysctl("ipv6/conf/ctl/disable_ipv6", 1)
    side.ip(f"addr add {CONTROL[label]}/24 dev ctl")
    centre.ip(f"addr add {CENTRE[label]}/24 dev to_{label}")


def _neighbour(address: str) -> str:
    """The line's address on the same cable: the last part is fe, 254."""
    return f"{address[:-1]}fe" if ":" in address else f"{address[:-1]}254"
