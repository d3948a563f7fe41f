"""What is usual for each series: the median of its last values, or an average that forgets. Vectorised over series."""

from __future__ import annotations

from typing import Any

import numpy as np

from tmon_common.config.model import Baseline as Parameters


class Usual:
    """values: float64 (series,), NaN before `history` values. A value counts for the intervals after its own."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._median = parameters.kind == "median"
        self._weight = 2 / (parameters.over + 1)  # the average age of what is averaged is then that of a plain mean over as many
        self._seen = np.zeros(0, np.int64)
        self._values = np.zeros((0, parameters.over if self._median else 1))

    def grow(self, series: int) -> None:
        more = series - len(self._seen)
        self._seen = np.concatenate([self._seen, np.zeros(more, np.int64)])
        self._values = np.concatenate([self._values, np.full((more, self._values.shape[1]), np.nan)])

    def keep(self, kept: np.ndarray) -> None:
        """Only these series (bool) stay."""
        self._seen, self._values = self._seen[kept], self._values[kept]

    def values(self) -> np.ndarray:
        usual = np.full(len(self._seen), np.nan)
        ready = self._seen >= self._parameters.history
        if ready.any():
            usual[ready] = np.nanmedian(self._values[ready], axis=1) if self._median else self._values[ready, 0]
        return usual

    def add(self, values: np.ndarray, has: np.ndarray) -> None:
        """The values of one interval, of the series that have one (bool)."""
        if self._median:
            series = np.flatnonzero(has)
            self._values[series, self._seen[series] % self._parameters.over] = values[series]
        else:
            first = has & (self._seen == 0)
            later = has & ~first
            self._values[first, 0] = values[first]
            self._values[later, 0] += self._weight * (values[later] - self._values[later, 0])
        self._seen[has] += 1

    def state(self, series: int) -> list[Any]:
        """For `restore`, as JSON takes it."""
        row = self._values[series]
        return [int(self._seen[series]), [float(v) for v in row[~np.isnan(row)]]]

    def restore(self, series: int, state: list[Any]) -> None:
        """What `state` gave, of the same parameters."""
        seen, values = state
        self._values[series, : len(values)] = values
        self._seen[series] = seen
