"""Packets and filters for the tests of the sieve."""

import random

import numpy as np

from tests.oracles.filter_evaluation import SIDES, evaluate
from tmon_common.config.model import Conjunction, Disjunction, Filter, Predicate
from tmon_probe import records
from tmon_probe.records import PACKET

INTERFACES = {"eth0": 0, "eth1": 1, "tap": 2, "unused": 255}
V4 = 0xFFFF << 32
Packet = dict[str, int | str]  # the fields that it has; interface by name
WIDTHS = {
    "interface": 16, "vlan": 12, "ip_version": 4, "src_addr": 128, "dst_addr": 128, "addr": 128, "protocol": 8, "src_port": 16,
    "dst_port": 16, "port": 16, "tos": 8, "dscp": 6, "ttl": 8, "length": 32, "tcp_flags": 8, "icmp_type": 8, "icmp_code": 8,
    "fragment": 4,
}  # fmt: skip


def expected_mask(filters, packet) -> int:
    return sum(evaluate(f, packet) << c for c, f in enumerate(filters))


def to_records(packets: list[Packet]) -> np.ndarray:
    """PACKET records; columns of fields that a packet does not have hold rubbish, as in a ring slot used before."""
    rubbish = np.random.default_rng(len(packets)).integers(0, 256, len(packets) * PACKET.itemsize, np.uint8)
    out = rubbish.view(PACKET)
    for record, packet in zip(out, packets, strict=True):
        _fill(record, packet)
    return out


def _fill(record, packet):
    low64 = (1 << 64) - 1
    for side in ("src", "dst"):
        record[f"{side}_hi"], record[f"{side}_lo"] = packet[f"{side}_addr"] >> 64, packet[f"{side}_addr"] & low64
    record["interface"] = INTERFACES[packet["interface"]] | 3 << 8  # of the third interface within a pcapng file
    for field in ("vlan", "ip_version", "protocol", "src_port", "dst_port", "tos", "ttl", "icmp_type", "icmp_code"):
        if field in packet:
            record[field] = packet[field]
    record["ip_octets"] = packet["length"]
    if "tcp_flags" in packet:
        record["tcp_flags"] = packet["tcp_flags"] | 0x100  # the bit above the octet that filters see
    has = {"vlan": records.HAS_VLAN, "src_port": records.HAS_PORTS, "tcp_flags": records.HAS_TCP, "icmp_type": records.HAS_ICMP}
    flags = sum(bit for field, bit in has.items() if field in packet) | records.SNAPPED
    fragment = packet["fragment"]
    flags |= (fragment & 3 > 0) * records.FRAGMENT | (fragment >> 1 & 1) * records.LATER_FRAGMENT
    flags |= (fragment >> 2 & 1) * records.MORE_FRAGMENTS | (fragment >> 3 & 1) * records.DONT_FRAGMENT
    record["flags"] = flags


def random_value(rng: random.Random, field: str) -> int | str:
    """Few distinct values and some at the limits, so that predicates and packets meet."""
    bits = WIDTHS[field]
    if field == "interface":
        return rng.choice(list(INTERFACES))
    if field == "ip_version":
        return rng.choice((4, 6))
    if field == "protocol":
        return rng.choice((1, 6, 17, 58, rng.randrange(256)))
    if bits == 128:
        private = 10 << 24 | rng.getrandbits(4), 192 << 24 | 168 << 16 | rng.getrandbits(16)
        v4 = V4 + rng.choice((rng.getrandbits(32), 0, 0xFFFFFFFF, *private))
        v6 = 0x2001 << 112 | rng.getrandbits(3) << 64 | rng.getrandbits(2)
        return rng.choice((v4, v4, v4, v6, v6, rng.getrandbits(128), 0, (1 << 128) - 1, V4 - 1, V4 + (1 << 32)))
    return rng.choice((rng.getrandbits(bits), rng.getrandbits(min(bits, 3)), rng.getrandbits(min(bits, 5)), 0, (1 << bits) - 1))


def random_packet(rng: random.Random) -> Packet:
    packet = {f: random_value(rng, f) for f in WIDTHS if f not in SIDES}
    packet["dscp"] = packet["tos"] >> 2
    packet["fragment"] = rng.choice((0, 1, 2)) | rng.randrange(4) << 2
    kind = rng.choice(("tcp", "udp", "icmp", "other"))
    missing = {"tcp": ["icmp"], "udp": ["icmp", "tcp"], "icmp": ["tcp", "port"], "other": ["icmp", "tcp", "port"]}[kind]
    if rng.random() < 0.5:
        missing.append("vlan")
    return {f: v for f, v in packet.items() if not any(m in f for m in missing)}


def random_predicate(rng: random.Random, fields=tuple(WIDTHS)) -> Predicate:
    field = rng.choice(fields)
    bits = WIDTHS[field]
    if field == "interface":
        names = rng.sample([*INTERFACES, "elsewhere"], rng.randint(1, 3))
        return Predicate(field, (), negated=rng.random() < 0.3, names=tuple(names))
    ranges = []
    for _ in range(rng.choice((1, 1, 1, 2, 5, 12))):
        low = random_value(rng, field)
        if bits == 128:
            host_bits = rng.choice((0, 4, 8, 16, 24, 32, 64, 96))
            low = low >> host_bits << host_bits
            ranges.append((low, low | (1 << host_bits) - 1))
        else:
            ranges.append((low, low if rng.random() < 0.5 else min(low + rng.getrandbits(bits // 2), (1 << bits) - 1)))
    mask = None
    if rng.random() < 0.25:
        mask = rng.choice((rng.getrandbits(bits), (1 << bits) - (1 << rng.randrange(bits)), 1 << rng.randrange(bits), 0))
        ranges = [(low & mask, high & mask) for low, high in ranges]
    return Predicate(field, tuple(ranges), mask, rng.random() < 0.3)


def random_filter(rng: random.Random, breadth: int = 4) -> Filter:
    def conjunction():
        return Conjunction(tuple(random_predicate(rng) for _ in range(rng.randint(1, breadth))), rng.random() < 0.3)

    def disjunction():
        terms = tuple(random_predicate(rng) if rng.random() < 0.5 else conjunction() for _ in range(rng.randint(1, breadth)))
        return Disjunction(terms, rng.random() < 0.3)

    terms = tuple(random_predicate(rng) if rng.random() < 0.4 else disjunction() for _ in range(rng.randint(0, breadth)))
    return Filter(terms, rng.random() < 0.3)
