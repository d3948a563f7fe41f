"""Slow twin of the one-way statistics: every packet of all rounds at once, straight from the definitions of the RFCs."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

COMPLETE, LOST, DROPPED, MISSED, INJECTED = range(5)


@dataclass
class Packet:
    flow: int
    definition: int
    octets: int | None
    times: list  # by hop; None: not seen
    last: list
    points: list
    copies: int
    clash: int
    reverse: bool
    reference: int
    verdict: int
    lost_after: int
    round: int

    def way(self, of: list) -> list:
        return of[::-1] if self.reverse else of


def squared_us(ns: int) -> int:
    """Rounded half up."""
    return floor(Fraction(ns * ns, 1_000_000) + Fraction(1, 2))


def bucket(ns: int) -> int:
    """Above 1.04^(n-1) ns, up to 1.04^n ns; -1 - n below zero."""
    n, size = 0, Fraction(1)
    while size < abs(ns):
        n, size = n + 1, size * Fraction(26, 25)
    return n if ns >= 0 else -1 - n


def delay(p: Packet, start: int, end: int) -> int | None:
    """RFC 7679; of a datagram in fragments until the last one."""
    if p.times[start] is None or p.times[end] is None:
        return None
    return (p.last[end] if p.last[end] is not None else p.times[end]) - p.times[start]


def counters(packets: list[Packet], interval: int, hops: int) -> dict:
    """(flow, start) -> values of one_way_counters, None where empty, and `definition`."""
    cells = defaultdict(list)
    for p in packets:
        cells[p.flow, p.reference // interval * interval].append(p)
    losses, orders = loss_runs(packets), reordered(packets)
    result = {}
    for key, found in cells.items():
        verdicts = Counter(p.verdict for p in found)
        own = [losses[id(p)] for p in found if p.verdict == LOST]
        distances = [d for d, _ in own if d is not None]
        late = [orders[id(p)] for p in found if id(p) in orders]
        first_hop = {id(p): next(i for i, n in enumerate(p.way(p.points)) if n) for p in found}
        result[key] = {
            "definition": min((first_hop[id(p)], p.definition) for p in found)[1],
            "packets": len(found), "octets": sum(p.octets or 0 for p in found),
            "complete": verdicts[COMPLETE], "lost": verdicts[LOST], "dropped": verdicts[DROPPED], "missed": verdicts[MISSED],
            "injected": verdicts[INJECTED], "clashes": sum(p.clash for p in found),
            **{f"lost_after_{h:02}": sum(p.verdict == LOST and p.lost_after == h for p in found) for h in range(1, hops + 1)},
            "duplicated": sum(p.copies > 0 for p in found), "duplicates": sum(p.copies for p in found),
            "reordered": len(late), "reordering_extent_sum": sum(e for e, _ in late),
            "reordering_extent_maximum": max((e for e, _ in late), default=None),
            "reordering_late_maximum": max((t for _, t in late), default=None),
            "loss_periods": sum(n == 1 for _, n in own), "loss_period_maximum": max((n for _, n in own), default=None),
            "loss_distance_population": len(distances), "loss_distance_sum": sum(distances),
            "loss_distance_minimum": min(distances, default=None), "loss_distance_maximum": max(distances, default=None),
        }
    return result


def loss_runs(packets: list[Packet]) -> dict:
    """RFC 3357. Of each lost packet: distance to the lost one before (None: the first), and which of its run it is."""
    result = {}
    for flow in {p.flow for p in packets}:
        sequence = [p for p in packets if p.flow == flow and p.verdict != DROPPED]
        for i, p in enumerate(sequence):
            if p.verdict == LOST:
                before = [j for j in range(i) if sequence[j].verdict == LOST]
                run = 1
                while i - run >= 0 and sequence[i - run].verdict == LOST:
                    run += 1
                result[id(p)] = (i - before[-1] if before else None), run
    return result


def reordered(packets: list[Packet]) -> dict:
    """RFC 4737: extent and late time of each reordered packet."""
    result = {}
    for flow in {p.flow for p in packets}:
        own = [(p.way(p.times)[-1], p.way(p.times)[0], id(p)) for p in packets if p.flow == flow]
        arrivals = sorted(a for a in own if a[0] is not None and a[1] is not None)
        for i, (arrived, sent, key) in enumerate(arrivals):
            earlier = [j for j in range(i) if arrivals[j][1] > sent]
            if earlier:
                result[key] = i - earlier[0], arrived - arrivals[earlier[0]][0]
    return result


def distributions(packets: list[Packet], interval: int, start: int, end: int, bounds: list | None) -> dict:
    """(flow, start of the interval, from, to) -> values of one_way_delay_histogram, and `buckets`. start: before end."""
    cells, variations = defaultdict(list), defaultdict(list)
    for flow in {p.flow for p in packets}:
        own = [p for p in packets if p.flow == flow]
        for back in (False, True):
            a, b = (end, start) if back else (start, end)
            passed = sorted((p for p in own if p.reverse == back and p.times[a] is not None), key=lambda p: (p.round, p.times[a]))
            for i, p in enumerate(passed):
                key = flow, p.reference // interval * interval, a, b
                if (d := delay(p, a, b)) is not None:
                    cells[key].append(d)
                    if i and (before := delay(passed[i - 1], a, b)) is not None:
                        variations[key].append(d - before)
    result = {}
    for key, delays in cells.items():
        delays.sort()
        varied = variations[key]
        slices = [0] * (len(bounds) + 1 if bounds is not None else 0)
        for d in delays if bounds is not None else []:
            slices[sum(d > bound for bound in bounds)] += 1
        result[key] = {
            "population": len(delays), "sum": sum(delays), "sum_of_squares": sum(map(squared_us, delays)), "minimum": delays[0],
            "maximum": delays[-1], "negative": sum(d < 0 for d in delays), "ipdv_population": len(varied), "ipdv_sum": sum(varied),
            "ipdv_absolute_sum": sum(map(abs, varied)), "ipdv_sum_of_squares": sum(map(squared_us, varied)),
            "ipdv_minimum": min(varied, default=None), "ipdv_maximum": max(varied, default=None),
            **{f"pdv_{name}": delays[ceil(Fraction(share) * len(delays)) - 1] - delays[0]
               for name, share in (("50", "1/2"), ("95", "95/100"), ("99", "99/100"), ("999", "999/1000"))},
            **{f"slice_{i:02}": n for i, n in enumerate(slices, 1)},
            "buckets": Counter(map(bucket, delays)),
        }
    return result


def offsets(packets: list[Packet], interval: int, probes: list[str]) -> dict:
    """probes: of point n at n - 1. (start, probe, probe) -> shortest raw delay from one to the other, and how many packets went."""
    found = defaultdict(list)
    for p in packets:
        way = [(t, probes[n - 1]) for t, n in zip(p.way(p.times), p.way(p.points), strict=True) if n]
        for i, (t, a) in enumerate(way):
            for u, b in way[i + 1 :]:
                if a != b:
                    found[p.reference // interval * interval, a, b].append(u - t)
    return {key: (min(delays), len(delays)) for key, delays in found.items()}
