"""What the fathers tell: events into the log and to the child, which publishes them; and the watch over everybody's counters."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from tmon_common.clock import Clock
from tmon_common.config.model import Probe
from tmon_common.events import Event
from tmon_common.events import event as make_event
from tmon_common.moment import Moment
from tmon_probe import health
from tmon_probe.event_pipe import EventPipe

log = logging.getLogger(__name__)


class Reporter:
    """Of one father of a probe. statistics: its own part."""

    def __init__(self, probe: str, pipe: EventPipe, statistics: health.Part) -> None:
        self._probe, self._pipe, self._statistics = probe, pipe, statistics
        self._lost_told = 0

    def tell(self, events: Iterable[Event]) -> None:
        for event in events:
            if self._tell(event) and self._pipe.lost > self._lost_told:  # there is room again
                lost, self._lost_told = self._pipe.lost - self._lost_told, self._pipe.lost
                self._tell(make_event("events_lost", event.time_ns, self._probe, events=lost))
        self._statistics.set(events_lost=self._pipe.lost)

    def _tell(self, event: Event) -> bool:
        log.log(event.severity.level, "%s", event.text)
        return self._pipe.send(event)


class Watchman:
    """Of the main process: looks at what all fathers have counted.

    returned    called with the name of a device that was gone and is there again
    """

    def __init__(self, probe: Probe, statistics: health.ProbeStatistics, reporter: Reporter, clock: Clock,
                 returned: Callable[[str], None]) -> None:
        self._probe, self._statistics, self._reporter, self._clock = probe, statistics, reporter, clock
        self._returned, self._gone = returned, [False] * len(probe.interfaces)
        self._watch = health.watch(probe, statistics, Moment.of(clock))

    def look(self, *, last: bool = False) -> None:
        """last: what is held back is told too."""
        self._reporter.tell(self._watch.look(*health.look_at(self._probe, self._statistics), Moment.of(self._clock), last=last))
        gone = health.devices_gone(self._probe, self._statistics)
        for interface, was, now in zip(self._probe.interfaces, self._gone, gone, strict=True):
            if was and not now:
                self._returned(interface.device)
        self._gone = gone
