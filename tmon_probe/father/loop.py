"""The father's work: batches from every source through dissection and sieve into the lanes."""

from __future__ import annotations

import logging
import os
import select
import time
from collections.abc import Callable, Sequence

from tmon_common import diagnostics
from tmon_common.clock import Clock
from tmon_common.events import Event
from tmon_probe.father.dissection import RECORDS_PER_PACKET, Dissection, Room
from tmon_probe.father.feed import Feed, Lane
from tmon_probe.health import Part

log = logging.getLogger(__name__)

OCTETS_PER_PACKET = 2 * 65_600
"""Of a ring's area: what a packet may take, and as much left out where it would go past the end."""
IDLE_WAIT_S = 0.05
PACED_WAIT_S = 0.002
STATISTICS_EVERY_NS = 100_000_000


class Father:
    """feeds: all that this process reads. `run` returns when they are finished or `stopping` says so.

    statistics  the part of this father; those of the interfaces come with the feeds
    tell        takes events
    report      called whenever the statistics have been brought up to date
    """

    def __init__(self, feeds: list[Feed], dissection: Dissection, statistics: Part, clock: Clock, stopping: Callable[[], bool],
                 tell: Callable[[Sequence[Event]], None] = len, report: Callable[[], None] = lambda: None) -> None:
        self._feeds, self._unfinished = feeds, list(feeds)
        self._lanes = {ring: Lane(ring, [f for f in feeds if f.ring is ring]) for ring in {f.ring: None for f in feeds}}
        self._dissection, self._statistics, self._clock = dissection, statistics, clock
        self._stopping, self._tell, self._report = stopping, tell, report
        self._ring_full_waits = self._high_water = 0
        self._next_statistics_ns = 0
        self._busy = False  # packets come again before a pause is over

    def run(self) -> None:
        while self._unfinished and not self._stopping():
            if not self.step() and self._unfinished:
                self._wait()
        for ring in self._lanes:
            ring.end()
        self._update_statistics()

    def step(self) -> bool:
        """Whatever can be read and written now, once. False if that was nothing."""
        progressed = False
        for feed in self._turn():
            progressed |= self._serve(feed)
        for lane in self._lanes.values():
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
                    if f.waits_its_turn and (f.batch is None or f.ring.has_room(RECORDS_PER_PACKET, f.octets_needed))]
        next_one = [min(recorded, key=_reached)] if recorded else []
        return [f for f in self._unfinished if not f.waits_its_turn] + next_one

    def _serve(self, feed: Feed) -> bool:
        """Write what fits of its batch, or of the next one. True if it came any further."""
        ring, lane = feed.ring, self._lanes[feed.ring]
        progressed = False
        if feed.batch is None:
            progressed = feed.fetch(self._clock)
            if not progressed and feed.source.finished:
                self._unfinished.remove(feed)
                lane.finish(feed)
                return True
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
            lane.publish(written, position)
            progressed = True
        return progressed

    def _dissect(self, feed: Feed, slot: int, free: int) -> tuple[int, int, int]:
        """(first packet of its batch that is not done, records written, next position in the area of its ring)."""
        ring = feed.ring
        room = Room(ring.records, slot, free, ring.area, *ring.area_free())
        return self._dissection(feed.batch, feed.done, feed.viewpoint, room)

    def _wait(self) -> None:
        """For packets where there are none, and for space in the lane that is behind in packet time."""
        filenos = [f for feed in self._unfinished if feed.batch is None and (f := feed.source.fileno()) >= 0]
        blocked = [f for f in self._unfinished if f.batch is not None]
        if blocked:
            first = min(blocked, key=_reached)
            self._ring_full_waits += 1
            first.ring.wait_for_space(RECORDS_PER_PACKET, first.octets_needed, filenos)
        elif any(f.source.paced for f in self._unfinished):
            select.select(filenos, [], [], PACED_WAIT_S)
        else:
            self._wait_for_packets(filenos)

    def _wait_for_packets(self, filenos: list[int]) -> None:
        """At high rates a pause first: to wake up, with nothing in the processor's caches, costs as much as a thousand packets."""
        pause_s = min((f.source.pause_s for f in self._unfinished), default=0.0)
        began = time.monotonic()
        if self._busy:
            time.sleep(pause_s)
        select.select(filenos, [], [], IDLE_WAIT_S)
        self._busy = time.monotonic() - began < 2 * pause_s

    def _update_statistics(self) -> None:
        if events := [e for feed in self._feeds for e in feed.events(self._clock.wall_ns())]:
            self._tell(events)
        parts = {id(f.statistics): f.statistics for f in self._feeds}
        for key, part in parts.items():
            _update_part(part, [f for f in self._feeds if id(f.statistics) == key])
        fullest = max(self._lanes, key=lambda r: max(r.fill / r.slots, r.area_fill / r.octets))
        filled = fullest.fill
        self._high_water = max(self._high_water, filled)
        self._statistics.set(ring_full_waits=self._ring_full_waits, ring_slots=fullest.slots, ring_filled=filled,
                             ring_high_water=self._high_water, ring_octets=fullest.octets, ring_octets_filled=fullest.area_fill,
                             pid=os.getpid(), cpu_ns=time.process_time_ns())
        self._statistics.add(turns=1)
        diagnostics.follow()
        if log.isEnabledFor(logging.DEBUG):
            log.debug("process %d: ring %d of %d slots, %d of %d octets; waited for %d times; read up to %s", os.getpid(), filled,
                      fullest.slots, fullest.area_fill, fullest.octets, self._ring_full_waits,
                      ", ".join(f"{f.name} {f.reached_ns / 1e9:.3f}" for f in self._feeds))
        self._report()


def _update_part(part: Part, feeds: list[Feed]) -> None:
    """Of one interface, from all feeds that it has in this father."""
    sources = [f.source for f in feeds]
    progress = [s.progress() for s in sources]
    part.set(kernel_drops=sum(s.dropped() for s in sources), read_octets=sum(p[0] for p in progress),
             total_octets=sum(p[1] for p in progress), last_packet_ns=max(f.last_packet_ns for f in feeds),
             device_gone=int(any(s.gone for s in sources)))


def _reached(feed: Feed) -> int:
    return feed.reached_ns
