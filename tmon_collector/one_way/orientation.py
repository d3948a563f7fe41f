"""Which way flows go, in classes with direction both: from the first hop to the last, or back.

A packet is later where it goes to; but clocks may be apart by more than the way takes. What tells, best first:

PAIR    the flow and its reverse flow were both timed between two hops: the one that seems to take longer goes forward. The middle
        of the two is the clocks' offset, in so far as the way takes as long there as back.
OFFSET  the flow alone was timed, and the offset of the clocks between the hops is known from others; or its reverse flow's way is
        that well known: the opposite
SIGN    the same, without an offset: what it seems to take is above zero
GUESSED its addresses are on that side of the hops where other flows have them; else forward. Not remembered.

A flow keeps its way until something better tells.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tmon_collector.one_way.hops import NO_HOP, hops_of
from tmon_collector.one_way.packets import Flows, Observed
from tmon_common.config.model import OneWay

GUESSED, SIGN, OFFSET, PAIR = range(4)
SAMPLES = 31
"""Delays of a flow that are looked at, at most: those of the lowest signatures, that is, any."""


class Learned:
    """What is remembered of the flows of a class from round to round. Arrays by flow; they grow with the flows.

    way         uint8: 1 if the flow goes from the last hop to the first
    certainty   uint8: GUESSED, SIGN, OFFSET, PAIR
    seen_first  uint8: 1 if a packet of the flow was seen at the first hop of its way
    offset_ns   clocks of two hops (positions): how far that of the second is ahead, as last seen
    """

    def __init__(self) -> None:
        self.way = np.zeros(0, np.uint8)
        self.certainty = np.zeros(0, np.uint8)
        self.seen_first = np.zeros(0, np.uint8)
        self.offset_ns: dict[tuple[int, int], int] = {}

    def cover(self, flows: int) -> None:
        """Have room for so many."""
        more = np.zeros(max(0, flows - len(self.way)), np.uint8)
        self.way, self.certainty, self.seen_first = (np.concatenate((a, more)) for a in (self.way, self.certainty, self.seen_first))

    def saved(self) -> dict[str, np.ndarray]:
        """All of it, as arrays that a file can hold."""
        offsets = np.array([(*hops, offset) for hops, offset in sorted(self.offset_ns.items())], np.int64).reshape(-1, 3)
        return {"way": self.way, "certainty": self.certainty, "seen_first": self.seen_first, "offset_ns": offsets}

    @classmethod
    def restored(cls, saved: Mapping[str, np.ndarray]) -> Learned:
        learned = cls()
        learned.way, learned.certainty, learned.seen_first = (saved[name].copy() for name in ("way", "certainty", "seen_first"))
        learned.offset_ns = {(int(a), int(b)): int(offset) for a, b, offset in saved["offset_ns"]}
        return learned

    def forget(self, flows: np.ndarray) -> None:
        """Their numbers will be others'."""
        for array in (self.way, self.certainty, self.seen_first):
            array[flows] = 0


def orient(observed: Observed, flows: Flows, one_way: OneWay, learned: Learned) -> np.ndarray:
    """Which way each flow goes, as far as can be told by now: uint8 (flows,): 1 from the last hop to the first. Learns."""
    hops = hops_of(one_way)
    learned.cover(len(flows.reverse))
    flow, hop, time_ns, key = _unsure(observed, flows, hops.hop, one_way.nat, learned)
    for first, second in _widest_first(hops.seen):
        if not len(flow):
            break
        who, took_ns = _delays(flow, hop, time_ns, key, first, second, one_way.max_transit_ns)
        if len(who):
            _learn(who, took_ns, flows, learned, (first, second))
            left = learned.certainty[flow] < SIGN
            flow, hop, time_ns, key = flow[left], hop[left], time_ns[left], key[left]
    _opposite(flows.reverse, learned)
    return _with_guesses(flows, learned)


def _widest_first(seen: np.ndarray) -> list[tuple[int, int]]:
    pairs = [(int(a), int(b)) for i, a in enumerate(seen) for b in seen[i + 1 :]]
    return sorted(pairs, key=lambda pair: (pair[0] - pair[1], pair))


def _unsure(observed: Observed, flows: Flows, hop_of_point: np.ndarray, nat: bool, learned: Learned):
    """flow, hop, time and key of the observations of flows of which better could be known, in order of key."""
    definition = observed.definition
    which = np.flatnonzero((definition >= 0) & (definition < len(flows.flow)) & (observed.point < len(hop_of_point)))
    flow, hop = flows.flow[definition[which]], hop_of_point[observed.point[which]]
    placed = (flow >= 0) & (hop != NO_HOP)
    flow, hop, which = flow[placed], hop[placed], which[placed]
    unsure = learned.certainty[flow] < OFFSET
    flow, hop, which = flow[unsure], hop[unsure], which[unsure]
    key = observed.signature[which].astype(np.int64) | (0 if nat else flow.astype(np.int64) << 32)
    order = np.argsort(key, kind="stable")
    return flow[order], hop[order], observed.time_ns[which][order], key[order]


def _delays(flow, hop, time_ns, key, first: int, second: int, transit_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """(flow, delay) from hop to hop of the keys that each saw once. Where the two saw different flows (nat), it is of both."""
    alone = [rows[_once(key[rows])] for rows in (np.flatnonzero(hop == h) for h in (first, second))]
    _, here, there = np.intersect1d(key[alone[0]], key[alone[1]], assume_unique=True, return_indices=True)
    here, there = alone[0][here], alone[1][there]
    took_ns = time_ns[there] - time_ns[here]
    near = np.abs(took_ns) <= transit_ns
    here, there, took_ns = here[near], there[near], took_ns[near]
    other = flow[here] != flow[there]
    return np.concatenate((flow[here], flow[there][other])), np.concatenate((took_ns, took_ns[other]))


def _once(keys: np.ndarray) -> np.ndarray:
    """Which of the sorted keys are there once."""
    differs = np.ones(len(keys) + 1, bool)
    differs[1:-1] = keys[1:] != keys[:-1]
    return differs[:-1] & differs[1:]


def _learn(who: np.ndarray, took_ns: np.ndarray, flows: Flows, learned: Learned, hops: tuple[int, int]) -> None:
    timed, median_ns = _medians(who, took_ns)
    of_flow = np.full(len(flows.reverse), np.iinfo(np.int64).min)
    of_flow[timed] = median_ns
    reverse = flows.reverse[timed]
    paired = (reverse >= 0) & (reverse != timed) & (of_flow[reverse] != np.iinfo(np.int64).min)
    back_ns = of_flow[reverse]
    if paired.any():
        once = paired & (timed < reverse)
        learned.offset_ns[hops] = int(np.median((median_ns[once] + back_ns[once]) // 2))
    known = hops in learned.offset_ns
    shorter = (median_ns < back_ns) | (median_ns == back_ns) & (timed > reverse)
    way = np.where(paired, shorter, median_ns < learned.offset_ns.get(hops, 0))
    certainty = np.where(paired, PAIR, OFFSET if known else SIGN).astype(np.uint8)
    better = certainty > learned.certainty[timed]
    learned.way[timed[better]] = way[better]
    learned.certainty[timed[better]] = certainty[better]


def _medians(who: np.ndarray, took_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(flows, the lower median of each). Samples come in order of signature within a flow."""
    order = np.argsort(who, kind="stable")
    who, took_ns = who[order], took_ns[order]
    starts = np.flatnonzero(np.concatenate(([True], who[1:] != who[:-1])))
    rank = np.arange(len(who)) - np.repeat(starts, np.diff(np.append(starts, len(who))))
    who, took_ns = who[rank < SAMPLES], took_ns[rank < SAMPLES]
    order = np.lexsort((took_ns, who))
    who, took_ns = who[order], took_ns[order]
    starts = np.flatnonzero(np.concatenate(([True], who[1:] != who[:-1])))
    many = np.diff(np.append(starts, len(who)))
    return who[starts], took_ns[starts + (many - 1) // 2]


def _opposite(reverse: np.ndarray, learned: Learned) -> None:
    """What goes for a flow, upside down, goes for its reverse flow, if less is known of that."""
    there = np.flatnonzero((reverse >= 0) & (reverse != np.arange(len(reverse))))
    back = reverse[there]
    certainty = np.minimum(learned.certainty[back], OFFSET)
    better = certainty > learned.certainty[there]
    way = 1 - learned.way[back[better]]
    learned.way[there[better]] = way
    learned.certainty[there[better]] = certainty[better]


def _with_guesses(flows: Flows, learned: Learned) -> np.ndarray:
    many = len(flows.reverse)
    way, certain = learned.way[:many].copy(), learned.certainty[:many] > GUESSED
    unknown = np.flatnonzero(~certain)
    if not len(unknown):
        return way
    sign = np.where(way[certain], -1.0, 1.0)
    addresses = int(max(flows.source.max(initial=-1), flows.destination.max(initial=-1))) + 1
    side = np.bincount(flows.source[certain], sign, addresses) - np.bincount(flows.destination[certain], sign, addresses)
    way[unknown] = side[flows.source[unknown]] < side[flows.destination[unknown]]
    return way
