"""Twins of the one-way join and of its verdicts, slow and obvious: objects, lists, one key after the other.

It follows docs/decisions/0022-one-way-join.md, not the kernels.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import inf
from statistics import median_low

from tmon_collector.one_way.packets import Flows, Observed
from tmon_common.config.model import OneWay
from tmon_common.observations import ABSENT

SAMPLES = 255


def joined(observed: Observed, flows: Flows, one_way: OneWay, reverse=None, before_ns=None):
    """(packets as tuples, in order; fates; flows seen at the first hop of their way). What the collector's join must give."""
    given, fates = [], ["undefined"] * len(observed.time_ns)
    hop_of_point = [None, *(i for i, hop in enumerate(one_way.hops) for _ in hop.points)]
    for row in range(len(fates)):
        definition, point = int(observed.definition[row]), int(observed.point[row])
        if not 0 <= definition < len(flows.flow) or flows.flow[definition] < 0 or not 1 <= point < len(hop_of_point):
            continue
        flow = int(flows.flow[definition])
        back = 0 if reverse is None else int(reverse[flow])
        position = len(one_way.hops) - 1 - hop_of_point[point] if back else hop_of_point[point]
        tie = (point, definition, int(observed.octets[row]), 0 if observed.last_ns is None else int(observed.last_ns[row]),
               () if observed.extras is None else tuple(observed.extras[row].tolist()))
        given.append(Observation(row, flow, back, int(observed.signature[row]), position, int(observed.time_ns[row]), tie))
    rows, seen_first = [], set()
    for packet in join(given, one_way.nat, one_way.max_transit_ns):
        late = before_ns is not None and packet.first.time >= before_ns
        for o in (*packet.seen.values(), *packet.copies):
            fates[o.row] = "later" if late else "joined"
        if not late:
            rows.append(_as_tuple(packet, observed, one_way))
            if packet.first.position == 0:
                seen_first |= {o.flow for o in packet.seen.values()}
    return rows, fates, seen_first


def _as_tuple(packet, observed, one_way):
    hops = len(one_way.hops)
    times, last, points = [ABSENT] * hops, [ABSENT] * hops, [0] * hops
    for position, o in sorted(packet.seen.items()):
        hop = hops - 1 - position if o.reverse else position
        times[hop], points[hop] = o.time, o.tie[0]
        last[hop] = o.tie[3] if observed.last_ns is not None else ABSENT
    for _, o in sorted(packet.seen.items()):
        for hop, extra in zip(one_way.extras, o.tie[4], strict=False):
            if times[hop] == ABSENT:
                times[hop] = extra
    first = packet.first
    return (first.flow, first.tie[1], first.signature, first.tie[2], tuple(times), tuple(last), tuple(points), len(packet.copies),
            int(packet.clash), first.reverse, first.time)


@dataclass
class Observation:
    """row: its position among those observed; position: of its hop on the way, from 0; tie: what decides between equal times."""

    row: int
    flow: int
    reverse: int
    signature: int
    position: int
    time: int
    tie: tuple


@dataclass(eq=False)
class Packet:
    seen: dict[int, Observation]
    copies: list[Observation] = field(default_factory=list)
    clash: bool = False

    @property
    def first(self) -> Observation:
        return self.seen[min(self.seen)]

    @property
    def latest(self) -> Observation:
        return self.seen[max(self.seen)]


def join(observations: list[Observation], nat: bool, transit: int) -> list[Packet]:
    pieces = pieces_of(observations, nat, transit)
    offsets = {}
    packets = []
    for (who, _), piece in pieces:
        if simple(piece, transit):
            packets.append(Packet({o.position: o for o in piece}))
            continue
        if who not in offsets:
            offsets[who] = typical(who, pieces, nat, transit)
        packets += untangle(piece, *offsets[who], transit)
    packets.sort(key=lambda p: (p.first.flow, p.first.time, p.first.signature))
    return packets


def pieces_of(observations, nat, transit):
    """[(key, observations by time)]: a silence longer than `transit` parts those of a key."""
    keys = defaultdict(list)
    for o in observations:
        keys[(o.reverse if nat else o.flow), o.signature].append(o)
    pieces = []
    for key in sorted(keys):
        of_key = sorted(keys[key], key=lambda o: (o.time, o.position, o.tie))
        piece = []
        for o in of_key:
            if piece and o.time - piece[-1].time > transit:
                pieces.append((key, piece))
                piece = []
            piece.append(o)
        pieces.append((key, piece))
    return pieces


def simple(piece, transit):
    """One packet, and no doubt: each hop saw it once at most, none too long after or before the first one."""
    first = min(piece, key=lambda o: o.position)
    return len({o.position for o in piece}) == len(piece) and all(abs(o.time - first.time) <= transit for o in piece)


def typical(who, pieces, nat, transit):
    """{position: how long after the start of the way a packet is usually there}, {position: by how much it may be off that}."""
    several = [(key, piece) for key, piece in pieces if len(piece) > 1]
    alone = [(key, piece) for key, piece in several if simple(piece, transit)]
    everyone = [] if nat else [piece for (flow, _), piece in alone if flow == who]
    own = everyone[:SAMPLES]
    reverse = next(piece[0].reverse for (one, _), piece in pieces if one == who)
    same_way = [piece for _, piece in alone if piece[0].reverse == reverse]
    entangled = [piece for _, piece in several if piece[0].reverse == reverse]
    general, general_reach = {}, {}
    offsets, reach = {}, {}
    for position in range(8):
        sure = samples(position, same_way, general)
        found = sure or samples(position, entangled, general, transit)
        general[position] = median_low(found) if found else 0
        general_reach[position] = reach_of(sure) if sure else inf
    for position in range(8):
        found = samples(position, own, offsets)
        offsets[position] = median_low(found) if found else general[position]
        reach[position] = reach_of(samples(position, everyone, offsets)) if found else general_reach[position]
    return offsets, reach


def reach_of(found):
    return 2 * (max(found) - min(found)) + 1_000_000


def samples(position, pieces, offsets, transit=None):
    """Earliest observation there against the earliest one of the first hop before that has one."""
    found = []
    for piece in pieces:
        here = [o.time for o in piece if o.position == position]
        first = min(o.position for o in piece)
        if here and first < position:
            start = min(o.time for o in piece if o.position == first)
            if transit is None or abs(min(here) - start) <= transit:
                found.append(min(here) - start + offsets[first])
    return found


def untangle(piece, offsets, reach, transit):
    """Hop by hop on the way."""
    packets = []
    for position in sorted({o.position for o in piece}):
        here = sorted((o for o in piece if o.position == position), key=lambda o: (o.time, o.tie))
        pairs = in_order(nearest(packets, here, offsets, reach[position], transit), transit)
        matched = {id(o): p for p, o in pairs}
        spare = [o for o in here if id(o) not in matched]
        times = [o for o in here if id(o) in matched]
        begun = []
        for o in spare:
            before = [m for m in times if here.index(m) < here.index(o)][-1:]
            after = [m for m in times if here.index(m) > here.index(o)][:1]
            near = [m for m in before + after if abs(o.time - matched[id(m)].first.time) <= transit]
            if near:
                owner = matched[id(min(near, key=lambda m: abs(o.time - m.time)))]
                owner.copies.append(o)
            else:
                begun.append(Packet({position: o}))
        for p, o in pairs:
            p.seen[position] = o
        for p, _ in pairs:
            for copy in [c for c in p.copies if c.position == position]:
                if here.index(copy) < here.index(p.seen[position]):
                    p.copies.remove(copy)
                    p.copies.append(p.seen[position])
                    p.seen[position] = copy
        packets += begun
    for p in packets:
        p.clash = any(q is not p and abs(q.first.time - p.first.time) <= transit for q in packets)
    return packets


def nearest(packets, here, offsets, reach, transit):
    """[(place of the packet, place of the observation, packet, observation)]: the nearest two neighbours, again and again."""
    line = [(p.latest.time - offsets[p.latest.position], 0, i, p) for i, p in enumerate(packets)]
    line += [(o.time - offsets[o.position], 1, i, o) for i, o in enumerate(here)]
    line.sort(key=lambda item: item[:3])
    line = [(time, kind, place, what) for place, (time, kind, _, what) in enumerate(line)]
    pairs = []
    while True:
        best = None
        for i in range(len(line) - 1):
            left, right = line[i], line[i + 1]
            if left[1] == right[1]:
                continue
            packet, o = (left, right) if right[1] else (right, left)
            if abs(o[3].time - packet[3].first.time) > transit:
                continue
            cost = (right[0] - left[0], right[2], -left[2])
            if right[2] - left[2] > 1 and cost[0] > reach:
                continue
            if best is None or cost < best[0]:
                best = cost, i, (packet[2], o[2], packet[3], o[3])
        if best is None:
            return pairs
        _, i, pair = best
        pairs.append(pair)
        del line[i : i + 2]


def in_order(found, transit):
    """[(packet, observation)]. Of pairs one within the other, the first packet gets the first observation, and so on, if that
    leaves all of them within `transit`."""
    pairs = []
    for outer in found:
        low, high = sorted(outer[:2])
        if any(min(other[:2]) < low and high < max(other[:2]) for other in found):
            continue
        inside = [pair for pair in found if low <= min(pair[:2]) and max(pair[:2]) <= high]
        by_packet, by_observation = sorted(inside, key=lambda p: p[0]), sorted(inside, key=lambda p: p[1])
        ordered = [(p[2], o[3]) for p, o in zip(by_packet, by_observation, strict=True)]
        if any(abs(o.time - p.first.time) > transit for p, o in ordered):
            ordered = [pair[2:] for pair in inside]
        pairs += ordered
    return pairs


def verdicts(packets, coverage, one_way: OneWay, seen_first) -> list[tuple[str, int]]:
    """(verdict, lost after) of joined packets (tuples as above). coverage: {point: [(from, to)]}; seen_first: numbers of flows."""
    return [_verdict(p, packets, coverage, one_way, seen_first) for p in packets]


def _verdict(packet, packets, coverage, one_way, seen_first):
    flow, times, back, reference = packet[0], packet[4], packet[9], packet[10]
    way = [i for i, hop in enumerate(one_way.hops) if hop.points]
    if back:
        way.reverse()
    saw = [hop for hop in way if times[hop] != ABSENT]
    if saw == way:
        return "complete", 0
    arrived = saw[-1] == way[-1]
    evidence = []
    for hop in [hop for hop in way if hop not in saw] if arrived else way[way.index(saw[-1]) + 1 :]:
        low, high = _took(hop, flow, back, way, packets, one_way)
        first_low, first_high = _took(saw[0], flow, back, way, packets, one_way)
        from_ns, to_ns = reference + low - first_high, reference + high - first_low
        if not all(any(a <= to_ns and b >= from_ns for a, b in coverage[point.number]) for point in one_way.hops[hop].points):
            evidence.append(hop)
    if not evidence:
        return "dropped", 0
    if not arrived:
        return "lost", saw[-1] + 1
    return "injected" if way[0] in evidence and flow not in seen_first else "missed", 0


def _took(hop, flow, back, way, packets, one_way):
    """Least and greatest time from the first hop of the way: of the flow, of all that go that way, or max_transit either way. Of 64
    and more, one of 64 at either end does not count."""
    sure = [p for p in packets if p[9] == back and not p[8] and p[4][way[0]] != ABSENT and p[4][hop] != ABSENT]
    for some in ([p for p in sure if p[0] == flow], sure):
        if some:
            took = sorted(p[4][hop] - p[4][way[0]] for p in some)
            return took[len(took) // 64], took[-1 - len(took) // 64]
    return -one_way.max_transit_ns, one_way.max_transit_ns
