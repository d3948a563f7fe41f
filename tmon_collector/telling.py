"""What a collector tells of itself and its probes: events in the log and in the spool, rows of the probes' clocks."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Collection, Iterable

from tmon_collector.clock_watch import ClockWatch
from tmon_collector.decode import Decoding
from tmon_collector.own_rows import OwnRows
from tmon_collector.spool import Spool
from tmon_collector.watch import Watch, silences
from tmon_common.clock import Clock
from tmon_common.config.model import SECOND, Configuration
from tmon_common.config.model import Collector as Parameters
from tmon_common.events import Event, event
from tmon_common.events.rows import rows_of
from tmon_common.pdu.contents import Heartbeat

logger = logging.getLogger(__name__)

LOOK_NS = SECOND // 10
"""Under load it is looked so often, and own rows that wait are tried again."""
LONGEST_WAIT_NS = 60 * SECOND
RETRY_NS = SECOND
"""While own rows wait for the disk."""


class Telling:
    """To be made when the spool is in order.

    post        is given every event, too: a board where others see it
    events      told so far
    """

    def __init__(self, configuration: Configuration, parameters: Parameters, spool: Spool, decoding: Decoding,
                 clock: Clock, post: Callable[[Event], None] = lambda _: None) -> None:
        self._name, self._spool, self._decoding, self._clock = parameters.name, spool, decoding, clock
        self._host = parameters.host or socket.gethostname()
        self.own_rows = OwnRows(spool, parameters.name, clock.wall_ns() // 1_000_000, decoding.statistics)
        self._post, self.events = post, 0
        self.watch = Watch(parameters.name, silences(configuration, parameters.name), clock.monotonic_ns())
        self.clocks = ClockWatch(parameters.name, parameters.clock_tolerance_ns, clock.monotonic_ns())
        self._next_ns = clock.monotonic_ns()

    def started(self, port: int) -> None:
        """It listens. Before, it may have compiled kernels for minutes: probes are not silent for that."""
        self.watch.listens(self._clock.monotonic_ns())
        recovery, now_ns = self._spool.recovery, self._clock.wall_ns()
        if recovery.files or recovery.cut or recovery.missing:
            runs = sum(1 for _ in self._decoding.probes.runs())
            self.tell([event("collector_recovered", now_ns, self._name, files=recovery.files, cut=recovery.cut,
                             missing=recovery.missing, runs=runs)])
        self.tell([event("collector_started", now_ns, self._name, port=port)])

    def stopped(self, reason: str) -> None:
        """It will not receive any more; the spool is still open."""
        self._look()
        self.tell([event("collector_stopped", self._clock.wall_ns(), self._name, reason=reason,
                         pdus=self._decoding.statistics.pdus)])
        if self.own_rows.waiting:
            logger.warning("%d rows of the collector's own could not be written", self.own_rows.waiting)

    def heard(self, probe: str, run_ms: int, heartbeat: Heartbeat, wall_ns: int, now_ns: int) -> None:
        """A heartbeat came."""
        self.tell(self.clocks.heard(probe, run_ms, heartbeat, wall_ns, now_ns))

    def look(self) -> None:
        """To be called at every wake-up."""
        if self._clock.monotonic_ns() >= self._next_ns or self._spool.happened:
            self._look()

    def wait_ns(self) -> int:
        """How long nothing will have to be told though nothing comes."""
        if self.own_rows.waiting:
            return RETRY_NS
        now_ns = self._clock.monotonic_ns()
        times = (self.watch.next_look_ns(self._decoding.statistics.bad_total), self.clocks.next_rows_ns())
        return min(LONGEST_WAIT_NS, *(max(t, self._next_ns) - now_ns for t in times if t is not None))

    def tell(self, events: Iterable[Event]) -> None:
        """In the log, in the spool and on the board."""
        events = list(events)
        for e in events:
            logger.log(e.severity.level, "%s", e.text)
        self.publish(events)

    def publish(self, events: Collection[Event]) -> None:
        """In the spool and on the board only."""
        self.events += len(events)
        for e in events:
            self._post(e)
        self.own_rows.publish(rows_of(events, self._host, "collector"))

    def _look(self) -> None:
        now_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        self._next_ns = now_ns + LOOK_NS
        statistics = self._decoding.statistics
        self.own_rows.flush()
        self.tell(self.watch.look(self._decoding.probes.heard_ns, statistics.bad(), statistics.last_bad, now_ns, wall_ns))
        for row in self.clocks.rows(wall_ns, now_ns):
            self.own_rows.publish(row.rows, row.probe, row.run_ms)
        happened, self._spool.happened = self._spool.happened, []
        self.publish(happened)  # the spool has told them in the log
