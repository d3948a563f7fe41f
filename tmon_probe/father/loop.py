"""The father's work: batches from every source through dissection and sieve into the ring."""

from __future__ import annotations

import logging
import select
from collections.abc import Callable

import numpy as np

from tmon_common.clock import Clock
from tmon_common.increase import Increase
from tmon_common.stats import Statistics
from tmon_probe.father import counts
from tmon_probe.father.capture.batch import Batch, Source
from tmon_probe.father.dissect import RECORDS_PER_PACKET, dissect_batch
from tmon_probe.father.sieve import Sieve, trivial_sieve
from tmon_probe.health import FATHER
from tmon_probe.records import PACKET
from tmon_probe.ring import Ring

log = logging.getLogger(__name__)

IDLE_WAIT_S = 0.05
PACED_WAIT_S = 0.002
LIVE_DELAY_NS = 1_000_000_000
"""A live packet is in the ring at most so long after it was stamped."""
STATISTICS_EVERY_NS = 100_000_000


class Father:
    """sources: one per interface of the probe, in its order. `run` returns when they are finished or `stopping` says so."""

    def __init__(self, sources: list[Source], sieve: Sieve, ring: Ring, statistics: Statistics, clock: Clock,
                 stopping: Callable[[], bool]) -> None:
        self._sources, self._sieve, self._ring, self._clock, self._stopping = sources, sieve, ring, clock, stopping
        self._numbers = statistics.numbers
        self._at = {name: statistics.index[name] for name in FATHER}
        self._tally = self._numbers[: counts.COUNT]
        self._numbers[self._at["ring_slots"]] = ring.slots
        self._reached_ns = [0] * len(sources)  # packet time of each source
        self._next_statistics_ns = 0
        self._drops = Increase(clock)

    def run(self) -> None:
        unfinished = list(range(len(self._sources)))
        while unfinished and not self._stopping():
            progressed = False
            for number in self._turn(unfinished):
                source = self._sources[number]
                batch = source.next_batch()
                if batch is not None:
                    progressed = True
                    self._pass(batch, number)
                elif source.finished:
                    unfinished.remove(number)
                    self._collect_warnings(source)
            now_ns = self._clock.monotonic_ns()
            if now_ns >= self._next_statistics_ns:
                self._next_statistics_ns = now_ns + STATISTICS_EVERY_NS
                self._update_statistics()
                for source in self._sources:
                    self._collect_warnings(source)
            if not progressed and unfinished:
                self._ring.publish(0, self._watermark(unfinished))
                self._wait(unfinished)
        for source in self._sources:
            self._collect_warnings(source)
        self._update_statistics()
        self._ring.end()

    def _turn(self, unfinished: list[int]) -> list[int]:
        """Which sources are read next: every live or paced one; of other recordings the one behind in packet time."""
        live = [n for n in unfinished if self._sources[n].live]
        recorded = [n for n in unfinished if not self._sources[n].live]
        if any(self._sources[n].paced for n in recorded):
            return live + recorded
        if recorded:
            live.append(min(recorded, key=self._reached_ns.__getitem__))
        return live

    def _pass(self, batch: Batch, number: int) -> None:
        done = 0
        while done < batch.count:
            free = self._ring.free()
            if free.count < RECORDS_PER_PACKET:
                if free.count and free.start + free.count == self._ring.slots:
                    self._ring.pad()
                    continue
                self._numbers[self._at["ring_full_waits"]] += 1
                self._ring.wait_for_space(RECORDS_PER_PACKET)
                if self._stopping():
                    return
                continue
            done, written = self._dissect(batch, done, number, free.start, free.count)
            self._reached_ns[number] = int(batch.times_ns[done - 1])
            self._ring.publish(written, self._watermark(range(len(self._sources))))

    def _dissect(self, batch: Batch, first: int, number: int, slot: int, free: int) -> tuple[int, int]:
        return dissect_batch(batch.data, batch.offsets, batch.captured, batch.wire, batch.times_ns, batch.interfaces,
                             batch.link_types, first, batch.count, number, self._sieve.address, self._ring.records, slot, free,
                             self._tally)

    def _watermark(self, numbers) -> int:
        """Packet time that all sources have reached."""
        recorded = [self._reached_ns[n] for n in numbers if not self._sources[n].live and not self._sources[n].finished]
        if any(self._sources[n].live for n in numbers):
            recorded.append(self._clock.wall_ns() - LIVE_DELAY_NS)
        return min(recorded, default=0)

    def _wait(self, unfinished: list[int]) -> None:
        filenos = [f for n in unfinished if (f := self._sources[n].fileno()) >= 0]
        paced = any(self._sources[n].paced for n in unfinished)
        select.select(filenos, [], [], PACED_WAIT_S if paced else IDLE_WAIT_S)

    def _update_statistics(self) -> None:
        progress = [s.progress() for s in self._sources]
        drops = sum(s.dropped() for s in self._sources)
        if lost := self._drops.told(drops):
            log.warning("%d packets dropped by the kernel: more came than this probe could read", lost)
        filled = self._ring.fill
        for name, value in (("kernel_drops", drops),
                            ("read_octets", sum(p[0] for p in progress)), ("total_octets", sum(p[1] for p in progress)),
                            ("ring_filled", filled),
                            ("ring_high_water", max(filled, int(self._numbers[self._at["ring_high_water"]])))):
            self._numbers[self._at[name]] = value

    def _collect_warnings(self, source: Source) -> None:
        for text in source.warnings():
            log.warning("%s", text)


def compile_dissection() -> None:
    """Compile the dissection, or load it from the cache, with nothing to do."""
    data = np.zeros(0, np.uint8)
    data.flags.writeable = False
    batch = Batch.empty(data, (1,))
    dissect_batch(data, batch.offsets, batch.captured, batch.wire, batch.times_ns, batch.interfaces, batch.link_types, 0, 0, 0,
                  trivial_sieve(0).address, np.zeros(0, PACKET), 0, 0, np.zeros(counts.COUNT, np.int64))
