"""From packet records to rows: reassembly, flow registry, connections and analysers, batch by batch. An engine: no I/O, packet time
passed in."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tmon_common.config.model import Configuration, Probe
from tmon_common.observations import ABSENT, HISTOGRAM_DEFINITION, Rows
from tmon_probe.child.analysers.load import Factories
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Emit, Task
from tmon_probe.child.flows import FlowRegistry
from tmon_probe.child.guard import GuardedAnalyser
from tmon_probe.demand import demands_of, fragment_masks, services_of
from tmon_probe.records import PACKET, QUOTED

MAX_BATCH = 8192
"""Records looked at in one go: enough to amortise a call, few enough to stay in the processor's cache."""
AGEING_NS = 10_000_000_000
"""Obsolete flows are looked for every so often, in packet time."""
_ONE_LANE, _NO_OCTETS = np.zeros(2 * MAX_BATCH, np.int16), np.zeros((1, 1), np.uint8)


class Chain:
    """factories: kind of analysis -> factory of its analyser. emit: takes finished rows. PluginError for what makes no analyser;
    guard.AnalysisError, from any method, for one that fails.

    alerts      counters whose growth is an event: name -> code of the event
    """

    def __init__(self, configuration: Configuration, probe: Probe, factories: Factories, emit: Emit) -> None:
        classes = configuration.classes_of(probe)
        self.registry = FlowRegistry(classes, tuple(i.name for i in probe.interfaces), probe.max_flows)
        self._emit = emit
        demands = demands_of(classes, factories)
        self._reassembly = None
        masks = fragment_masks([c.filter for c in classes], demands)
        if masks.whole:
            from tmon_probe.child.reassembly.reassembly import Reassembly

            self._reassembly = Reassembly(masks)
        self._context = Context(configuration, probe, emit, services_of(demands), classes)
        if self._reassembly:
            self._context.waiting_since = self._reassembly.waiting_since
        self._tasks = _tasks(self.registry, {c.name: c for c in classes})
        self._analysers = [GuardedAnalyser(kind, factories[kind], tasks, self._context) for kind, tasks in self._tasks.items()]
        self._connections = list(self._context.shared.values())
        self._stages = [*([self._reassembly] if self._reassembly else []), *self._connections, *self._analysers]
        self.alerts: dict[str, str] = {}
        for stage in self._stages:
            self.alerts.update(getattr(stage, "alerts", {}))
        specs = max(len(self.registry.specs), 1)
        self._flow = np.full((specs, MAX_BATCH), -1, np.int32)
        self._direction = np.zeros((specs, MAX_BATCH), np.uint8)
        self._aged_in = -1
        self._define_histograms(configuration)

    def process(self, records: np.ndarray, lanes: np.ndarray = _ONE_LANE, areas: np.ndarray = _NO_OCTETS) -> None:
        """records: records.PACKET (n,), n at most MAX_BATCH. lanes, areas: see FlowBatch."""
        if self._reassembly is None:
            self._analyse(records, lanes, areas, _NO_OCTETS)
            return
        records, lanes, datagrams = self._reassembly.process(records, lanes, areas)
        start, count = 0, len(records)
        while start < count:
            end = min(start + MAX_BATCH, count)
            if end < count and records["flags"][end] & QUOTED:  # it stays with the record before
                end -= 1
            self._analyse(records[start:end], lanes[start:end], areas, datagrams)
            start = end

    def counters(self) -> dict[str, int]:
        """Of all analyses together, by name; the names never change."""
        found: Counter[str] = Counter()
        for stage in self._stages:
            for name, value in getattr(stage, "counters", dict)().items():
                found[name] += value
        return dict(found)

    def warm_up(self) -> None:
        """Compile, or load from the cache, every kernel, with nothing to do."""
        records = np.zeros(0, PACKET)
        self.registry.assign(records, 0, self._flow, self._direction)
        none = np.zeros(0, np.int32)
        self.registry.definitions(none)
        self.registry.forget(self.registry.obsolete(0))
        if self._reassembly:
            self._reassembly.warm_up(records, _ONE_LANE[:0], _NO_OCTETS)
        batch = self._batch(records, 0, 0, _ONE_LANE, _NO_OCTETS, _NO_OCTETS)
        for stage in (*self._connections, *self._analysers):
            stage.process(batch)
            stage.flush(0)
        for analyser in self._analysers:
            analyser.retire(none)

    def flush(self, now_ns: int) -> None:
        """Packet time has reached now_ns: close intervals, forget obsolete flows."""
        if self._reassembly:
            self._analyse_expired(self._reassembly.expired(now_ns))
        for stage in (*self._connections, *self._analysers):
            stage.flush(now_ns)
        if now_ns // AGEING_NS != self._aged_in:
            self._aged_in = now_ns // AGEING_NS
            obsolete = self.registry.obsolete(now_ns)
            if len(obsolete):
                self._retire(obsolete)
                self.registry.forget(obsolete)

    def finish(self) -> None:
        if self._reassembly:
            self._analyse_expired(self._reassembly.rest())
        for stage in (*self._connections, *self._analysers):
            stage.finish()

    def _analyse_expired(self, records: np.ndarray) -> None:
        """Early fragments whose first one never came."""
        for start in range(0, len(records), MAX_BATCH):
            self._analyse(records[start : start + MAX_BATCH], _ONE_LANE, _NO_OCTETS, _NO_OCTETS)

    def _analyse(self, records: np.ndarray, lanes: np.ndarray, areas: np.ndarray, datagrams: np.ndarray) -> None:
        start, count = 0, len(records)
        while start < count:
            stop, new = self.registry.assign(records, start, self._flow, self._direction)
            if len(new):
                self._emit(self.registry.definitions(new))
            if stop > start:
                batch = self._batch(records, start, stop, lanes, areas, datagrams)
                for stage in (*self._connections, *self._analysers):
                    stage.process(batch)
            start = stop
            if start < count:
                self._retire(self.registry.make_room())

    def _batch(self, records: np.ndarray, first: int, count: int, lanes: np.ndarray, areas: np.ndarray,
               datagrams: np.ndarray) -> FlowBatch:
        return FlowBatch(records, first, count, self._flow, self._direction, self.registry.numbers, lanes, areas, datagrams)

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
