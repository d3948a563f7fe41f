"""Hosts, routers and addresses of the recording.

    client ─┐                                            ┌─ server
    branch ─┼─ router_w ═══ west [emulated link] east ═══ router_e ─┤
    metro  ─┘                                            └─ narrow (MTU 1300)

Addresses are those reserved for documentation (RFC 5737, RFC 3849). What `branch` says and hears crosses the link with
one VLAN tag, what `metro` does with two; the rest is untagged.
"""

from dataclasses import dataclass

from tests.linkemu import Namespace, Network, VlanRule

BRANCH_VLAN = 120
METRO_VLANS = (30, 130)
"""Outer and inner tag."""
NARROW_MTU = 1_300


@dataclass(frozen=True, slots=True)
class Lan:
    """One stub network: its prefixes, the router's addresses and the host's."""

    label: str
    network4: str
    router4: str
    host4: str
    network6: str
    router6: str
    host6: str


CLIENT = Lan("client", "192.0.2.0/25", "192.0.2.1", "192.0.2.2", "2001:db8:1::/64", "2001:db8:1::1", "2001:db8:1::2")
BRANCH = Lan("branch", "192.0.2.128/26", "192.0.2.129", "192.0.2.130", "2001:db8:2::/64", "2001:db8:2::1", "2001:db8:2::2")
METRO = Lan("metro", "192.0.2.192/26", "192.0.2.193", "192.0.2.194", "2001:db8:3::/64", "2001:db8:3::1", "2001:db8:3::2")
SERVER = Lan("server", "198.51.100.0/25", "198.51.100.1", "198.51.100.2", "2001:db8:a::/64", "2001:db8:a::1", "2001:db8:a::2")
NARROW = Lan(
    "narrow",
    *("198.51.100.128/26", "198.51.100.129", "198.51.100.130"),
    *("2001:db8:b::/64", "2001:db8:b::1", "2001:db8:b::2"),
)
WEST_LANS, EAST_LANS = (CLIENT, BRANCH, METRO), (SERVER, NARROW)
ROUTER_W4, ROUTER_E4, LINK4_LENGTH = "203.0.113.1", "203.0.113.2", 30
ROUTER_W6, ROUTER_E6, LINK6_LENGTH = "2001:db8:f::1", "2001:db8:f::2", 64

NO_SUCH_HOST4 = "198.51.100.77"
"""In the server's network, but nobody is there: router_e answers host unreachable."""
SILENT4, SILENT6 = "198.51.100.99", "2001:db8:dead::99"
"""router_e discards packets for these without a word."""
PROHIBITED4, PROHIBITED6 = "198.51.100.66", "2001:db8:bad::66"
"""router_e answers that a filter forbids it."""

VLAN_RULES = (
    VlanRule(BRANCH_VLAN, network=BRANCH.network4),
    VlanRule(BRANCH_VLAN, network=BRANCH.network6),
    VlanRule(METRO_VLANS[1], outer_id=METRO_VLANS[0], network=METRO.network4),
    VlanRule(METRO_VLANS[1], outer_id=METRO_VLANS[0], network=METRO.network6),
)


@dataclass(frozen=True, slots=True)
class Topology:
    """The namespaces, once built."""

    hosts: dict[str, Namespace]
    middle: Namespace
    """Where the link runs, between its interfaces `west` and `east`."""


def build(network: Network) -> Topology:
    """Makes all namespaces, addresses and routes. RuntimeError says what `ip` refused."""
    router_w, router_e = network.namespace("router_w"), network.namespace("router_e")
    hosts = {"router_w": router_w, "router_e": router_e}
    for router, lans in ((router_w, WEST_LANS), (router_e, EAST_LANS)):
        _make_router(router)
        for lan in lans:
            hosts[lan.label] = _attach(network, router, lan)
    middle = network.link_namespace((router_w, "wan"), (router_e, "wan"))
    _set_mac(router_w, "wan", "02:00:5e:00:00:01")
    _set_mac(router_e, "wan", "02:00:5e:00:00:02")
    _join(router_w, (ROUTER_W4, ROUTER_W6), (ROUTER_E4, ROUTER_E6), EAST_LANS)
    _join(router_e, (ROUTER_E4, ROUTER_E6), (ROUTER_W4, ROUTER_W6), WEST_LANS)
    for address in (SILENT4, SILENT6, PROHIBITED4, PROHIBITED6):
        family, gateway = ("-6", ROUTER_E6) if ":" in address else ("-4", ROUTER_E4)
        router_w.ip(f"{family} route add {address} via {gateway}")
        action = "blackhole" if address in (SILENT4, SILENT6) else "prohibit"
        router_e.ip(f"{family} route add {action} {address}")
    return Topology(hosts, middle)


def describe() -> dict[str, object]:
    """The topology for truth.json."""
    return {
        "lans": {
            lan.label: {"addresses": [lan.host4, lan.host6], "networks": [lan.network4, lan.network6]}
            for lan in (*WEST_LANS, *EAST_LANS)
        },
        "routers": {"router_w": [ROUTER_W4, ROUTER_W6], "router_e": [ROUTER_E4, ROUTER_E6]},
        "vlan": {"branch": [BRANCH_VLAN], "metro": list(METRO_VLANS)},
        "mtu": {"narrow": NARROW_MTU},
        "silent": [SILENT4, SILENT6],
        "prohibited": [PROHIBITED4, PROHIBITED6],
        "no_such_host": [NO_SUCH_HOST4],
    }


def _make_router(router: Namespace) -> None:
    router.sysctl("ipv4/ip_forward", 1)
    router.sysctl("ipv6/conf/all/forwarding", 1)
    # A traceroute asks for more errors per second than a router gives by default.
    router.sysctl("ipv4/icmp_ratelimit", 0)
    router.sysctl("ipv6/icmp/ratelimit", 0)


def _attach(network: Network, router: Namespace, lan: Lan) -> Namespace:
    """A host behind a router, default route to it."""
    host = network.namespace(lan.label)
    host.sysctl("ipv4/icmp_ratelimit", 0)
    host.sysctl("ipv6/icmp/ratelimit", 0)
    interface = f"to_{lan.label}"
    mtu = NARROW_MTU if lan is NARROW else 1_500
    network.veth((host, "eth0"), (router, interface), mtu=mtu)
    length4, length6 = lan.network4.rpartition("/")[2], lan.network6.rpartition("/")[2]
    host.ip(f"addr add {lan.host4}/{length4} dev eth0")
    host.ip(f"addr add {lan.host6}/{length6} dev eth0 nodad")
    router.ip(f"addr add {lan.router4}/{length4} dev {interface}")
    router.ip(f"addr add {lan.router6}/{length6} dev {interface} nodad")
    host.ip(f"route add default via {lan.router4}")
    host.ip(f"-6 route add default via {lan.router6}")
    return host


def _join(router: Namespace, own: tuple[str, str], other: tuple[str, str], lans: tuple[Lan, ...]) -> None:
    """Addresses on the link, and routes to the networks behind the other router."""
    router.ip(f"addr add {own[0]}/{LINK4_LENGTH} dev wan")
    router.ip(f"addr add {own[1]}/{LINK6_LENGTH} dev wan nodad")
    for lan in lans:
        router.ip(f"route add {lan.network4} via {other[0]}")
        router.ip(f"-6 route add {lan.network6} via {other[1]}")


def _set_mac(host: Namespace, interface: str, mac: str) -> None:
    host.ip(f"link set {interface} address {mac}")
