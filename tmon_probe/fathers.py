"""Everything that the fathers of a probe work with, made in the main process before the others are forked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tmon_common.clock import Clock
from tmon_common.config.model import Configuration, Probe
from tmon_probe import health
from tmon_probe.child.analysers.load import Factories
from tmon_probe.demand import demands_of
from tmon_probe.event_pipe import EventPipe
from tmon_probe.father.capture.batch import CaptureError, Source
from tmon_probe.father.capture.open import open_sources
from tmon_probe.father.dissection import Dissection, Viewpoint
from tmon_probe.father.feed import Feed
from tmon_probe.father.ftp_peers import FtpPeers
from tmon_probe.father.loop import Father
from tmon_probe.father.plan import Plan, plan_of
from tmon_probe.father.sieve import Sieve, compile_sieve
from tmon_probe.lanes import LanePlan, Lanes, plan_lanes
from tmon_probe.privileges import Privileges
from tmon_probe.reporting import Reporter


@dataclass(frozen=True)
class Ground:
    """lanes: how the probe's sources are divided; sources: of every interface, one for each of its fathers."""

    lanes: LanePlan
    sources: Sequence[Sequence[Source]]
    sieve: Sieve
    plan: Plan

    @property
    def all_sources(self) -> list[Source]:
        return [s for of_one in self.sources for s in of_one]

    def keep_sources(self, father: int | None = None) -> None:
        """Close in this process what others read; without a number everything. A device that is made anew can be shared again only
        when nobody holds a socket of the old one."""
        for m in self.lanes.members:
            if m.father != father:
                self.sources[m.interface][m.part].close()

    @property
    def interfaces_of_fathers(self) -> list[list[int]]:
        """For each father, the numbers of the interfaces that it reads."""
        return [list(dict.fromkeys(m.interface for m in self.lanes.read_by(n))) for n in range(len(self.lanes.father_cpus))]


def prepare(configuration: Configuration, probe: Probe, factories: Factories, opened: ExitStack,
            privileges: Privileges) -> Ground:
    """Sources opened (`opened` closes them), filters compiled. factories: of the analysers. CaptureError if that cannot be."""
    classes = configuration.classes_of(probe)
    filters = [c.filter for c in classes]
    try:
        lanes, plan = plan_lanes(probe), plan_of(filters, demands_of(classes, factories))
    except ValueError as error:
        raise CaptureError(f"probe {probe.name}: {error}") from None
    sources = []
    for interface in probe.interfaces:
        sources.append(open_sources(interface, privileges))
        for source in sources[-1]:
            opened.callback(source.close)
    return Ground(lanes, sources, compile_sieve(filters, {i.name: n for n, i in enumerate(probe.interfaces)}), plan)


class Fathers:
    """`make(n, ...)` gives father n, in the process that is to run it; reporters[n] is what it tells events to."""

    def __init__(self, probe: Probe, ground: Ground, lanes: Lanes, statistics: health.ProbeStatistics, pipe: EventPipe,
                 clock: Clock) -> None:
        self._ground, self._statistics, self._clock = ground, statistics, clock
        self._peers = FtpPeers(len(ground.lanes.father_cpus))
        self.feeds: list[list[Feed]] = [[] for _ in ground.lanes.father_cpus]
        parts = {(m.interface, m.father): statistics.lane(m.interface, m.father) for m in ground.lanes.members}
        for m in ground.lanes.members:
            interface, source = probe.interfaces[m.interface], ground.sources[m.interface][m.part]
            part = parts[m.interface, m.father]
            viewpoint = Viewpoint(m.interface, part.tally, interface.tunnel == "inner", source.longest_frame)
            self.feeds[m.father].append(Feed(source, interface.name, viewpoint, lanes.rings[m.lane], part))
        self.reporters = [Reporter(probe.name, pipe, statistics.father(n)) for n in range(len(self.feeds))]

    def make(self, number: int, stopping: Callable[[], bool], report: Callable[[], None] = lambda: None) -> Father:
        self._ground.keep_sources(number)
        dissection = Dissection(self._ground.sieve, self._ground.plan, self._peers, number)
        return Father(self.feeds[number], dissection, self._statistics.father(number), self._clock, stopping,
                      self.reporters[number].tell, report)
