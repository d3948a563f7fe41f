"""A round of packet time is settled: packets that passed the first hop before its end get their verdicts, once for all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tmon_collector.one_way.buffer import Buffer
from tmon_collector.one_way.join import LATER, UNDEFINED, join
from tmon_collector.one_way.orientation import Learned, orient
from tmon_collector.one_way.packets import Flows, Observed, Packets, chosen
from tmon_collector.one_way.verdicts import judge
from tmon_common.config.model import Hop, OneWay, Point


class Settled(NamedTuple):
    """packets: of this round, judged. undefined: observations of it that cannot be placed. kept: those taken that go on waiting."""

    packets: Packets
    undefined: int
    kept: int


def horizon(round_end_ns: int, one_way: OneWay) -> int:
    """Everything observed before this moment should be in the buffer when the round is settled.

    What a packet of the round left at other hops is within max_transit of its end, clocks included, as max_transit is compared with
    raw delays; packets that may be taken for one of these are so within twice that.
    """
    return round_end_ns + 2 * one_way.max_transit_ns


def settle(buffer: Buffer, flows: Flows, one_way: OneWay, learned: Learned, coverage: Sequence[np.ndarray],
           round_end_ns: int) -> Settled:
    """Join what was observed before `horizon`, and judge the packets whose reference is before `round_end_ns`.

    Observations of packets with a later reference go back into the buffer, for the next round; so do those of flows that are not
    defined yet, if they are not before the end.
    coverage    see `verdicts.judge`
    """
    observed = buffer.take(horizon(round_end_ns, one_way))
    learned.cover(len(flows.reverse))
    reverse = orient(observed, flows, one_way, learned) if one_way.direction == "both" else None
    packets, fate = join(observed, flows, one_way, reverse, round_end_ns, learned.seen_first)
    later = (fate == LATER) | (fate == UNDEFINED) & (observed.time_ns >= round_end_ns)
    undefined = int(np.count_nonzero((fate == UNDEFINED) & ~later))
    kept = int(np.count_nonzero(later))
    buffer.put_back(chosen(observed, later))
    judge(packets, coverage, one_way, learned.seen_first)
    return Settled(packets, undefined, kept)


def warm_up() -> None:
    """Compile every kernel (or load it), which takes a minute the first time, so that the first round does not."""
    two = np.array([0, 1], np.int32)
    flows = Flows(np.zeros(1, np.int32), two[:1] - 1, two[:1], two[1:])
    ends = tuple(Hop(name, (Point(number, "", ""),)) for number, name in ((1, "first"), (2, "last")))
    seen_twice = Observed(np.zeros(4, np.int32), np.array([1, 1, 2, 1], np.uint8), np.array([7, 7, 7, 8], np.uint32),
                          np.array([0, 1, 2, 0]), np.zeros(4, np.int32), None, None)
    for nat in (False, True):
        buffer = Buffer(len(seen_twice.time_ns))
        buffer.append(seen_twice)
        settle(buffer, flows, OneWay(ends, nat=nat), Learned(), [np.array([[0, 1]])], 10)
