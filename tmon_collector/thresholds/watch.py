"""One threshold on the rows of one probe, or of all: its intervals, its series, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tmon_collector.thresholds.baseline import Usual
from tmon_collector.thresholds.crossing import Crossings
from tmon_collector.thresholds.interval import Interval
from tmon_collector.thresholds.progress import Progress, Settled, Together
from tmon_collector.thresholds.reading import Measure
from tmon_collector.thresholds.series import SeriesTable
from tmon_collector.thresholds.statistics import ThresholdStatistics
from tmon_common.config.model import SECOND, Threshold
from tmon_common.metrics import METRICS, Form

MAX_OPEN = 128
"""Intervals that rows have come for and that are not compared yet."""
MAX_GAP = 1000
"""Intervals in a row without any row that are still gone through one by one."""
FORGET_AFTER = 60
"""Intervals without rows after which a series is given up, where thresholds have one for each value of some fields."""


@dataclass(frozen=True)
class Change:
    """A series crossed, or came back. value, usual, limit: None where there is none; start_ns: of the interval."""

    key: tuple[int, ...]
    crossed: bool
    start_ns: int
    since_ns: int
    value: float | None
    limit: float | None
    back: float | None
    usual: float | None
    given_up: bool = False


class Watch:
    """threshold: what is watched; progress: of the probe or probes whose rows it gets."""

    def __init__(self, threshold: Threshold, measure: Measure, progress: Progress | Settled | Together, key_words: int,
                 max_series: int, grace_ns: int, statistics: ThresholdStatistics) -> None:
        self.threshold = threshold
        self._measure, self._progress, self._grace_ns, self._statistics = measure, progress, grace_ns, statistics
        self._form = METRICS[threshold.metric].form
        self._series = SeriesTable(key_words, max_series)
        self._fixed = key_words == 0
        self._crossings = Crossings(threshold.above, threshold.consecutive)
        self._usual = Usual(threshold.baseline) if threshold.baseline else None
        self._idle = np.zeros(0, np.int64)  # intervals since a series had rows
        self._intervals: dict[int, Interval] = {}
        self._next_ns: int | None = None  # the interval to be compared next
        self._compared = False
        self._grow()

    @property
    def live(self) -> bool:
        """Of probes that capture."""
        return self._progress.live

    @property
    def crossed(self) -> int:
        """Series that are."""
        return int(self._crossings.crossed.sum())

    def add(self, rows: np.ndarray, keys: np.ndarray, now_ns: int) -> None:
        """Rows of the class, as a Reading took them; keys: int64 (n, key words)."""
        chosen = self._measure.chosen(rows)
        if chosen is not None:
            rows, keys = rows[chosen], keys[chosen]
        times = np.maximum(rows[:, self._measure.time], 0)
        starts = times - times % self.threshold.interval_ns
        single = len(starts) and starts.min() == starts.max()  # most often: no need to sort
        for start in starts[:1].tolist() if single else np.unique(starts).tolist():
            at = slice(0, len(starts)) if single else np.flatnonzero(starts == start)
            interval = self._interval(start)
            if interval is None:
                self._statistics.rows_late += len(starts[at])
                continue
            interval.last_ns = now_ns
            interval.received += len(starts[at])
            self._add(interval, rows[at], keys[at])

    def tick(self, now_ns: int, now_wall_ns: int) -> Iterator[Change]:
        """Compares the intervals that are complete."""
        reached = self._progress.reached_ns(now_ns, now_wall_ns)
        if reached is None or (self._next_ns is None and not self._begin(reached)):
            return
        while True:
            self._skip_a_gap(reached)
            start = self._next_ns
            whole = self._is_whole(start, now_ns)
            if whole is None:
                return
            yield from self._compare(start, whole)
            self._compared, self._next_ns = True, start + self.threshold.interval_ns

    def end(self) -> list[Change]:
        """No more rows come: compares what there is, whole or not, and begins anew with whatever comes next."""
        changes = [c for start in sorted(self._intervals) for c in self._compare(start, whole=not self._form.from_nothing)]
        self._next_ns, self._compared = None, False
        return changes

    def state(self) -> list[list[Any]]:
        """[key, crossed, since, usual] of each series that has something to be remembered."""
        kept = []
        for s in range(len(self._series)):
            usual = self._usual.state(s) if self._usual else None
            if self._crossings.crossed[s] or (usual and usual[0]):
                kept.append([self._series.keys[s].tolist(), bool(self._crossings.crossed[s]), int(self._crossings.since_ns[s]),
                             usual])
        return kept

    def restore(self, state: list[list[Any]]) -> None:
        """What `state` gave, before any rows come."""
        for key, crossed, since_ns, usual in state:
            [s] = self._series.find(np.array([key], np.int64).reshape(1, len(key)))
            self._grow()
            if s >= 0:
                self._crossings.crossed[s], self._crossings.since_ns[s] = crossed, since_ns
                if self._usual and usual:
                    self._usual.restore(s, usual)

    def _begin(self, reached_ns: int) -> bool:
        """Where to begin: with the first rows; of what is compared without rows, too, with the interval that is now."""
        if self._intervals:
            self._next_ns = min(self._intervals)
        elif self._form.from_nothing and self._fixed and self._progress.live and self._progress.heard_ns is not None:
            self._next_ns = reached_ns - reached_ns % self.threshold.interval_ns
        return self._next_ns is not None

    def _interval(self, start_ns: int) -> Interval | None:
        """None: compared already, or too far from the others."""
        interval = self._intervals.get(start_ns)
        if interval is None:
            if self._next_ns is not None and start_ns < self._next_ns:
                if self._compared:
                    return None
                self._next_ns = start_ns
            if len(self._intervals) >= MAX_OPEN:
                latest = max(self._intervals)  # of a clock that is ahead: it must not keep out what is near
                if start_ns > latest:
                    return None
                self._statistics.rows_late += self._intervals.pop(latest).received
            interval = self._intervals[start_ns] = Interval(self._form)
        return interval

    def _add(self, interval: Interval, rows: np.ndarray, keys: np.ndarray) -> None:
        series = self._series.find(keys)
        self._grow()
        interval.fit(len(self._series))
        kept = series >= 0
        if not kept.all():
            self._statistics.series_refused += int((~kept).sum())
            rows, series = rows[kept], series[kept]
        if self._form is Form.PERCENTILE:
            at, buckets, counts = self._measure.buckets(rows)
            self._statistics.series_refused += interval.add_buckets(series[at], buckets, counts)
        else:
            interval.add_sums(series, *self._measure.sums(rows))

    def _is_whole(self, start_ns: int, now_ns: int) -> bool | None:
        """Whether all of an interval was observed, and told, where that matters; None: it has to be waited for."""
        passed_ns = self._progress.passed_ns(start_ns + self.threshold.interval_ns)
        if passed_ns is None:
            return None
        interval = self._intervals.get(start_ns)
        waits_from_ns = max(passed_ns, interval.last_ns) if interval else passed_ns
        if now_ns < waits_from_ns + self._grace_ns:
            return None
        if not self._form.from_nothing:
            return True
        return self._progress.is_whole(start_ns, start_ns + self.threshold.interval_ns, now_ns)

    def _skip_a_gap(self, reached_ns: int) -> None:
        step = self.threshold.interval_ns
        latest = reached_ns - reached_ns % step - MAX_GAP * step
        target = min([latest, *self._intervals])
        if target > self._next_ns:
            self._next_ns = target

    def _compare(self, start_ns: int, whole: bool) -> list[Change]:
        t = self.threshold
        interval = self._intervals.pop(start_ns, None) or Interval(self._form)
        interval.fit(len(self._series))
        values, has = interval.values(t.interval_ns / SECOND, t.percentile, t.samples)
        if not whole:
            has[:] = False
            self._statistics.intervals_unknown += 1
        else:
            self._statistics.intervals_compared += 1
        usual, limits, backs = self._limits()
        changed = self._crossings.compare(values, has, limits, backs, start_ns + t.interval_ns)
        changes = [self._change(s, start_ns, values, limits, backs, usual) for s in changed.tolist()]
        if self._usual:
            self._usual.add(values, has)
        return changes + self._forget_idle(interval, start_ns)

    def _limits(self) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
        """(what is usual, limit, value to come back to) of each series; NaN where it is not known yet."""
        t, count = self.threshold, len(self._series)
        if self._usual is None:
            return None, np.full(count, t.limit), np.full(count, t.back)
        usual = self._usual.values()
        if not t.above:
            return usual, usual * t.limit, usual * t.back
        limits, backs = usual * t.limit, usual * t.back
        # below `at_least` nothing crosses, and so everything has come back
        return usual, np.maximum(limits, t.at_least), np.maximum(backs, t.at_least * t.back / t.limit)

    def _change(self, s: int, start_ns: int, values: np.ndarray, limits: np.ndarray, backs: np.ndarray,
                usual: np.ndarray | None) -> Change:
        return Change(tuple(self._series.keys[s].tolist()), bool(self._crossings.crossed[s]), start_ns,
                      int(self._crossings.since_ns[s]), float(values[s]), float(limits[s]), float(backs[s]),
                      None if usual is None else float(usual[s]))

    def _forget_idle(self, interval: Interval, start_ns: int) -> list[Change]:
        """Gives up series that have had no rows for long; what was crossed is told to be over."""
        if self._fixed:
            return []
        self._idle = np.where(interval.rows, 0, self._idle + 1)
        idle = self._idle >= FORGET_AFTER
        for other in self._intervals.values():
            other.fit(len(self._series))
            idle &= ~other.rows
        if not idle.any():
            return []
        changes = [Change(tuple(self._series.keys[s].tolist()), False, start_ns, int(self._crossings.since_ns[s]), None, None, None,
                          None, given_up=True) for s in np.flatnonzero(idle & self._crossings.crossed).tolist()]
        for part in (self._series, self._crossings, *([self._usual] if self._usual else []), *self._intervals.values()):
            part.keep(~idle)
        self._idle = self._idle[~idle]
        return changes

    def _grow(self) -> None:
        """As many places everywhere as there are series."""
        count = len(self._series)
        if count > len(self._idle):
            self._idle = np.concatenate([self._idle, np.zeros(count - len(self._idle), np.int64)])
            self._crossings.grow(count)
            if self._usual:
                self._usual.grow(count)
