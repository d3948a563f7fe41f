"""The packet fields that filters and granular flows may name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """kind: how its values are written: number, address, interface. bits: width.

    symbols     names that may stand for numbers; combines: they are bits, and may be joined by +
    """

    name: str
    kind: str
    bits: int
    meaning: str
    symbols: tuple[tuple[str, int], ...] = ()
    combines: bool = False


TCP_FLAGS = (("fin", 1), ("syn", 2), ("rst", 4), ("psh", 8), ("ack", 16), ("urg", 32), ("ece", 64), ("cwr", 128))
FRAGMENT_BITS = (("first", 1), ("later", 2), ("more", 4), ("dont", 8))
PROTOCOLS = (("icmp", 1), ("igmp", 2), ("ipip", 4), ("tcp", 6), ("udp", 17), ("ipv6", 41), ("gre", 47), ("esp", 50), ("ah", 51),
             ("icmpv6", 58), ("ospf", 89), ("sctp", 132))
DSCP_NAMES = (*((f"cs{c}", 8 * c) for c in range(8)), *((f"af{c}{d}", 8 * c + 2 * d) for c in range(1, 5) for d in range(1, 4)),
              ("va", 44), ("ef", 46), ("le", 1))  # RFC 2474, 2597, 3246, 5865, 8622

FIELDS: dict[str, Field] = {
    f.name: f
    for f in (
        Field("interface", "interface", 16, "interface of the probe, by its name in the configuration"),
        Field("vlan", "number", 12, "VLAN identifier of the outermost tag; untagged frames do not have it"),
        Field("ip_version", "number", 4, "4 or 6"),
        Field("src_addr", "address", 128, "source address, host or prefix"),
        Field("dst_addr", "address", 128, "destination address, host or prefix"),
        Field("addr", "address", 128, "source or destination address, whichever satisfies the condition"),
        Field("protocol", "number", 8, "transport protocol, number or name", PROTOCOLS),
        Field("src_port", "number", 16, "source port (TCP, UDP)"),
        Field("dst_port", "number", 16, "destination port (TCP, UDP)"),
        Field("port", "number", 16, "source or destination port, whichever satisfies the condition"),
        Field("tos", "number", 8, "type of service or traffic class octet"),
        Field("dscp", "number", 6, "differentiated services code point, number or name", DSCP_NAMES),
        Field("ttl", "number", 8, "time to live or hop limit"),
        Field("length", "number", 32, "octets of the IP packet, header included"),
        Field("tcp_flags", "number", 8, "TCP flags, number or names joined by +", TCP_FLAGS, True),
        Field("icmp_type", "number", 8, "ICMP or ICMPv6 type"),
        Field("icmp_code", "number", 8, "ICMP or ICMPv6 code"),
        Field("fragment", "number", 4, "fragment bits: first or later fragment, more to come, do not fragment; 0 is none of them",
              FRAGMENT_BITS, True),
    )
}

FLOW_FIELDS = ("interface", "src_addr", "dst_addr", "protocol", "src_port", "dst_port", "vlan", "dscp")
