"""What is told of each packet of a one-way class: its digest, and when it passed an observation point."""

from __future__ import annotations

import numpy as np

from tmon_common.analyses.built_in import ONE_WAY
from tmon_common.config.model import Analysis, OneWay
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task
from tmon_probe.child.one_way.observe import ELSEWHERE, ODD_STAMPS, UNSIGNED
from tmon_probe.child.one_way.observer import Observer
from tmon_probe.demand import NTP, Demand, Fragments, Signature

NOWHERE = OneWay(hops=())
"""Of a class that tells no hops, as none of the configuration is: nothing is observed."""
LOOK_NS = 10_000_000
"""Which of thousands of fragments that wait is the oldest is not looked for more often (packet time)."""


class OneWayObserver:
    """See `tmon_probe.child.analyser.Analyser`. An observer for each class, which has one granular flow definition."""

    def __init__(self, tasks: list[Task], context: Context) -> None:
        self._waiting_since = context.waiting_since
        self._held_back, self._looked_ns = False, 0
        self._observers = [
            Observer(t.spec.flow_class, context.classes[t.spec.bit].one_way or NOWHERE, context.probe, t.number,
                     context.service_bits(NTP) if ONE_WAY.option(t.analysis, "ntp") else 0, context.emit)
            for t in tasks]

    @staticmethod
    def demand(analysis: Analysis) -> Demand:
        """Fragments whole: that is what `per="datagram"` says; else because those that come before the first one have no ports,
        and maybe no class, until it is there."""
        option = {o.name: ONE_WAY.option(analysis, o.name) for o in ONE_WAY.options}
        return Demand(Fragments.WHOLE, (NTP,) if option["ntp"] else (),
                      signature=Signature(option["nat"], option["algorithm"], option["hashed_octets"], option["per"] == "packet"))

    def process(self, batch: FlowBatch) -> None:
        for observer in self._observers:
            observer.process(batch)

    def flush(self, now_ns: int) -> None:
        """A datagram that waits for its last fragment is as old as its first."""
        if self._held_back and abs(now_ns - self._looked_ns) < LOOK_NS:
            return
        waiting_ns = self._waiting_since()
        self._held_back, self._looked_ns = waiting_ns is not None, now_ns
        reached_ns = now_ns if waiting_ns is None else min(now_ns, waiting_ns)
        for observer in self._observers:
            observer.reached(reached_ns)

    def retire(self, entries: np.ndarray) -> None:
        """Rows have the number of their flow, which is never given twice."""

    def finish(self) -> None:
        for observer in self._observers:
            observer.finish()

    def counters(self) -> dict[str, int]:
        """one_way_elsewhere: packets at interfaces that are no observation points of their class. one_way_unsigned: without a
        digest. one_way_stamps_odd: IP or NTP timestamps that are no time of about the packet's."""
        tally = sum((o.tally for o in self._observers), np.zeros_like(self._observers[0].tally))
        return {"one_way_observations": sum(o.told for o in self._observers), "one_way_elsewhere": int(tally[ELSEWHERE]),
                "one_way_unsigned": int(tally[UNSIGNED]), "one_way_stamps_odd": int(tally[ODD_STAMPS])}
