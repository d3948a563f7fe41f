"""A source with what it has given and is not yet written; feeds that share a ring; and how far in packet time they are."""

from __future__ import annotations

from dataclasses import replace

from tmon_common.clock import Clock
from tmon_common.events import Event, event
from tmon_probe.father.capture.batch import Batch, Source
from tmon_probe.father.dissection import Viewpoint
from tmon_probe.health import Part
from tmon_probe.ring import Ring

LIVE_DELAY_NS = 1_000_000_000
"""A live packet is given by its source at most so long after it was stamped."""


class Feed:
    """A source, the name of its interface, how its packets are looked at, and the ring that they are written to.

    statistics  of this interface in this father; other feeds may share them: other parts of a device
    batch       packets of which those before `done` are written; None: nothing waits to be written
    reached_ns  packet time before which (about) no packet of this source will come any more
    octets_needed   of the ring's area, where a packet did not fit
    last_packet_ns  wall time at which it last gave a packet
    """

    def __init__(self, source: Source, name: str, viewpoint: Viewpoint, ring: Ring, statistics: Part) -> None:
        self.source, self.name, self.viewpoint, self.ring, self.statistics = source, name, viewpoint, ring, statistics
        self.batch: Batch | None = None
        self.done = 0
        self.reached_ns = 0
        self.octets_needed = 0
        self.last_packet_ns = 0
        self._opened_ns: int | None = None  # wall time when it was asked first
        self._origin: tuple[int, int] | None = None  # of a paced source: packet time and monotonic time of its first packet

    @property
    def waits_its_turn(self) -> bool:
        """A recording that comes as fast as it is read: which of several is read next decides about their order."""
        return not (self.source.live or self.source.paced)

    def fetch(self, clock: Clock) -> bool:
        """Ask the source for its next batch. False if there is nothing now, or, when it is finished, at all."""
        wall_ns, monotonic_ns = clock.wall_ns(), clock.monotonic_ns()  # before: what comes afterwards may be younger
        if self._opened_ns is None:
            self._opened_ns = wall_ns
        batch = self.source.next_batch()
        if batch is None:
            self._idle(wall_ns, monotonic_ns)
            return False
        if batch.count:
            self.batch, self.done, self.reached_ns, self.last_packet_ns = batch, 0, int(batch.times_ns[0]), wall_ns
            if self.source.longest_frame != self.viewpoint.longest:  # the device was made anew
                self.viewpoint = replace(self.viewpoint, longest=self.source.longest_frame)
            if self._origin is None:
                self._origin = self.reached_ns, monotonic_ns
        return True

    def advance(self, done: int) -> None:
        """The packets of the batch before `done` are written."""
        self.done, self.octets_needed = done, 0
        if done < self.batch.count:
            self.reached_ns = int(self.batch.times_ns[done])
        else:
            self.reached_ns = int(self.batch.times_ns[done - 1])
            self.batch = None

    def events(self, wall_ns: int) -> list[Event]:
        """What has happened to the source since this was last asked."""
        told = [event("capture_warning", wall_ns, self.name, what=text) for text in self.source.warnings()]
        return told + [event(n.code, wall_ns, self.name, **n.values) for n in self.source.notices()]

    def _idle(self, wall_ns: int, monotonic_ns: int) -> None:
        """It had nothing at that time."""
        if self.source.live:
            # It gives nothing from before it was opened. The clock may have been set.
            self.reached_ns = min(max(self.reached_ns, wall_ns - LIVE_DELAY_NS, self._opened_ns), wall_ns)
        elif self.source.paced and self._origin:
            first_ns, since_ns = self._origin
            self.reached_ns = max(self.reached_ns, first_ns + monotonic_ns - since_ns - LIVE_DELAY_NS)


class Lane:
    """A ring, and the feeds of this process that are written to it and not finished."""

    def __init__(self, ring: Ring, feeds: list[Feed]) -> None:
        self.ring, self.feeds = ring, feeds
        self._told_ns = 0

    def publish(self, count: int, position: int) -> None:
        """Records of the ring that are complete, and what packet time all feeds have reached."""
        self._told_ns = min(f.reached_ns for f in self.feeds)
        self.ring.publish(count, position, self._told_ns)

    def tell_time(self) -> None:
        """If packet time goes on while nothing is written."""
        if self.feeds and min(f.reached_ns for f in self.feeds) != self._told_ns:
            self.publish(0, self.ring.area_free()[0])

    def finish(self, feed: Feed) -> None:
        """Nothing more comes from this feed."""
        self.feeds.remove(feed)
        if not self.feeds:
            self.ring.end()
