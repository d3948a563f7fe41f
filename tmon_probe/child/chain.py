"""From packet records to rows: flow registry and analysers, batch by batch. An engine: no I/O, packet time passed in."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tmon_common.config.model import Configuration, Probe
from tmon_common.observations import ABSENT, HISTOGRAM_DEFINITION, Rows
from tmon_probe.child.analyser import Analyser, Emit, Task
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.flows import FlowRegistry
from tmon_probe.records import PACKET

MAX_BATCH = 8192
"""Records looked at in one go: enough to amortise a call, few enough to stay in the processor's cache."""
AGEING_NS = 10_000_000_000
"""Obsolete flows are looked for every so often, in packet time."""
_ONE_LANE, _NO_OCTETS = np.zeros(MAX_BATCH, np.int16), np.zeros((1, 1), np.uint8)


class Chain:
    """factories: kind of analysis -> factory of its analyser (`analyser.Analyser`). emit: takes finished rows."""

    def __init__(self, configuration: Configuration, probe: Probe, factories: dict[str, Callable[..., Analyser]],
                 emit: Emit) -> None:
        classes = configuration.classes_of(probe)
        self.registry = FlowRegistry(classes, tuple(i.name for i in probe.interfaces), probe.max_flows)
        self._emit = emit
        self._tasks = _tasks(self.registry, {c.name: c for c in classes})
        self._analysers = [factories[kind](tasks, configuration, emit) for kind, tasks in self._tasks.items()]
        specs = max(len(self.registry.specs), 1)
        self._flow = np.full((specs, MAX_BATCH), -1, np.int32)
        self._direction = np.zeros((specs, MAX_BATCH), np.uint8)
        self._aged_in = -1
        self._define_histograms(configuration)

    def process(self, records: np.ndarray, lanes: np.ndarray = _ONE_LANE, areas: np.ndarray = _NO_OCTETS) -> None:
        """records: records.PACKET (n,), n at most MAX_BATCH. lanes, areas: see FlowBatch."""
        start, count = 0, len(records)
        while start < count:
            stop, new = self.registry.assign(records, start, self._flow, self._direction)
            if len(new):
                self._emit(self.registry.definitions(new))
            if stop > start:
                batch = FlowBatch(records, start, stop, self._flow, self._direction, self.registry.numbers, lanes, areas)
                for analyser in self._analysers:
                    analyser.process(batch)
            start = stop
            if start < count:
                self._retire(self.registry.make_room())

    def warm_up(self) -> None:
        """Compile, or load from the cache, every kernel, with nothing to do."""
        records = np.zeros(0, PACKET)
        self.registry.assign(records, 0, self._flow, self._direction)
        none = np.zeros(0, np.int32)
        self.registry.definitions(none)
        self.registry.forget(self.registry.obsolete(0))
        batch = FlowBatch(records, 0, 0, self._flow, self._direction, self.registry.numbers, _ONE_LANE, _NO_OCTETS)
        for analyser in self._analysers:
            analyser.process(batch)
            analyser.flush(0)
            analyser.retire(none)

    def flush(self, now_ns: int) -> None:
        """Packet time has reached now_ns: close intervals, forget obsolete flows."""
        for analyser in self._analysers:
            analyser.flush(now_ns)
        if now_ns // AGEING_NS != self._aged_in:
            self._aged_in = now_ns // AGEING_NS
            obsolete = self.registry.obsolete(now_ns)
            if len(obsolete):
                self._retire(obsolete)
                self.registry.forget(obsolete)

    def finish(self) -> None:
        for analyser in self._analysers:
            analyser.finish()

    def _retire(self, entries: np.ndarray) -> None:
        if len(entries):
            for analyser in self._analysers:
                analyser.retire(entries)

    def _define_histograms(self, configuration: Configuration) -> None:
        used = {t.analysis.histogram for tasks in self._tasks.values() for t in tasks} - {None}
        for name in sorted(used):
            histogram = configuration.histogram_by_name[name]
            values = np.zeros(len(histogram.bounds) + 1, HISTOGRAM_DEFINITION.dtype)
            values["unit"] = 1
            values["slice"] = np.arange(1, len(values) + 1)
            values["upper"] = [*histogram.bounds, ABSENT]
            values["lower"] = [0, *(b + 1 for b in histogram.bounds)]
            self._emit(Rows(HISTOGRAM_DEFINITION, values, [name, histogram.unit]))


def _tasks(registry: FlowRegistry, classes: dict) -> dict[str, list[Task]]:
    """Kind of analysis -> the granular flow definitions that ask for it."""
    tasks: dict[str, list[Task]] = {}
    for number, spec in enumerate(registry.specs):
        for analysis in classes[spec.flow_class].analyses:
            tasks.setdefault(analysis.kind, []).append(Task(number, spec, analysis))
    return tasks
