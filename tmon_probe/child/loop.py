"""The child's work: records from the lanes through the chain of analyses into publication."""

from __future__ import annotations

import logging
import os
import select
import time
from collections.abc import Callable, Mapping, Sequence

from tmon_common import diagnostics
from tmon_common.clock import Clock
from tmon_common.config.model import Probe
from tmon_common.event_board import EventBoard
from tmon_common.events import event
from tmon_common.increase import Increase
from tmon_common.observations import Rows
from tmon_common.pdu.key_watch import KeyWatch
from tmon_common.pdu.keys import Keys
from tmon_probe import health
from tmon_probe.child.chain import Chain
from tmon_probe.child.events import EventRows
from tmon_probe.child.intake import Intake
from tmon_probe.child.link_figures import put_link_figures
from tmon_probe.child.link_watch import LinkWatch
from tmon_probe.event_pipe import EventPipe
from tmon_probe.health import CHILD
from tmon_probe.publish.publication import Publication
from tmon_probe.publish.silence import Silence
from tmon_probe.ring import MAX_WAIT_S

log = logging.getLogger(__name__)

STATISTICS_EVERY_NS = 100_000_000
LATE_NS = 1_000_000_000
"""Packets that come so much out of order still count in the interval they belong to."""
SILENCE_NS = 5_000_000_000
"""A wait for acknowledgements that is worth telling."""


class Child:
    """make_chain gets the function that takes finished rows.

    keys        of the probe, as they were read at its start; None to go without
    lossless    a replay: hold back while the queues are half full; else (live) the queues give up their least precious rows
    statistics  the child's part; links: those of the collectors
    pipe        brings the fathers' events, which are published too; board: all events are put there
    hurry_ns    how long acknowledgements are waited for once somebody waits for the end; before that, `final_timeout` counts
    father      process whose death ends the lanes; by default the parent, which may have died before this is asked.
    The clock is asked for monotonic time: publication lives on wall time, analyses on packet time.
    """

    def __init__(self, intake: Intake, make_chain: Callable[[Callable[[Rows], None]], Chain], publication: Publication,
                 statistics: health.Part, pipe: EventPipe, clock: Clock, *, probe: Probe, keys: Keys | None, lossless: bool,
                 hurry_ns: int, links: Sequence[health.Part] = (), board: EventBoard | None = None,
                 father: int | None = None) -> None:
        self._intake, self._publication, self._clock, self._hurry_ns = intake, publication, clock, hurry_ns
        self._lossless, self._statistics, self._pipe, self._probe = lossless, statistics, pipe, probe
        self._events = EventRows(health.host_of(probe), self._take, board)
        self._link_parts = links
        self._rows = 0
        self._reached_ns = self._began_ns = 0
        self._next_statistics_ns = 0
        self._acknowledged, self._acknowledged_ns = -1, clock.monotonic_ns()
        self._silence, self._silence_told = Silence(self._acknowledged_ns), Increase(clock)
        self._key_watch = None if keys is None else KeyWatch(probe.key, self._acknowledged_ns, keys)
        self._links = LinkWatch(publication.publishers)
        self._refused = [Increase(clock) for _ in publication.publishers]
        self._alerts: dict[str, Increase] = {}
        self._father = father or os.getppid()
        self.orphaned = False
        self._chain = make_chain(self._take)

    def run(self) -> bool:
        """Until the lanes have ended and everything is delivered. False if something could not be."""
        self._statistics.set(child_pid=os.getpid())
        while True:
            portion = self._intake.look(orphaned=self._look_for_father())
            self._reached_ns = portion.reached_ns
            if len(portion.records) and (not self._lossless or self._publication.accepts()):
                self._chain.process(portion.records, portion.lanes, self._intake.areas)
                self._intake.release()
                self._flush(portion.reached_ns)
            elif len(portion.records):
                if self._out_of_patience():
                    log.error("%d packets in the ring are given up: the collectors take nothing", self._intake.waiting)
                    break
                self._wait_for_acknowledgements()
            elif portion.ended:
                break
            else:
                self._flush(portion.reached_ns)
                self._intake.wait(self._until_timer_s(), [*self._publication.filenos(), *self._pipe_filenos()])
            self._poll()
        self._chain.finish()
        self._hear_the_last()
        return self._deliver()

    def _flush(self, reached_ns: int) -> None:
        """Not for a time before the first that was reached: analyses would take it for one that was observed. When the clock is set
        back, that is where it begins again."""
        if self._began_ns == 0 or reached_ns < self._began_ns:
            self._began_ns = reached_ns
        if reached_ns - LATE_NS >= self._began_ns > 0:
            self._chain.flush(reached_ns - LATE_NS)

    def _look_for_father(self) -> bool:
        """Has the main process died?"""
        if not self.orphaned and os.getppid() != self._father:
            self.orphaned = True
            lost = event("father_lost", self._clock.wall_ns(), self._probe.name)
            log.error("%s", lost.text)
            self._events.publish([lost], "child")
        return self.orphaned

    def _hear(self) -> None:
        self._events.publish(self._pipe.read(), "father")

    def _pipe_filenos(self) -> list[int]:
        return [] if self._pipe.ended else [self._pipe.fileno()]

    def _hear_the_last(self) -> None:
        """The lanes have ended, but the main process may still have something to tell; then it closes the pipe."""
        patience_ns = self._clock.monotonic_ns() + self._hurry_ns
        self._hear()
        while not self._pipe.ended and not self._look_for_father() and self._clock.monotonic_ns() < patience_ns:
            select.select([self._pipe.fileno()], [], [], MAX_WAIT_S)
            self._hear()

    def _take(self, rows: Rows) -> None:
        self._rows += len(rows)
        self._publication.add(rows, self._clock.monotonic_ns())

    def _poll(self) -> None:
        now_ns = self._clock.monotonic_ns()
        self._publication.poll()
        self._hear()
        if now_ns >= self._next_statistics_ns:
            self._next_statistics_ns = now_ns + STATISTICS_EVERY_NS
            self._update_statistics()
            if self._key_watch and (keys := self._key_watch.changed(now_ns)):
                self._publication.set_keys(keys)

    def _deliver(self) -> bool:
        """Send what is left, and what is to be told of that, until it is acknowledged or out of patience."""
        self._tell_links(last=True)
        self._publication.flush(self._clock.monotonic_ns())
        while not self._out_of_patience():
            if self._publication.idle and not self._tell_links(last=True):
                break
            self._publication.flush(self._clock.monotonic_ns())
            self._poll()
            self._wait_for_acknowledgements()
        self._update_statistics()
        delivered = True
        for publisher in self._publication.publishers:
            lost = publisher.losses.total
            if publisher.waiting or lost:
                delivered = False
                p = publisher.parameters
                if publisher.refused_waiting and publisher.refused_waiting == publisher.waiting and not lost:
                    log.error("collector %s at %s port %d: %d PDUs refused, with rows of the kind %s", p.collector, p.address,
                              p.port, publisher.waiting, ", ".join(publisher.refused_kinds))
                    continue
                log.error("collector %s at %s port %d: %d PDUs not acknowledged and %d rows given up; is the collector running and "
                          "its spool writable?", p.collector, p.address, p.port, publisher.waiting, lost)
        return delivered

    def _out_of_patience(self) -> bool:
        """Nothing has been acknowledged for too long: the final timeout, or less when the end is waited for. Or that is over."""
        if self._intake.cut_short:
            return True
        now_ns = self._clock.monotonic_ns()
        total = sum(p.statistics.acked for p in self._publication.publishers)
        if total != self._acknowledged:
            self._acknowledged, self._acknowledged_ns = total, now_ns
        silent_ns = now_ns - self._acknowledged_ns
        hurried = self._intake.hurried or self._look_for_father()
        patience_ns = self._hurry_ns if hurried else max(p.parameters.final_timeout_ns for p in self._publication.publishers)
        return silent_ns > patience_ns

    def _tell_links(self, *, last: bool = False) -> bool:
        """Whether there was something to tell."""
        events = self._links.look(self._clock.monotonic_ns(), self._clock.wall_ns(), last=last)
        for told in events:
            log.warning("%s", told.text)
        self._events.publish(events, "child")
        return bool(events)

    def _tell_silence(self, acknowledged: int, waiting: int) -> None:
        silent_ns = self._silence.lasts_ns(acknowledged, waiting, self._clock.monotonic_ns())
        if silent_ns > SILENCE_NS and self._silence_told.told(silent_ns):
            names = ", ".join(f"{p.parameters.collector} at {p.parameters.address} port {p.parameters.port}"
                              for p in self._publication.publishers if p.waiting)
            log.warning("nothing is acknowledged by collector %s; is it running and its spool writable? Still trying", names)

    def _tell_refused(self) -> None:
        """Kinds that a collector does not understand: at once, then at most once a minute."""
        for publisher, refused in zip(self._publication.publishers, self._refused, strict=True):
            if refused.told(publisher.statistics.refused):
                p = publisher.parameters
                log.warning("collector %s at %s port %d does not understand rows of the kind %s; is it older than the probe, or "
                            "does it lack a plug-in?", p.collector, p.address, p.port, ", ".join(publisher.refused_kinds))

    def _alert(self, counters: Mapping[str, int]) -> None:
        """Events of what analyses had to give up or found amiss: at once, then at most once a minute each."""
        for name, code in self._chain.alerts.items():
            if grown := self._alerts.setdefault(name, Increase(self._clock)).told(counters[name]):
                told = event(code, self._clock.wall_ns(), name, count=grown)
                log.warning("%s", told.text)
                self._events.publish([told], "child")

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
        self._tell_links()
        acknowledged, waiting = sum(p.statistics.acked for p in publishers), sum(p.waiting for p in publishers)
        self._tell_silence(acknowledged, waiting)
        self._tell_refused()
        analyses = self._chain.counters()
        self._alert(analyses)
        values = (
            len(registry), registry.created, registry.expired, registry.evicted, self._rows,
            sum(p.statistics.pdus_sent for p in publishers), sum(p.statistics.retries for p in publishers),
            acknowledged, waiting, sum(p.losses.total for p in publishers), self._reached_ns)
        self._statistics.set(**dict(zip(CHILD, values, strict=True)), events_published=self._events.published,
                             events_garbled=self._pipe.garbled, child_cpu_ns=time.process_time_ns(), flows_max=registry.max_flows,
                             links_broken=sum(p.broken for p in publishers),
                             backlog_octets=sum(p.backlog_octets for p in publishers), **analyses)
        self._statistics.add(child_turns=1)
        put_link_figures(self._link_parts, publishers)
        diagnostics.follow()
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s", ", ".join(f"{name} {value}" for name, value in zip(CHILD, values, strict=True)))
