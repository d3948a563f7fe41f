"""Thresholds as a state machine: blocks of rows in, events out. No I/O; times are passed in."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from tmon_collector.thresholds.flow_map import KEPT_RUNS, UNKNOWN, FlowMap
from tmon_collector.thresholds.keys import key_of, texts_of
from tmon_collector.thresholds.progress import Progress, Settled, Together
from tmon_collector.thresholds.reading import Measure, Reading
from tmon_collector.thresholds.statistics import ThresholdStatistics
from tmon_collector.thresholds.telling import event_of
from tmon_collector.thresholds.watch import Change, Watch
from tmon_common.config.fields import FLOW_FIELDS
from tmon_common.config.model import Configuration, Threshold
from tmon_common.events import Event
from tmon_common.metrics import METRICS

BATCH_ROWS = 8192
"""Rows of one kind and run that are added up together; fewer at each tick."""
MAX_WAITING_ROWS = 1 << 16
"""Rows whose flow is not defined yet, of all kinds and runs."""
WAIT_FACTOR = 4
"""They wait for their definition this many times the grace."""
ALL = ""
"""Instead of the name of a probe: what all see, together."""


class ThresholdEngine:
    """All thresholds of a configuration, for what probes send to one collector; started_wall_ns: now."""

    def __init__(self, configuration: Configuration, collector: str, started_wall_ns: int) -> None:
        self.statistics = ThresholdStatistics()
        parameters = configuration.thresholds
        classes = {c.name: c for c in configuration.classes}
        flows = {t.name: next(f for f in classes[t.flow_class].flows if f.name == t.flow) for t in parameters.members}
        watched = list(dict.fromkeys((t.flow_class, flows[t.name]) for t in parameters.members))
        self._grace_ns, self._max_series = parameters.grace_ns, parameters.max_series
        self.flows = FlowMap([(classes[c], f) for c, f in watched], [f for t in parameters.members for f in _fields(t)],
                             [i.name for p in configuration.probes for i in p.interfaces], parameters.max_flows)
        probes = {p: b for p in configuration.probes for b in p.publications if b.collector == collector}
        self._progress = {p.name: Progress(
            live=any(i.device for i in p.interfaces), grace_ns=self._grace_ns, started_wall_ns=started_wall_ns,
            silence_ns=max(self._grace_ns, 2 * publication.heartbeat_ns)) for p, publication in probes.items()}
        self._readings: dict[str, Reading] = {}
        for kind in dict.fromkeys(METRICS[t.metric].kind.name for t in parameters.members):
            metrics = [METRICS[t.metric] for t in parameters.members if METRICS[t.metric].kind.name == kind]
            self._readings[kind] = Reading(metrics[0].kind, metrics)
        self._settled: dict[str, Settled] = {}  # by class, of those whose one-way rows are compared
        self._watches: dict[tuple[str, str], Watch] = {}  # by threshold and probe
        self._by_kind: dict[str, list[tuple[Threshold, int, list[int]]]] = {k: [] for k in self._readings}
        for t in parameters.members:
            kind = METRICS[t.metric].kind.name
            columns = self.flows.columns(_fields(t))
            self._by_kind[kind].append((t, watched.index((t.flow_class, flows[t.name])), columns))
            observing = [p.name for p in probes if t.flow_class in p.classes]
            measure = Measure(self._readings[kind], METRICS[t.metric], t.service)
            settled = self._settled.setdefault(t.flow_class, Settled()) if METRICS[t.metric].analysis == "one_way" else None
            for scope in observing if "probe" in t.per or not observing else [ALL]:
                progress = settled or (self._progress[scope] if scope else Together([self._progress[p] for p in observing]))
                self._watches[t.name, scope] = Watch(t, measure, progress, len(columns), self._max_series, self._grace_ns,
                                                     self.statistics)
        self._ended: list[tuple[str, Watch, Change]] = []  # not told yet
        self._clocks_ns: tuple[int, int] | None = None  # monotonic and wall, at the last tick
        self._sources: OrderedDict[tuple[str, int], int] = OrderedDict()  # by probe and run; silent for longest first
        self._numbered = 0
        self._new: dict[tuple[str, str, int], list[np.ndarray]] = {}  # by kind, probe and source: rows not looked at yet
        self._new_rows: dict[tuple[str, str, int], int] = {}
        self._waiting: list[tuple[int, str, str, int, np.ndarray]] = []  # (since, kind, probe, source, rows)
        self._defined: set[int] = set()  # sources with definitions since the waiting rows were last looked at

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds whose rows are wanted, flow_definition apart."""
        return tuple(self._readings)

    def crossed(self) -> Counter[str]:
        """By threshold, of those that are crossed by any: how many series."""
        counted: Counter[str] = Counter()
        for (threshold, _), watch in self._watches.items():
            if series := watch.crossed:
                counted[threshold] += series
        return counted

    def define(self, words: np.ndarray, probe: str, run_ms: int, strings: Sequence[str], now_ns: int) -> np.ndarray:
        """Takes rows of flow_definition. Returns which of them (bool) a restart will need."""
        source = self._source(probe, run_ms, now_ns)
        self._defined.add(source)
        watched = self.flows.define(source, words, strings)
        self.statistics.flows_forgotten = self.flows.forgotten
        return watched

    def still_known(self, words: np.ndarray, probe: str, run_ms: int) -> np.ndarray:
        """Which flow definitions (bool) are still of use."""
        source = self._sources.get((probe, run_ms))
        return np.zeros(len(words), bool) if source is None else self.flows.known(source, words[:, 0])

    def take(self, kind: str, words: np.ndarray, probe: str, run_ms: int, strings: Sequence[str], now_ns: int) -> None:
        """Takes rows of another kind: copies what is needed of them."""
        if probe not in self._progress:
            return
        key = (kind, probe, self._source(probe, run_ms, now_ns))
        self._new.setdefault(key, []).append(self._readings[kind].take(words, strings))
        self.statistics.rows += len(words)
        rows = self._new_rows[key] = self._new_rows.get(key, 0) + len(words)
        if rows >= BATCH_ROWS:
            self._look_at(key, now_ns)

    def settled(self, flow_class: str, until_ns: int, now_ns: int) -> None:
        """All one-way rows of that class have been taken whose interval ends by then."""
        if flow_class in self._settled:
            self._settled[flow_class].settled(until_ns, now_ns)

    def tick(self, now_ns: int, now_wall_ns: int, heard_ns: Mapping[str, int]) -> list[Event]:
        """What is due. now_ns, heard_ns (when each probe was last heard, by name) on the monotonic clock."""
        self._look_at_the_clock(now_ns, now_wall_ns)
        for probe, progress in self._progress.items():
            if probe in heard_ns:
                progress.heard(heard_ns[probe], now_ns, now_wall_ns)
        for key in list(self._new):
            self._look_at(key, now_ns)
        self._look_at_waiting(now_ns)
        for progress in self._progress.values():
            progress.mark(now_ns, now_wall_ns)
        return list(self._changes(now_ns, now_wall_ns))

    def state(self) -> dict[str, list[Any]]:
        """What a restart must know, as JSON takes it: series by threshold and probe."""
        state = {}
        for (name, probe), watch in self._watches.items():
            texts = partial(texts_of, fields=_fields(watch.threshold), interfaces=self.flows.interfaces)
            series = [[texts(key), *rest] for key, *rest in watch.state()]
            if series:
                state[f"{name} {probe}"] = [signature(watch.threshold), series]
        return state

    def restore(self, state: Mapping[str, list[Any]]) -> None:
        """What `state` gave. What belongs to thresholds that are not there any more, or are about something else, is left out."""
        for (name, probe), watch in self._watches.items():
            signed, series = state.get(f"{name} {probe}", ("", []))
            if signed == signature(watch.threshold):
                key = partial(key_of, fields=_fields(watch.threshold), interfaces=self.flows.interfaces)
                watch.restore([[key(texts), *rest] for texts, *rest in series])

    def _look_at_the_clock(self, now_ns: int, now_wall_ns: int) -> None:
        """When the wall clock was set, or the machine slept, live probes begin anew."""
        before, self._clocks_ns = self._clocks_ns, (now_ns, now_wall_ns)
        if before is None or abs((now_wall_ns - before[1]) - (now_ns - before[0])) <= self._grace_ns:
            return
        for progress in self._progress.values():
            progress.clock_was_set(now_wall_ns)
        for (_, scope), watch in self._watches.items():
            if watch.live:
                self._ended += [(scope, watch, change) for change in watch.end()]

    def _source(self, probe: str, run_ms: int, now_ns: int) -> int:
        source = self._sources.get((probe, run_ms))
        if source is not None:
            self._sources.move_to_end((probe, run_ms))
            return source
        source = self._sources[probe, run_ms] = self._numbered
        self._numbered += 1
        if probe in self._progress:
            self._begin_run(probe, run_ms, now_ns)
        runs = [r for p, r in self._sources if p == probe]
        if len(runs) > KEPT_RUNS:
            self.flows.forget(self._sources.pop((probe, runs[0])))
        return source

    def _begin_run(self, probe: str, run_ms: int, now_ns: int) -> None:
        """Another recording may be of another time: what has come of the one before is compared at once."""
        progress = self._progress[probe]
        if not progress.live:
            for key in [k for k in self._new if k[1] == probe]:
                self._look_at(key, now_ns)
            for (_, scope), watch in self._watches.items():
                if scope in (probe, ALL):
                    self._ended += [(scope, watch, change) for change in watch.end()]
        progress.run_began(run_ms * 1_000_000)

    def _look_at(self, key: tuple[str, str, int], now_ns: int) -> None:
        kind, probe, source = key
        self._new_rows.pop(key)
        rows = np.concatenate(self._new.pop(key))
        if not len(rows):
            return
        reading = self._readings[kind]
        metric = METRICS[self._by_kind[kind][0][0].metric]
        if metric.analysis != "one_way":  # these are made here, and say nothing of the probe
            times = rows[:, reading.at[metric.time]]
            self._progress[probe].rows_came(int(times.min()), int(times.max()), now_ns)
        undefined = self._add(kind, probe, source, rows, now_ns)
        if len(undefined):
            room = MAX_WAITING_ROWS - sum(len(w[-1]) for w in self._waiting)
            self.statistics.rows_undefined += max(len(undefined) - room, 0)
            if room > 0:
                self._waiting.append((now_ns, kind, probe, source, undefined[:room]))

    def _look_at_waiting(self, now_ns: int) -> None:
        """Rows whose flow is defined now are added; those that have waited too long are given up."""
        waiting, self._waiting = self._waiting, []
        for since_ns, kind, probe, source, rows in waiting:
            left = self._add(kind, probe, source, rows, now_ns) if source in self._defined else rows
            if len(left) and now_ns >= since_ns + WAIT_FACTOR * self._grace_ns:
                self.statistics.rows_undefined += len(left)
            elif len(left):
                self._waiting.append((since_ns, kind, probe, source, left))
        self._defined.clear()

    def _add(self, kind: str, probe: str, source: int, rows: np.ndarray, now_ns: int) -> np.ndarray:
        """Gives rows to the thresholds; returns those whose flow is not defined."""
        what, keys = self.flows.find(source, rows[:, 0])
        of_class: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for threshold, watched, columns in self._by_kind[kind]:
            watch = self._watches.get((threshold.name, probe if "probe" in threshold.per else ALL))
            if watched not in of_class:
                at = what == watched
                of_class[watched] = (rows, keys) if at.all() else (rows[at], keys[at])
            its_rows, its_keys = of_class[watched]
            if watch is not None and len(its_rows):
                watch.add(its_rows, its_keys[:, columns], now_ns)
        return rows[what == UNKNOWN]

    def _changes(self, now_ns: int, now_wall_ns: int) -> Iterator[Event]:
        ended, self._ended = self._ended, []
        for (_, probe), watch in self._watches.items():
            ended += [(probe, watch, change) for change in watch.tick(now_ns, now_wall_ns)]
        for probe, watch, change in ended:
            if change.crossed:
                self.statistics.crossings += 1
            else:
                self.statistics.returns += 1
            key = texts_of(change.key, _fields(watch.threshold), self.flows.interfaces)
            yield event_of(watch.threshold, probe, key, change, now_wall_ns)


def signature(t: Threshold) -> str:
    """What a remembered series is about. Limits may change meanwhile."""
    return repr((t.flow_class, t.flow, t.metric, t.service, t.percentile, t.per, t.above, t.interval_ns, t.baseline))


def _fields(t: Threshold) -> tuple[str, ...]:
    """Of the key, in the order of its words."""
    return tuple(f for f in FLOW_FIELDS if f in t.per)
