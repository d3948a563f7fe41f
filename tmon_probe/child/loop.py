"""The child's work: records from the ring through the chain of analyses into publication."""

from __future__ import annotations

import logging
import os
import select
from collections.abc import Callable

from tmon_common.clock import Clock
from tmon_common.observations import Rows
from tmon_common.stats import Statistics
from tmon_probe.child.chain import MAX_BATCH, Chain
from tmon_probe.health import CHILD
from tmon_probe.publish.publication import Publication
from tmon_probe.ring import MAX_WAIT_S, Ring

log = logging.getLogger(__name__)

STATISTICS_EVERY_NS = 100_000_000


class Child:
    """make_chain gets the function that takes finished rows. patience_ns: how long the last PDUs wait for acknowledgements.

    father: process whose death ends the ring; by default the parent, which may have died before this is asked.
    The clock is asked for monotonic time: publication lives on wall time, analyses on packet time.
    """

    def __init__(self, ring: Ring, make_chain: Callable[[Callable[[Rows], None]], Chain], publication: Publication,
                 statistics: Statistics, clock: Clock, patience_ns: int, father: int | None = None) -> None:
        self._ring, self._publication, self._clock, self._patience_ns = ring, publication, clock, patience_ns
        self._numbers, self._index = statistics.numbers, statistics.index
        self._rows = 0
        self._next_statistics_ns = 0
        self._father = father or os.getppid()
        self._chain = make_chain(self._take)

    def run(self) -> bool:
        """Until the ring has ended and everything is delivered. False if something could not be."""
        while True:
            ended = self._ring.ended or os.getppid() != self._father
            watermark_ns = self._ring.watermark_ns
            span = self._ring.filled()
            if span.count and self._publication.accepts():
                count = min(span.count, MAX_BATCH)
                records = self._ring.records[span.start : span.start + count]
                self._chain.process(records)
                reached_ns = min(watermark_ns, int(records["time_ns"][-1])) if count < span.count else watermark_ns
                self._ring.release(count)
                self._chain.flush(reached_ns)
            elif span.count:
                self._wait_for_acknowledgements()
            elif ended:
                break
            else:
                self._chain.flush(watermark_ns)
                self._ring.wait_for_data(self._until_timer_s(), tuple(self._publication.filenos()))
            self._poll()
        self._chain.finish()
        return self._deliver()

    def _take(self, rows: Rows) -> None:
        self._rows += len(rows)
        self._publication.add(rows, self._clock.monotonic_ns())

    def _poll(self) -> None:
        now_ns = self._clock.monotonic_ns()
        self._publication.poll(now_ns)
        if now_ns >= self._next_statistics_ns:
            self._next_statistics_ns = now_ns + STATISTICS_EVERY_NS
            self._update_statistics()

    def _deliver(self) -> bool:
        """Send what is left. Gives up when nothing was acknowledged for `patience_ns`."""
        self._publication.flush(self._clock.monotonic_ns())
        acknowledged, since_ns = -1, self._clock.monotonic_ns()
        while not self._publication.idle:
            self._publication.poll(self._clock.monotonic_ns())
            now_ns = self._clock.monotonic_ns()
            total = sum(p.statistics.acked for p in self._publication.publishers)
            if total != acknowledged:
                acknowledged, since_ns = total, now_ns
            elif now_ns - since_ns > self._patience_ns:
                break
            self._wait_for_acknowledgements()
            self._update_statistics()
        self._update_statistics()
        delivered = True
        for publisher in self._publication.publishers:
            lost = publisher.statistics.given_up.total() + publisher.statistics.unfit.total()
            if publisher.waiting or lost:
                delivered = False
                p = publisher.parameters
                log.error("collector %s at %s port %d: %d PDUs not acknowledged and %d rows given up; is the collector running and "
                          "its spool writable?", p.collector, p.address, p.port, publisher.waiting, lost)
        return delivered

    def _wait_for_acknowledgements(self) -> None:
        filenos = self._publication.filenos()
        if not self._publication.idle:
            select.select(filenos, [], [], self._until_timer_s())

    def _until_timer_s(self) -> float:
        now_ns = self._clock.monotonic_ns()
        timer_ns = self._publication.next_timer(now_ns)
        return MAX_WAIT_S if timer_ns is None else min(max((timer_ns - now_ns) / 1e9, 0.0), MAX_WAIT_S)

    def _update_statistics(self) -> None:
        registry = self._chain.registry
        publishers = self._publication.publishers
        values = (
            len(registry), registry.created, registry.expired, registry.evicted, self._rows,
            sum(p.statistics.pdus_sent for p in publishers), sum(p.statistics.retries for p in publishers),
            sum(p.statistics.acked for p in publishers), sum(p.waiting for p in publishers),
            sum(p.statistics.given_up.total() + p.statistics.unfit.total() for p in publishers), self._ring.watermark_ns)
        for name, value in zip(CHILD, values, strict=True):
            self._numbers[self._index[name]] = value
