"""Where each field that filters may name is found in a PACKET record."""

from __future__ import annotations

from dataclasses import dataclass

from tmon_probe import records


@dataclass(frozen=True)
class Source:
    """A value of the record. domain: sources of one domain are cut at the same values; needs: bit of `flags` without which the
    packet does not have the field (0: every packet has it).
    """

    column: str
    bits: int
    domain: str
    needs: int = 0


SOURCES = {
    "interface": Source("interface", 8, "interface"),  # the lower octet of 16 bits: the position in the configuration
    "vlan": Source("vlan", 16, "vlan", records.HAS_VLAN),
    "ip_version": Source("ip_version", 8, "ip_version"),
    "src_addr": Source("src_hi", 128, "addr"),
    "dst_addr": Source("dst_hi", 128, "addr"),
    "protocol": Source("protocol", 8, "protocol"),
    "src_port": Source("src_port", 16, "port", records.HAS_PORTS),
    "dst_port": Source("dst_port", 16, "port", records.HAS_PORTS),
    "tos": Source("tos", 8, "tos"),
    "dscp": Source("tos", 8, "dscp"),  # its upper six bits
    "ttl": Source("ttl", 8, "ttl"),
    "length": Source("ip_octets", 32, "length"),
    "tcp_flags": Source("tcp_flags", 8, "tcp_flags", records.HAS_TCP),  # the lower octet of 16 bits
    "icmp_type": Source("icmp_type", 8, "icmp_type", records.HAS_ICMP),
    "icmp_code": Source("icmp_code", 8, "icmp_code", records.HAS_ICMP),
    "fragment": Source("flags", 8, "fragment"),  # put together from several bits
}

EITHER = {"addr": ("src_addr", "dst_addr"), "port": ("src_port", "dst_port")}


def offset(column: str) -> int:
    """Octets from the start of the record."""
    return records.PACKET.fields[column][1]
