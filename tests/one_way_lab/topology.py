"""Hosts, links and addresses.

    a eth0 ── [link 1] ── to_a  b  to_c ── [link 2] ── eth0 c         data: b forwards, and translates what comes from a
      ctl                       ctl                    ctl
        └────────────────────── hub ── [link 3] ── eth0 centre        control: the probes' way to the collectors

Neighbours know each other's hardware addresses, so that nothing but the traffic of the test is on the links. c knows no way to the
network of a: what is not translated is not answered.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.stage import acquaint
from tests.linkemu import Impairment, LinkConfig, LinkProcess, Namespace, Network
from tests.linkemu.netns import why_unavailable as why_no_namespaces

A, C = "10.1.0.1", "10.2.0.1"
B_TO_A, B_TO_C = "10.1.0.254", "10.2.0.254"
"""Of the router; what a sends has the second one behind it."""
SITES = ("a", "b", "c")
CONTROL = {site: f"10.9.{n}.1" for n, site in enumerate(SITES, 1)}
COLLECTORS = {"first": "10.9.0.2", "second": "10.9.0.3"}
_HUB = "10.9.0.1"


def why_unavailable() -> str | None:
    """Why it cannot be built here, for a test that has to skip; None if it can."""
    return why_no_namespaces() or (None if shutil.which("iptables") else "the program iptables (package iptables) is missing")


@dataclass(frozen=True)
class Lab:
    """At work. link1, link2: between a and b, b and c; control: between hub and centre."""

    a: Namespace
    b: Namespace
    c: Namespace
    hub: Namespace
    centre: Namespace
    link1: LinkProcess
    link2: LinkProcess
    control: LinkProcess

    def host(self, site: str) -> Namespace:
        return getattr(self, site)

    def impair(self, link: Impairment) -> None:
        """Both data links, both ways."""
        self.link1.impair(link)
        self.link2.impair(link)

    def silence(self, site: str) -> None:
        """Nothing of the site gets to the collectors, nor back."""
        for way in ("-s", "-d"):
            iptables(self.hub, "-A", "FORWARD", way, CONTROL[site], "-j", "DROP")

    def hear(self, site: str) -> None:
        """The end of the silence."""
        for way in ("-s", "-d"):
            iptables(self.hub, "-D", "FORWARD", way, CONTROL[site], "-j", "DROP")


@contextmanager
def lab(directory: Path) -> Iterator[Lab]:
    """Everything is at work inside `with`; behind it the logs of the links are complete: link1, link2, control in `directory`."""
    with ExitStack() as exits:
        network = exits.enter_context(Network())
        a, b, c, hub, centre = (_silent(network, label) for label in (*SITES, "hub", "centre"))
        middle1 = _between(network, "link1", (a, A, "eth0"), (b, B_TO_A, "to_a"))
        middle2 = _between(network, "link2", (b, B_TO_C, "to_c"), (c, C, "eth0"))
        middle3 = _between(network, "control", (hub, _HUB, "wan"), (centre, COLLECTORS["first"], "eth0"))
        _translate(a, b)
        _connect_control(network, {"a": a, "b": b, "c": c}, hub, centre)
        links = [exits.enter_context(LinkProcess(middle, LinkConfig(directory / middle.label, seed=n)))
                 for n, middle in enumerate((middle1, middle2, middle3), 1)]
        yield Lab(a, b, c, hub, centre, *links)


def iptables(host: Namespace, *arguments: str) -> None:
    """RuntimeError with what it told when it fails."""
    done = host.run(["iptables", "-w", *arguments])
    if done.returncode:
        raise RuntimeError(f"{host.label}: iptables {' '.join(arguments)}: {done.stderr.strip()}")


def _silent(network: Network, label: str) -> Namespace:
    """Without IPv6 and its chatter."""
    host = network.namespace(label)
    for scope in ("all", "default"):
        host.sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
    return host


def _between(network: Network, label: str, west: tuple[Namespace, str, str], east: tuple[Namespace, str, str]) -> Namespace:
    """A namespace for a link between two (host, address, device)."""
    middle = _silent(network, label)
    for side, (host, address, device) in (("west", west), ("east", east)):
        network.veth((middle, side), (host, device))
        host.ip(f"addr add {address}/24 dev {device}")
    acquaint(west[:2], east[:2], west[2], east[2])
    return middle


def _translate(a: Namespace, b: Namespace) -> None:
    a.ip(f"route add default via {B_TO_A}")
    b.sysctl("ipv4/ip_forward", 1)
    iptables(b, "-t", "nat", "-A", "POSTROUTING", "-o", "to_c", "-j", "MASQUERADE")
    b.sysctl("netfilter/nf_conntrack_tcp_be_liberal", 1)  # copies and late segments are translated like others


def _connect_control(network: Network, sites: dict[str, Namespace], hub: Namespace, centre: Namespace) -> None:
    """Of the second collector and of each site: another address, known to the neighbour."""
    hub.sysctl("ipv4/ip_forward", 1)
    acquaint((hub, _HUB), (centre, COLLECTORS["second"]), "wan", "eth0")
    centre.ip(f"addr add {COLLECTORS['second']}/24 dev eth0")
    centre.ip(f"route add 10.9.0.0/16 via {_HUB}")
    for label, site in sites.items():
        device, own = f"to_{label}", CONTROL[label]
        gateway = f"{own.rpartition('.')[0]}.254"
        network.veth((site, "ctl"), (hub, device))
        site.ip(f"addr add {own}/24 dev ctl")
        hub.ip(f"addr add {gateway}/24 dev {device}")
        acquaint((site, own), (hub, gateway), "ctl", device)
        site.ip(f"route add 10.9.0.0/24 via {gateway}")
