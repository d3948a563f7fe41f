"""What became of each packet, by the links, and so what a collector has to say of it.

A packet is known by its signature, computed by the slow twin from what the link's tap had: in class `all`, over the whole way,
whatever the translator changes and in how many fragments it travels; in class `near`, on link 1 only, as it is. Times at a place
are bounds for the probe's: not before the link let the packet go, or the program sent it; not after the link had it, or the
program got it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.linkemu import Direction
from tests.one_way_lab.taps import Passage, Sighting, passages, sightings, whole
from tests.one_way_lab.traffic import Times, case_of
from tests.oracles.signature_twin import sign

CLOCKS_NS = 2_000
"""The links' clock is set by reading two clocks one right after the other, the best of several times: it is off by less."""
PORTS = range(7_000, 7_100)
"""At c: of each case one."""
_WITH_PORTS, _FIRST, _MTU = (6, 17), 0x2000, 1_500


@dataclass(frozen=True)
class Seen:
    """At one place. first_ns, last_ns: bounds (from, to) of when its first copy passed, and the last fragment of that.

    copies: how often that packet, or datagram, passed
    """

    first_ns: tuple[float, float]
    last_ns: tuple[float, float]
    copies: int


@dataclass(frozen=True)
class Packet:
    """seen: at each place of the class, in the order of the configuration. back: on the way from c to a.

    alone   no other packet of the class has its signature
    whole   it was in fragments nowhere, so that copies can be counted
    began_ns, took_ns   when it came to its first link, and how long it took from there until the last of it had left the last one
    """

    signature: int
    case: int | None
    octets: int
    back: bool
    seen: tuple[Seen | None, ...]
    alone: bool
    whole: bool
    began_ns: int
    took_ns: int

    def verdict(self, blind: Iterable[int] = ()) -> tuple[str, int] | None:
        """(verdict, hop after which it was lost, from 1, or 0), if the hops at these positions saw nothing; None: nobody saw it."""
        hops = range(len(self.seen))
        way = list(reversed(hops) if self.back else hops)
        blind = set(blind)
        seen = [hop for hop in way if self.seen[hop] is not None and hop not in blind]
        if not seen:
            return None
        after = way[way.index(seen[-1]) + 1 :]
        if after:
            return ("lost", seen[-1] + 1) if set(after) - blind else ("dropped", 0)
        missing = set(way) - set(seen)
        return ("missed" if missing - blind else "dropped" if missing else "complete"), 0


@dataclass(frozen=True)
class Truth:
    """all: class over four hops, datagrams; near: class over link 1, packets. by signature."""

    all: dict[int, list[Packet]]
    near: dict[int, list[Packet]]


def truth(directory: Path, times: Times) -> Truth:
    """From the logs of the links in `directory`, which are closed, and what programs said."""
    forward = tuple(passages(directory / link, Direction.WEST_TO_EAST) for link in ("link1", "link2"))
    back = tuple(passages(directory / link, Direction.EAST_TO_WEST) for link in ("link1", "link2"))
    ways = sightings(forward, back)
    return Truth(_by_signature(p for is_back, places in enumerate(ways) for p in _over_all(places, bool(is_back), times)),
                 _by_signature(p for is_back, passed in enumerate((forward[0], back[0]))
                               for p in _over_link(passed, bool(is_back))))


def _over_all(places: list[list[Sighting]], back: bool, times: Times) -> list[Packet]:
    """One way: what entered, and what of it came by at the other places. Of equal contents nobody can tell which is which."""
    at: list[dict[int, list[Sighting]]] = []
    for seen in places:
        by_signature = defaultdict(list)
        for one in whole(seen):
            by_signature[sign(one.packet, nat=True) & 0xFFFFFFFF].append(one)
        at.append(by_signature)
    way = (3, 2, 1, 0) if back else (0, 1, 2, 3)
    unknown = set().union(*at) - set(at[way[0]])
    assert not unknown, f"{len(unknown)} packets came from nowhere"
    found = []
    for signature, entered in at[way[0]].items():
        took_ns = max(s.last_ns for place in at for s in place.get(signature, ())) - entered[0].first_ns
        for one in entered:
            payload = one.packet[28:]
            bounds = _bounds([at[place].get(signature, []) for place in way], times.sent_ns.get(payload, 0),
                             times.got_ns.get(payload, math.inf))
            seen = tuple(reversed(bounds) if back else bounds)
            found.append(Packet(signature, _case(one.packet), len(one.packet), back, seen, len(entered) == 1,
                                len(one.packet) <= _MTU, one.first_ns, took_ns))
    return found


def _bounds(seen: list[list[Sighting]], sent_ns: float, got_ns: float) -> list[Seen | None]:
    """On the way: places 0 and 2 stand before a link, 1 and 3 behind."""
    found: list[Seen | None] = []
    for place, here in enumerate(seen):
        if not here:
            found.append(None)
            continue
        first, last = min(s.first_ns for s in here), min(s.last_ns for s in here)
        if place % 2:
            behind = seen[place + 1] if place + 1 < len(seen) else []
            to = min((s.first_ns for s in behind), default=math.inf) if place + 1 < len(seen) else got_ns
            found.append(Seen((first, to), (last, to), len(here)))
        else:
            before = min((s.last_ns for s in seen[place - 1]), default=sent_ns) if place else sent_ns
            found.append(Seen((before, first), (before, last), len(here)))
    return found


def _over_link(passed: list[Passage], back: bool) -> list[Packet]:
    fragments, found = _cases_of_fragments(passed), []
    for p in passed:
        near = Seen((0, p.entered_ns), (0, p.entered_ns), 1)
        far = Seen((p.left_ns[0], math.inf), (p.left_ns[0], math.inf), len(p.left_ns)) if p.left_ns else None
        case = fragments.get(_datagram(p.packet)) if _fragment(p.packet) else _case(p.packet)
        found.append(Packet(sign(p.packet) & 0xFFFFFFFF, case, len(p.packet), back,
                            (far, near) if back else (near, far), True, True, p.entered_ns,
                            max(p.left_ns, default=p.entered_ns) - p.entered_ns))
    return found


def _by_signature(packets: Iterable[Packet]) -> dict[int, list[Packet]]:
    found: dict[int, list[Packet]] = defaultdict(list)
    for packet in packets:
        found[packet.signature].append(packet)
    return dict(found)


def _datagram(packet: bytes) -> bytes:
    """Which datagram: addresses, protocol and identification (RFC 791 section 3.2)."""
    return packet[4:6] + packet[9:10] + packet[12:20]


def _fragment(packet: bytes) -> int:
    """More Fragments and offset; 0 if it is none."""
    return int.from_bytes(packet[6:8], "big") & 0x3FFF


def _case(packet: bytes) -> int | None:
    """That its port at c tells, or what it carries. packet: not a later fragment."""
    body = packet[(packet[0] & 15) * 4 :]
    if packet[9] in _WITH_PORTS:
        ports = int.from_bytes(body[:2], "big"), int.from_bytes(body[2:4], "big")
        return next((port - PORTS.start for port in ports if port in PORTS), None)
    return case_of(body[8:])


def _cases_of_fragments(passed: Iterable[Passage]) -> dict[bytes, int | None]:
    return {_datagram(p.packet): _case(p.packet) for p in passed if _fragment(p.packet) == _FIRST}
