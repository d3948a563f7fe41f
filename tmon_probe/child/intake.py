"""Records from the lanes, a portion at a time: of a single lane in place, of several in order of packet time.

Several are merged only as far as no lane can still come with something older. A lane in which nothing waits is waited for: of
recordings, as long as it takes; of live capture, until its watermark passes, until another lane needs space, or until it has
told no time for PATIENCE_NS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tmon_common.clock import Clock
from tmon_probe.child.chain import MAX_BATCH
from tmon_probe.child.lane_time import LaneTime
from tmon_probe.child.merge import RECORD_WORDS, merge_lanes
from tmon_probe.lanes import Lanes
from tmon_probe.records import PACKET, QUOTED
from tmon_probe.ring import Ring, wait_for_publication

PATIENCE_NS = 2_000_000_000
"""A live father tells the time every fraction of a second; one that does not is no longer counted on."""


@dataclass
class Portion:
    """records     records.PACKET (n,), n at most MAX_BATCH: valid until `release`; read only

    lanes       int16 (n,): lane of each; its octets are in that row of `areas` of the intake
    reached_ns  packet time that all lanes have reached once these are done
    ended       n is 0, and nothing will come any more
    """

    records: np.ndarray
    lanes: np.ndarray
    reached_ns: int
    ended: bool = False


class Intake(Protocol):
    """areas: uint8 (lanes, octets), the byte areas of all lanes."""

    areas: np.ndarray

    def look(self, *, orphaned: bool) -> Portion:
        """What can be processed now; the same again until it is released. orphaned: the parent is dead, and with it its lanes."""

    def release(self) -> None:
        """The portion last given is done."""

    def wait(self, timeout_s: float, filenos: Sequence[int]) -> None:
        """Sleep until there may be more, one of `filenos` is readable, or timeout_s has gone."""

    @property
    def waiting(self) -> int:
        """Records that wait in the lanes."""

    @property
    def hurried(self) -> bool:
        """Somebody waits for the end."""

    @property
    def cut_short(self) -> bool:
        """Nobody waits any longer."""


def open_intake(lanes: Lanes, clock: Clock, *, patient: bool) -> Intake:
    """patient: all lanes are recordings that wait until they are read; order is kept whatever it takes."""
    return OneLane(lanes) if len(lanes.rings) == 1 else ManyLanes(lanes, clock, patient=patient)


class OneLane:
    """Portions are views of the ring itself."""

    def __init__(self, lanes: Lanes) -> None:
        self._ring = lanes.rings[0]
        self._time = LaneTime(self._ring, 0)
        self.areas = lanes.memory.areas
        self._lane_of = np.zeros(MAX_BATCH, np.int16)
        self._given = 0

    def look(self, *, orphaned: bool) -> Portion:
        ring = self._ring
        ended = orphaned or ring.ended  # in this order: what was published before is seen
        self._time.look(0)
        span = ring.filled()
        count, end = span.count, span.start + span.count
        if count > MAX_BATCH:
            end = span.start + MAX_BATCH
            if ring.records["flags"][end] & QUOTED:  # it stays with the record before
                end -= 1
            count = end - span.start
        self._given = count
        return Portion(ring.records[span.start : end], self._lane_of[:count], self._time.done(count), ended and not count)

    def release(self) -> None:
        self._ring.release(self._given)
        self._given = 0

    def wait(self, timeout_s: float, filenos: Sequence[int]) -> None:
        self._ring.wait_for_data(timeout_s, filenos)

    @property
    def waiting(self) -> int:
        return self._ring.fill

    @property
    def hurried(self) -> bool:
        return self._ring.hurried

    @property
    def cut_short(self) -> bool:
        return self._ring.cut_short


class ManyLanes:
    """Portions are copies in order of time; the octets stay where they are."""

    def __init__(self, lanes: Lanes, clock: Clock, *, patient: bool) -> None:
        number = len(lanes.rings)
        self._rings, self._clock, self._patient = lanes.rings, clock, patient
        self.areas = lanes.memory.areas
        self._words = lanes.memory.records.view(np.int64).reshape(number, -1, RECORD_WORDS)
        self._staging, self._lane_of = np.zeros(MAX_BATCH, PACKET), np.zeros(MAX_BATCH, np.int16)
        self._staging_words = self._staging.view(np.int64).reshape(MAX_BATCH, RECORD_WORDS)
        self._starts, self._counts, self._bounds, self._taken = (np.zeros(number, np.int64) for _ in range(4))
        self._waited_for = np.zeros(number, np.uint8)
        self._since, self._counted_on = [0] * number, [True] * number
        self._times = [LaneTime(r, clock.monotonic_ns()) for r in lanes.rings]
        self._portion: Portion | None = None
        self._reached_ns = 0

    def look(self, *, orphaned: bool) -> Portion:
        if self._portion is not None:
            return self._portion
        now_ns = self._clock.monotonic_ns()
        ended = [self._look_at(lane, ring, now_ns, orphaned) for lane, ring in enumerate(self._rings)]
        if not self._patient and any(r.pressing for r in self._rings):
            self._waited_for[:] = 0
        count = merge_lanes(self._words, self._starts, self._counts, self._bounds, self._waited_for, self._taken,
                            self._staging_words, self._lane_of)
        reached = [time.done(taken) for time, taken in zip(self._times, self._taken.tolist(), strict=True)]
        counted = [r for r, counts in zip(reached, self._counted_on, strict=True) if counts]
        self._reached_ns = min(counted, default=self._reached_ns)
        nothing = not self._counts.any()
        portion = self._portion = Portion(self._staging[:count], self._lane_of[:count], self._reached_ns, all(ended) and nothing)
        if not count:
            self.release()  # pads, if anything
        return portion

    def release(self) -> None:
        for ring, taken in zip(self._rings, self._taken.tolist(), strict=True):
            ring.release(taken)
        self._taken[:] = 0
        self._portion = None

    def wait(self, timeout_s: float, filenos: Sequence[int]) -> None:
        wait_for_publication(self._rings, self._since, timeout_s, filenos)

    @property
    def waiting(self) -> int:
        return sum(r.fill for r in self._rings)

    @property
    def hurried(self) -> bool:
        return any(r.hurried for r in self._rings)

    @property
    def cut_short(self) -> bool:
        return any(r.cut_short for r in self._rings)

    def _look_at(self, lane: int, ring: Ring, now_ns: int, orphaned: bool) -> bool:
        """What the kernel has to know of a lane. True if it has ended."""
        self._since[lane] = ring.publications  # in this order: what was told before is seen
        ended = ring.ended
        time = self._times[lane]
        waiting = time.look(now_ns)
        silent = (orphaned or not self._patient) and now_ns - time.new_ns > PATIENCE_NS
        ended = ended or (orphaned and silent)
        self._counts[lane], self._starts[lane], self._bounds[lane] = waiting, ring.position & (ring.slots - 1), time.watermark_ns
        self._waited_for[lane] = not (ended or silent)
        self._counted_on[lane] = bool(waiting or not (ended or silent))
        return ended
