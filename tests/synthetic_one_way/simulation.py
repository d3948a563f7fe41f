"""A made network at work: packets are sent, cross segment after segment, and are recorded where they pass."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.oracles.one_way_packets import Followed
from tests.synthetic_one_way.network import MS, SECOND, Flow, Network, Segment
from tests.synthetic_one_way.packets import (
    NUMBERS,
    PUBLIC,
    Translator,
    forwarded,
    fragment_of,
    fragments,
    packets_of,
    pcap_header,
    pcap_record,
)
from tests.synthetic_one_way.truth import Seen, followed

START_NS = 1_800_000_000 * SECOND + 123_456_789
QUIET_NS = 4 * SECOND
"""Before the first packet and after the last one of flows; packets that are never lost mark where recordings begin and end."""
IDENTIFICATIONS = 8_000
"""Of IPv4, for each flow of a direction, before they are used again."""
MARK = Flow("198.18.0.1", "198.18.0.2", "icmp")
MARK_BACK = Flow("198.18.0.2", "198.18.0.1", "icmp", back=True)


@dataclass
class Unit:
    """Something on its way: a packet or a fragment. number: of the packet, or datagram, that it is or belongs to."""

    number: int
    octets: bytes
    time_ns: int
    marks: bool = False


@dataclass
class Made:
    """recorded: (hop, point) -> (time by the clock there, IP packet), in order. packets: the truth, in order of sending."""

    network: Network
    recorded: dict[tuple[int, int], list[tuple[int, bytes]]] = field(default_factory=lambda: defaultdict(list))
    packets: list[Followed] = field(default_factory=list)
    copies: int = 0
    duplicated: int = 0

    def write(self, directory: Path) -> tuple[list[Path], list[str]]:
        """A file for each point, and the name of its hop for each, both in order."""
        paths, hops = [], []
        for n, hop in enumerate(self.network.hops):
            for point in range(hop.points):
                path = directory / f"{hop.name}{point + 1 if hop.points > 1 else ''}.pcap"
                rows = sorted(self.recorded[n, point], key=lambda row: row[0])
                path.write_bytes(pcap_header() + b"".join(pcap_record(*row) for row in rows))
                paths.append(path)
                hops.append(hop.name)
        return paths, hops


def simulate(network: Network) -> Made:
    """The same for the same network, at any time and on any machine."""
    rng = random.Random(network.seed)
    made, seen = Made(network), []
    translators = [Translator() for _ in network.segments]
    for back in (False, True):  # out first, so that translators know what comes back
        units = _sent(network, back, rng, seen, translators)
        order = list(range(len(network.hops)))
        if back:
            order.reverse()
        here: list[Unit] = []
        for position, hop in enumerate(order):
            here += [unit for unit, enters in units if enters == position]
            here.sort(key=lambda u: u.time_ns)
            _record(made, hop, here, seen, rng)
            if position + 1 < len(order):
                segment = min(hop, order[position + 1])
                here = _cross(network.segments[segment], here, back, translators[segment], rng)
    made.packets, made.copies, made.duplicated = followed(network, seen)
    return made


def _sent(network: Network, back: bool, rng: random.Random, seen: list[Seen], translators: list[Translator]) -> list[tuple]:
    """Units of the flows of one direction, and at which hop of their way they begin."""
    flows = [f for f in network.flows if f.back is back]
    units: list[tuple[Unit, int]] = []
    for position, flow in enumerate(flows):
        sent = _as_sent(flow, network, translators)
        time_ns = START_NS + QUIET_NS + rng.randrange(20 * MS)
        for packet in packets_of(sent, rng, 1 + position * IDENTIFICATIONS):
            time_ns += 1 + round(flow.gap_ns * (1 if flow.equal else rng.expovariate(1)))
            parts = fragments(packet, flow.cut)
            for n, part in enumerate(parts):
                if n == 0 or network.per == "packet":
                    seen.append(Seen(sent, back, len(part if network.per == "packet" else packet), n > 0))
                units.append((Unit(len(seen) - 1, part, time_ns + n * 2_000), flow.enters))
    last_ns = max((unit.time_ns for unit, _ in units), default=START_NS)
    for moment in (START_NS, last_ns + QUIET_NS):
        mark = MARK_BACK if back else MARK
        [packet] = packets_of(Flow(mark.src, mark.dst, "icmp", count=1, back=back), rng)
        seen.append(Seen(mark, back, len(packet)))
        units.append((Unit(len(seen) - 1, packet, moment, marks=True), 0))
    return units


def _as_sent(flow: Flow, network: Network, translators: list[Translator]) -> Flow:
    """What comes back through a translator is sent to it."""
    for segment, translator in zip(network.segments, translators, strict=True):
        if flow.back and segment.nat:
            port = translator.expect(NUMBERS[flow.protocol], flow.dst, flow.dst_port)
            return Flow(**{**flow.__dict__, "dst": PUBLIC, "dst_port": port})
    return flow


def _record(made: Made, hop: int, units: list[Unit], seen: list[Seen], rng: random.Random) -> None:
    place = made.network.hops[hop]
    for unit in units:
        if not unit.marks and rng.random() < place.overlooked:
            continue
        time_ns = unit.time_ns + place.clock_ns
        points = range(place.points) if unit.marks else [unit.time_ns // place.flap_ns % place.points]
        for point in points:
            made.recorded[hop, point].append((time_ns, unit.octets))
            seen[unit.number].parts[hop].append((time_ns, *fragment_of(unit.octets)))


def _cross(segment: Segment, units: list[Unit], back: bool, translator: Translator, rng: random.Random) -> list[Unit]:
    """What arrives at the other end, and when."""
    arrived, losing, free_ns = [], False, 0
    for unit in units:
        if unit.marks:
            arrived.append(Unit(unit.number, forwarded(unit.octets), unit.time_ns + segment.delay_ns, True))
            continue
        octets = forwarded(unit.octets)
        if segment.nat:
            octets = translator.back(octets) if back else translator.out(octets)
        for part in fragments(octets, segment.mtu):
            losing = rng.random() < (1 - 1 / segment.burst if losing else segment.loss / segment.burst / (1 - segment.loss))
            if losing:
                continue
            added_ns = round(rng.expovariate(1 / segment.jitter_ns)) if segment.jitter_ns else 0
            arrives_ns = max(unit.time_ns + segment.delay_ns + added_ns, free_ns)
            free_ns = arrives_ns + 1_000
            if rng.random() < segment.held:
                arrives_ns += segment.held_ns
            arrived.append(Unit(unit.number, part, arrives_ns))
            if rng.random() < segment.duplicate:
                arrived.append(Unit(unit.number, part, arrives_ns + rng.randrange(1_000, MS)))
    return arrived
