"""Packets of two captures put together by their full contents, as tshark shows them: no hash, no knowledge of what lies between.

Contents are all that stays as it is on the way (not TTL, nor the IP checksum), down to the octets of the payload. Equal packets are
told apart by time: as many as both sides saw keep their order, and of all ways to leave some out, the one is taken whose delays lie
nearest to what is usual.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from statistics import median

from tests.oracles import tshark
from tests.oracles.one_way_packets import Followed, nanoseconds

NETWORK = ("ip.src", "ip.dst", "ip.proto", "ip.id", "ip.len", "ip.frag_offset",
           "ipv6.src", "ipv6.dst", "ipv6.plen", "ipv6.nxt", "ipv6.hopopts.nxt", "ipv6.fraghdr.nxt", "ipv6.fraghdr.offset",
           "ipv6.fraghdr.ident")
TRANSPORT = (
    "tcp.srcport", "tcp.dstport", "tcp.seq", "tcp.ack", "tcp.flags", "tcp.window_size_value", "tcp.checksum",
    "tcp.urgent_pointer", "tcp.options", "tcp.payload", "udp.srcport", "udp.dstport", "udp.length", "udp.checksum", "udp.payload",
    "icmp.type", "icmp.code", "icmp.checksum", "icmp.ident", "icmp.seq", "icmpv6.type", "icmpv6.code", "icmpv6.checksum",
    "icmpv6.echo.identifier", "icmpv6.echo.sequence_number", "data.data")
NAMES = ("frame.time_epoch", *NETWORK, *TRANSPORT)
MAX_EQUAL = 24
"""Equal packets in one place; beyond, all ways to match them would be too many to try."""


@cache
def followed(first: Path, second: Path, max_transit_ns: int) -> tuple[list[Followed], int]:
    """Packets, and copies: how often one was seen again where it had been seen. A packet goes from `first` to `second` or back."""
    sides = [_by_contents(path) for path in (first, second)]
    forward = _directions(*sides)
    usual = {way: _usual(*sides, forward, way) for way in (True, False)}
    packets, copies = [], 0
    for contents in sides[0].keys() | sides[1].keys():
        times = [side.get(contents, []) for side in sides]
        way = forward[source(contents)]
        near, far = times if way else reversed(times)
        pairs, more = _matched(near, far, usual[way], max_transit_ns)
        copies += more
        packets += [_packet(contents, way, *pair) for pair in pairs]
    return packets, copies


def source(contents: tuple) -> str:
    return contents[0][0] or contents[6][0]


def _by_contents(path: Path) -> dict[tuple, list[int]]:
    """Times at which packets of these contents passed, ns. Only IP."""
    found = defaultdict(list)
    for frame in tshark.occurrences(path, NAMES):
        if "tcp.payload" in frame or "udp.payload" in frame:
            frame.pop("data.data", None)  # how far tshark understands the rest of it depends on what it has seen before
        contents = tuple(tuple(frame.get(name, ("",))) for name in NAMES[1:])
        if source(contents):
            found[(*contents, _ports(contents))].append(nanoseconds(frame["frame.time_epoch"][0]))
    return found


def _ports(contents: tuple) -> tuple[str, str]:
    """Later fragments have none."""
    value = dict(zip(NAMES[1:], (c[0] for c in contents), strict=True))
    later = int(value["ip.frag_offset"] or value["ipv6.fraghdr.offset"] or "0", 0)
    if later or value["icmp.type"] or value["icmpv6.type"]:  # ICMP: those are of the packet that an error quotes
        return "", ""
    return value["tcp.srcport"] or value["udp.srcport"], value["tcp.dstport"] or value["udp.dstport"]


def _directions(first: dict[tuple, list[int]], second: dict[tuple, list[int]]) -> dict[str, bool]:
    """Source address -> do its packets pass the first side first? No packet arrives before it left."""
    signs = defaultdict(list)
    for contents in first.keys() & second.keys():
        signs[source(contents)].append(second[contents][0] > first[contents][0])
    assert all(len(set(told)) == 1 for told in signs.values()), "a host on both sides"
    return {host: told[0] for host, told in signs.items()}


def _usual(first: dict, second: dict, forward: dict[str, bool], way: bool) -> float:
    return median(abs(second[c][0] - first[c][0]) for c in first.keys() & second.keys()
                  if forward[source(c)] is way and len(first[c]) == len(second[c]) == 1)


def _matched(near: Sequence[int], far: Sequence[int], usual: float, most: int) -> tuple[list[tuple], int]:
    """(time near, time far, None where it was not seen), and how many of those far are copies."""
    assert len(near) <= MAX_EQUAL >= len(far)
    groups, copies = [], 0
    for group_near, group_far in _apart(near, far, most):
        count = min(len(group_near), len(group_far))
        ways = (list(zip(left, right, strict=True)) for left in combinations(group_near, count)
                for right in combinations(group_far, count))
        chosen = min(ways, key=lambda way: sum(abs(b - a - usual) for a, b in way))
        kept = {a: min([b, *_copies_of(b, group_far, chosen)]) for a, b in chosen}
        groups += [(a, kept.get(a)) for a in group_near]
        copies += len(group_far) - count if group_near else 0
        groups += [(None, b) for b in group_far] if not group_near else []
    return groups, copies


def _copies_of(arrival: int, far: Sequence[int], chosen: Sequence[tuple[int, int]]) -> list[int]:
    """Those that are no packet's arrival themselves, and that this arrival is nearest to: the first counts."""
    arrivals = [b for _, b in chosen]
    return [b for b in far if b not in arrivals and min(arrivals, key=lambda other: abs(other - b)) == arrival]


def _apart(near: Sequence[int], far: Sequence[int], most: int) -> list[tuple[list[int], list[int]]]:
    """Parts between which more time lies than a packet takes."""
    moments = sorted([(t, 0) for t in near] + [(t, 1) for t in far])
    parts, last = [], None
    for moment, side in moments:
        if last is None or moment - last > most:
            parts.append(([], []))
        parts[-1][side].append(moment)
        last = moment
    return parts


def _packet(contents: tuple, way: bool, near: int | None, far: int | None) -> Followed:
    value = dict(zip(NAMES[1:], (c[0] for c in contents), strict=False))
    if value["ip.src"]:
        flow, octets = (value["ip.src"], value["ip.dst"], value["ip.proto"]), int(value["ip.len"])
    else:
        behind = value["ipv6.fraghdr.nxt"] or value["ipv6.hopopts.nxt"] or value["ipv6.nxt"]
        flow, octets = (value["ipv6.src"], value["ipv6.dst"], behind), 40 + int(value["ipv6.plen"])
    verdict = "missed" if near is None else "lost" if far is None else "complete"
    times = (near, far) if way else (far, near)
    delay = far - near if verdict == "complete" else None
    return Followed((*flow, *contents[-1]), octets, times, verdict, (1 if way else 2) if verdict == "lost" else 0, delay)
