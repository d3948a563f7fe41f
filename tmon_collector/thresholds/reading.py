"""The columns of a kind that metrics need, taken out of a block of rows, and what a metric makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tmon_common.log_buckets import BUCKETS, buckets_of
from tmon_common.metrics import Form, Metric, Rows
from tmon_common.observations import ABSENT, Kind, Type

OTHER_TEXT = -2
"""Code of a text that no metric asks for."""
LARGEST = 1 << 48
"""Counts above it are taken as this, so that nothing a row may hold overflows."""


class Reading:
    """What is kept of the rows of one kind, for some metrics: int64 (n, len(names)), texts as codes."""

    def __init__(self, kind: Kind, metrics: Iterable[Metric]) -> None:
        self.kind = kind
        metrics = list(metrics)
        names = ["flow"]
        texts: dict[str, dict[str, int]] = {}
        for metric in metrics:
            names += [metric.time, metric.bucket, metric.services[0], *([metric.without[0]] if metric.without else [])]
            for part in (*metric.of, *metric.out_of):
                names += [part.column] if isinstance(part, Rows) else both(kind, part)
            for column, wanted in ((metric.services[0], metric.services[1]), *([(metric.without[0], (metric.without[1],))]
                                                                              if metric.without else []),
                                   *((p.column, p.but) for p in (*metric.of, *metric.out_of) if isinstance(p, Rows))):
                for text in wanted:
                    codes = texts.setdefault(column, {})
                    codes.setdefault(text, len(codes))
        self.names = tuple(n for n in dict.fromkeys(names) if n)
        self.at = {name: i for i, name in enumerate(self.names)}
        self._words = [kind.word_of(n) for n in self.names]
        strings = {c.name for c in kind.expanded if c.type is Type.STRING}
        self._texts = {self.at[n]: texts.get(n, {}) for n in self.names if n in strings}
        self._codes = texts

    def code(self, column: str, text: str) -> int:
        return self._codes[column][text]

    def take(self, words: np.ndarray, strings: Sequence[str]) -> np.ndarray:
        """A copy of what is needed of a block."""
        taken = words[:, self._words]
        for at, codes in self._texts.items():
            column = taken[:, at]
            indices, inverse = np.unique(column, return_inverse=True)
            taken[:, at] = np.array([ABSENT if i < 0 else codes.get(strings[i], OTHER_TEXT) for i in indices.tolist()])[inverse]
        return taken


class Measure:
    """What one metric (of one service) makes of rows that a Reading took."""

    def __init__(self, reading: Reading, metric: Metric, service: str = "") -> None:
        self._reading, self._metric = reading, metric
        self._service = (reading.at[metric.services[0]], reading.code(metric.services[0], service)) if service else None
        self._without = metric.without and (reading.at[metric.without[0]], reading.code(*metric.without))
        self.time = reading.at[metric.time]

    def chosen(self, rows: np.ndarray) -> np.ndarray | None:
        """Which rows count (bool); None: all."""
        mask = None
        if self._service:
            mask = rows[:, self._service[0]] == self._service[1]
        if self._without:
            kept = rows[:, self._without[0]] != self._without[1]
            mask = kept if mask is None else mask & kept
        return mask

    def sums(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of each row what is added up, and of ratios what it is divided by; int64 (n,) both."""
        metric = self._metric
        counted = self._added(rows, metric.of) * metric.scale
        return counted, self._added(rows, metric.out_of) if metric.form is Form.RATIO else np.zeros(len(rows), np.int64)

    def buckets(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Percentiles: (position of the row, log-spaced bucket, count), int64 each."""
        metric = self._metric
        if metric.bucket:
            counts = self._added(rows, metric.of)
            at = np.flatnonzero(counts > 0)
            return at, np.clip(rows[at, self._reading.at[metric.bucket]], -BUCKETS, BUCKETS - 1), counts[at]
        times = np.concatenate([rows[:, self._reading.at[c]] for name in metric.of for c in both(self._reading.kind, name)])
        at = np.flatnonzero(times >= 0)  # empty ones are negative
        return at % max(len(rows), 1), buckets_of(times[at]), np.ones(len(at), np.int64)

    def _added(self, rows: np.ndarray, parts: tuple[str | Rows, ...]) -> np.ndarray:
        total = np.zeros(len(rows), np.int64)
        for part in parts:
            if isinstance(part, str):
                for column in both(self._reading.kind, part):
                    total += np.clip(rows[:, self._reading.at[column]], 0, LARGEST)  # empty ones are negative
            else:
                total += self._occurs(rows, part)
        return total

    def _occurs(self, rows: np.ndarray, part: Rows) -> np.ndarray:
        if not part.column:
            return np.ones(len(rows), bool)
        column = rows[:, self._reading.at[part.column]]
        if part.absent:
            return column == ABSENT
        return (column != ABSENT) & ~np.isin(column, [self._reading.code(part.column, t) for t in part.but])


def both(kind: Kind, name: str) -> list[str]:
    """A column and, if it has one, its reverse."""
    return [n for n in (name, f"{name}_rev") if n in kind.dtype.fields]
