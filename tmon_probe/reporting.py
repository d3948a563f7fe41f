"""What the fathers tell: events into the log and to the child, which publishes them; and the watch over everybody's counters."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from tmon_common.clock import Clock
from tmon_common.config.model import Probe
from tmon_common.events import Event
from tmon_probe import health
from tmon_probe.event_pipe import EventPipe
from tmon_probe.father.watch import Moment

log = logging.getLogger(__name__)


class Reporter:
    """Of one father. statistics: its own part."""

    def __init__(self, pipe: EventPipe, statistics: health.Part) -> None:
        self._pipe, self._statistics = pipe, statistics

    def tell(self, events: Iterable[Event]) -> None:
        for event in events:
            log.log(event.severity.level, "%s", event.text)
            self._pipe.send(event)
        self._statistics.set(events_lost=self._pipe.lost)


class Watchman:
    """Of the main process: looks at what all fathers have counted."""

    def __init__(self, probe: Probe, statistics: health.ProbeStatistics, reporter: Reporter, clock: Clock) -> None:
        self._probe, self._statistics, self._reporter, self._clock = probe, statistics, reporter, clock
        self._watch = health.watch(probe, statistics, Moment.of(clock))

    def look(self, *, last: bool = False) -> None:
        """last: what is held back is told too."""
        self._reporter.tell(self._watch.look(*health.look_at(self._probe, self._statistics), Moment.of(self._clock), last=last))
