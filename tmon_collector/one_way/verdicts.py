"""What became of each packet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tmon_collector.one_way.kernels import verdict as kernels
from tmon_collector.one_way.packets import Packets
from tmon_common.config.model import OneWay


def judge(packets: Packets, coverage: Sequence[np.ndarray], one_way: OneWay, seen_first: np.ndarray) -> None:
    """Fill verdict and lost_after of the packets.

    A hop that did not see a packet is blind if each of its points was, at some moment when the packet may have passed: reference
    plus what packets of the flow took, at least and at most, one of 64 at either end apart (else those of the class that go the
    same way, else max_transit either way). Where it was not blind, that it did not see the packet is evidence.

    complete    seen at every hop with points
    lost        not seen after some hop, and a later one has evidence of that: after the last one that saw it
    missed      seen at the last hop, but not at an earlier one that has evidence
    injected    the same, the first hop has evidence, and no packet of the flow was ever seen there
    dropped     all hops that did not see it (after the last one that did, unless that is the end of the way) were blind

    coverage    of each point, in order of number: int64 (intervals, 2): from, to, both included, when nothing was observed
                there, or what was did not come here; in any order
    seen_first  uint8 (flows,): 1 if a packet of the flow was ever seen at the first hop of its way
    """
    seen = np.array([i for i, hop in enumerate(one_way.hops) if hop.points], np.int64)
    points = [len(one_way.hops[i].points) for i in seen]
    blind = [_merged(np.asarray(of_point, np.int64).reshape(-1, 2)) for of_point in coverage]
    blind += [np.zeros((0, 2), np.int64)] * (sum(points) - len(blind))
    joined = np.ascontiguousarray(np.concatenate(blind).T)
    kernels.judge(packets.flow, packets.reverse, packets.clash, packets.reference_ns, packets.times, seen, one_way.max_transit_ns,
                  joined[0], joined[1], _starts(map(len, blind)), _starts(points), seen_first, packets.verdict, packets.lost_after)


def _starts(lengths) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(np.fromiter(lengths, np.int64)))).astype(np.int64)


def _merged(intervals: np.ndarray) -> np.ndarray:
    """In order, none touching another."""
    intervals = intervals[np.argsort(intervals[:, 0], kind="stable")]
    if len(intervals) < 2:
        return intervals
    reached = np.maximum.accumulate(intervals[:, 1])
    begins = np.flatnonzero(np.concatenate(([True], intervals[1:, 0] > reached[:-1])))
    return np.column_stack((intervals[begins, 0], reached[np.concatenate((begins[1:] - 1, [len(intervals) - 1]))]))
