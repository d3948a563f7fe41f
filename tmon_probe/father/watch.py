"""Counters in, events out: silence, drops, saturation, malformed and merged packets. Engines: no I/O, the moment passed in.

All take running totals, as they stand in the statistics, about ten times a second. What repeats is told at once the first time,
then at most once a minute with all that came since, so that what was told adds up to the counter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tmon_common.events import Event, event
from tmon_common.moment import Moment

SECOND_NS = 1_000_000_000
EVERY_NS = 60 * SECOND_NS
"""What repeats is told at most so often; a minute without is its end."""
BLIND_NS = 5 * SECOND_NS
"""Looks so far apart say nothing about the time between: the machine slept, or this process was held up."""
CALM_NS = SECOND_NS
"""A ring has to stay below half so long to count as restored; twice as long each time it fills up again within a minute."""

REASONS = {
    "malformed_link": "the link header is cut",
    "malformed_ip_cut": "the IP header is longer than what was captured",
    "malformed_ip_version": "the IP version is not what the link header says",
    "malformed_ip_length": "the IP header or total length cannot be",
}
"""What the father's counts of malformed packets mean; others are told by their name."""


class Growth:
    """Of one counter: `told` gives (how much, within how many seconds) when it is time to tell, None otherwise."""

    def __init__(self, now: Moment) -> None:
        self.total = 0  # grown in all, also when the counter started again
        self.untold = 0
        self.grew_ns = self._looked_ns = self._since_ns = now.monotonic_ns
        self._next_ns = now.monotonic_ns
        self._value = 0

    def told(self, value: int, now: Moment, *, last: bool = False) -> tuple[int, int] | None:
        """last: whatever there is, is told now."""
        now_ns = now.monotonic_ns
        grown = value - self._value if value >= self._value else value
        if grown:
            if not self.untold:
                self._since_ns = self._looked_ns
            self.total += grown
            self.untold += grown
            self.grew_ns = now_ns
        self._value, self._looked_ns = value, now_ns
        if not self.untold or not (last or now_ns >= self._next_ns):
            return None
        told, self.untold = self.untold, 0
        self._next_ns = now_ns + EVERY_NS
        return told, _seconds(now_ns - self._since_ns)


class TrafficWatch:
    """A silence of no_traffic_ns, and its end; 0: never. It begins to count when it is made."""

    def __init__(self, interface: str, no_traffic_ns: int, now: Moment) -> None:
        self._interface, self._limit_ns = interface, no_traffic_ns
        self._packets = 0
        self._silent = False
        self._since_ns = self._looked_ns = now.monotonic_ns

    def look(self, packets: int, now: Moment) -> list[Event]:
        away_ns = now.monotonic_ns - self._looked_ns
        self._looked_ns = now.monotonic_ns
        silence_ns = now.monotonic_ns - self._since_ns
        if packets != self._packets:
            told, self._silent = self._silent, False
            self._packets, self._since_ns = packets, now.monotonic_ns
            return [event("traffic_back", now.wall_ns, self._interface, seconds=_seconds(silence_ns))] if told else []
        if away_ns > BLIND_NS:
            self._since_ns += away_ns
            return []
        if self._silent or not self._limit_ns or silence_ns < self._limit_ns:
            return []
        self._silent = True
        return [event("no_traffic", now.wall_ns, self._interface, seconds=_seconds(silence_ns))]


class DropWatch:
    """Drops of the kernel, and their end."""

    def __init__(self, interface: str, now: Moment) -> None:
        self._interface = interface
        self._growth = Growth(now)
        self._ended_total = 0  # what had been dropped when drops ended last
        self._first_ns: int | None = None  # of the drops that have not ended

    def look(self, drops: int, now: Moment, *, last: bool = False) -> list[Event]:
        growth = self._growth
        told = growth.told(drops, now, last=last)
        if self._first_ns is None and growth.total > self._ended_total:
            self._first_ns = now.monotonic_ns
        if told:
            return [event("kernel_drops", now.wall_ns, self._interface, packets=told[0], seconds=told[1])]
        if self._first_ns is None or now.monotonic_ns - growth.grew_ns < EVERY_NS:
            return []
        ended = event("kernel_drops_ended", now.wall_ns, self._interface, packets=growth.total - self._ended_total,
                      seconds=_seconds(growth.grew_ns - self._first_ns))
        self._first_ns, self._ended_total = None, growth.total
        return [ended]


class RingWatch:
    """A ring whose father had to wait, until it has stayed below half for a while."""

    def __init__(self, name: str, slots: int, now: Moment) -> None:
        self._name, self._slots = name, slots
        self._waits = self._waits_before = 0
        self._saturated_ns: int | None = None
        self._busy_ns = now.monotonic_ns  # when it was last seen at half or above, or waited for
        self._restored_ns: int | None = None
        self._calm_ns = CALM_NS

    def look(self, filled: int, waits: int, now: Moment) -> list[Event]:
        now_ns = now.monotonic_ns
        waited, before = waits > self._waits, self._waits
        self._waits = waits
        if waited or filled * 2 >= self._slots:
            self._busy_ns = now_ns
        if self._saturated_ns is None:
            if not waited:
                return []
            recent = self._restored_ns is not None and now_ns - self._restored_ns < EVERY_NS
            self._calm_ns = min(2 * self._calm_ns, EVERY_NS) if recent else CALM_NS
            self._saturated_ns, self._waits_before = now_ns, before
            return [event("ring_saturated", now.wall_ns, self._name, slots=self._slots, waits=waits)]
        if now_ns - self._busy_ns < self._calm_ns:
            return []
        duration_ms = (self._busy_ns - self._saturated_ns) // 1_000_000
        self._saturated_ns, self._restored_ns = None, now_ns
        return [event("ring_restored", now.wall_ns, self._name, duration_ms=duration_ms, waits=waits - self._waits_before)]


class MalformedWatch:
    """Malformed packets of an interface, each reason for itself."""

    def __init__(self, interface: str, now: Moment) -> None:
        self._interface, self._start = interface, now
        self._growth: dict[str, Growth] = {}

    def look(self, malformed: Mapping[str, int], now: Moment, *, last: bool = False) -> list[Event]:
        """malformed: reason -> packets."""
        events = []
        for reason, packets in malformed.items():
            growth = self._growth.setdefault(reason, Growth(self._start))
            if told := growth.told(packets, now, last=last):
                events.append(event("malformed_packets", now.wall_ns, self._interface, packets=told[0], seconds=told[1],
                                    reason=REASONS.get(reason, reason.replace("_", " "))))
        return events


class MergedWatch:
    """Packets that were merged before they were captured."""

    def __init__(self, interface: str, now: Moment) -> None:
        self._interface = interface
        self._growth = Growth(now)

    def look(self, merged: int, now: Moment, *, last: bool = False) -> list[Event]:
        told = self._growth.told(merged, now, last=last)
        return [event("packets_merged", now.wall_ns, self._interface, packets=told[0], seconds=told[1])] if told else []


@dataclass(frozen=True)
class Watched:
    """An interface of the probe. live: not a recording."""

    name: str
    live: bool
    no_traffic_ns: int


@dataclass(frozen=True)
class InterfaceTotals:
    """Since the start, over all its fathers. malformed: reason -> packets."""

    packets: int = 0
    drops: int = 0
    merged: int = 0
    malformed: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RingTotals:
    """filled: slots now; waits: how often the father has had to wait."""

    filled: int = 0
    waits: int = 0


class HealthWatch:
    """All of a probe. rings: (name, slots) of each; without a live interface they may well be full, and none should be given."""

    def __init__(self, interfaces: Sequence[Watched], rings: Sequence[tuple[str, int]], now: Moment) -> None:
        self._traffic = [TrafficWatch(i.name, i.no_traffic_ns if i.live else 0, now) for i in interfaces]
        self._drops = [DropWatch(i.name, now) for i in interfaces]
        self._malformed = [MalformedWatch(i.name, now) for i in interfaces]
        self._merged = [MergedWatch(i.name, now) for i in interfaces]
        self._rings = [RingWatch(name, slots, now) for name, slots in rings]

    def look(self, interfaces: Sequence[InterfaceTotals], rings: Sequence[RingTotals], now: Moment, *,
             last: bool = False) -> list[Event]:
        """What has happened since the last look. Both in the order given at construction. last: what is held back is told too."""
        events = []
        for n, totals in enumerate(interfaces):
            events += self._traffic[n].look(totals.packets, now)
            events += self._drops[n].look(totals.drops, now, last=last)
            events += self._malformed[n].look(totals.malformed, now, last=last)
            events += self._merged[n].look(totals.merged, now, last=last)
        for watch, ring in zip(self._rings, rings, strict=False):
            events += watch.look(ring.filled, ring.waits, now)
        return events


def _seconds(ns: int) -> int:
    """Whole seconds, rounded, at least one."""
    return max((ns + SECOND_NS // 2) // SECOND_NS, 1)
