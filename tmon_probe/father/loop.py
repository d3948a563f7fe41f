"""The father's work: batches from every source through dissection and sieve into the lanes."""

from __future__ import annotations

import logging
import select
from collections.abc import Callable

import numpy as np

from tmon_common.clock import Clock
from tmon_common.increase import Increase
from tmon_probe.father import counts
from tmon_probe.father.capture.batch import Batch
from tmon_probe.father.dissect import RECORDS_PER_PACKET, dissect_batch
from tmon_probe.father.feed import Feed
from tmon_probe.father.sieve import Sieve, trivial_sieve
from tmon_probe.health import FATHER
from tmon_probe.records import PACKET
from tmon_probe.ring import OFFSET_MASK

log = logging.getLogger(__name__)

OCTETS_PER_PACKET = 2 * 65_600
"""Of a ring's area: what a packet may take, and as much left out where it would go past the end."""
IDLE_WAIT_S = 0.05
PACED_WAIT_S = 0.002
STATISTICS_EVERY_NS = 100_000_000
_AT = {name: position for position, name in enumerate(FATHER)}


class Father:
    """feeds: all that this process reads. `run` returns when they are finished or `stopping` says so.

    numbers     int64 (len(health.FATHER),): the statistics of this father
    report      called after they were brought up to date
    """

    def __init__(self, feeds: list[Feed], sieve: Sieve, numbers: np.ndarray, clock: Clock, stopping: Callable[[], bool],
                 report: Callable[[], None] = lambda: None) -> None:
        self._feeds, self._unfinished = feeds, list(feeds)
        self._lanes = list(dict.fromkeys(f.lane for f in feeds))
        self._sieve, self._numbers, self._clock, self._stopping, self._report = sieve, numbers, clock, stopping, report
        self._tally = numbers[: counts.COUNT]
        self._next_statistics_ns = 0
        self._drops = Increase(clock)

    def run(self) -> None:
        while self._unfinished and not self._stopping():
            if not self.step() and self._unfinished:
                self._wait()
        for lane in self._lanes:
            lane.ring.end()
        self._update_statistics()

    def step(self) -> bool:
        """Whatever can be read and written now, once. False if that was nothing."""
        progressed = False
        for feed in self._turn():
            progressed |= self._serve(feed)
        for lane in self._lanes:
            lane.tell_time()
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._next_statistics_ns:
            self._next_statistics_ns = now_ns + STATISTICS_EVERY_NS
            self._update_statistics()
        return progressed

    def _turn(self) -> list[Feed]:
        """Who is served next: every live or paced one; of other recordings the one behind in packet time, of those that can go on.

        So no lane stays empty while others are full: the child may wait for the one that it needs next.
        """
        if any(f.source.paced for f in self._unfinished):
            return list(self._unfinished)
        recorded = [f for f in self._unfinished
                    if f.waits_its_turn and (f.batch is None or f.lane.ring.has_room(RECORDS_PER_PACKET, f.octets_needed))]
        next_one = [min(recorded, key=_reached)] if recorded else []
        return [f for f in self._unfinished if not f.waits_its_turn] + next_one

    def _serve(self, feed: Feed) -> bool:
        """Write what fits of its batch, or of the next one. True if it came any further."""
        progressed = False
        if feed.batch is None:
            progressed = feed.fetch(self._clock)
            if not progressed and feed.source.finished:
                self._unfinished.remove(feed)
                feed.lane.finish(feed)
                self._collect_warnings(feed)
                return True
        ring = feed.lane.ring
        while feed.batch is not None:
            free = ring.free()
            if free.count < RECORDS_PER_PACKET:
                if free.count and free.start + free.count == ring.slots:
                    ring.pad()
                    continue
                break
            done, written, position = self._dissect(feed, free.start, free.count)
            if done == feed.done:
                feed.octets_needed = min(OCTETS_PER_PACKET, ring.octets)
                break
            feed.advance(done)
            feed.lane.publish(written, position)
            progressed = True
        return progressed

    def _dissect(self, feed: Feed, slot: int, free: int) -> tuple[int, int, int]:
        batch, ring = feed.batch, feed.lane.ring
        position, _ = ring.area_free()
        done, written = dissect_batch(batch.data, batch.offsets, batch.captured, batch.wire, batch.times_ns, batch.interfaces,
                                      batch.link_types, feed.done, batch.count, feed.interface, self._sieve.address, ring.records,
                                      slot, free, self._tally)
        ring.records["bytes_offset"][slot : slot + written] = position & OFFSET_MASK
        ring.records["bytes_length"][slot : slot + written] = 0
        return done, written, position

    def _wait(self) -> None:
        """For packets where there are none, and for space in the lane that is behind in packet time."""
        filenos = [f for feed in self._unfinished if feed.batch is None and (f := feed.source.fileno()) >= 0]
        blocked = [f for f in self._unfinished if f.batch is not None]
        if blocked:
            first = min(blocked, key=_reached)
            self._numbers[_AT["ring_full_waits"]] += 1
            first.lane.ring.wait_for_space(RECORDS_PER_PACKET, first.octets_needed, filenos)
        else:
            paced = any(f.source.paced for f in self._unfinished)
            select.select(filenos, [], [], PACED_WAIT_S if paced else IDLE_WAIT_S)

    def _update_statistics(self) -> None:
        sources = [f.source for f in self._feeds]
        progress = [s.progress() for s in sources]
        drops = sum(s.dropped() for s in sources)
        if lost := self._drops.told(drops):
            log.warning("%d packets dropped by the kernel: more came than this probe could read", lost)
        rings = [lane.ring for lane in self._lanes]
        filled = max((r.fill for r in rings), default=0)
        for name, value in (("kernel_drops", drops),
                            ("read_octets", sum(p[0] for p in progress)), ("total_octets", sum(p[1] for p in progress)),
                            ("ring_slots", max((r.slots for r in rings), default=0)), ("ring_filled", filled),
                            ("ring_high_water", max(filled, int(self._numbers[_AT["ring_high_water"]])))):
            self._numbers[_AT[name]] = value
        for feed in self._feeds:
            self._collect_warnings(feed)
        self._report()

    def _collect_warnings(self, feed: Feed) -> None:
        for text in feed.source.warnings():
            log.warning("%s", text)


def _reached(feed: Feed) -> int:
    return feed.reached_ns


def compile_dissection() -> None:
    """Compile the dissection, or load it from the cache, with nothing to do."""
    data = np.zeros(0, np.uint8)
    data.flags.writeable = False
    batch = Batch.empty(data, (1,))
    dissect_batch(data, batch.offsets, batch.captured, batch.wire, batch.times_ns, batch.interfaces, batch.link_types, 0, 0, 0,
                  trivial_sieve(0).address, np.zeros(0, PACKET), 0, 0, np.zeros(counts.COUNT, np.int64))
