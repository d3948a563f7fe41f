"""Hysteresis: a series crosses after so many intervals in a row beyond the limit, and comes back after as many within."""

from __future__ import annotations

import numpy as np


class Crossings:
    """Of all series of a threshold. crossed: bool (series,); since_ns: int64, end of the interval in which it crossed."""

    def __init__(self, above: bool, consecutive: int) -> None:
        self._above, self._consecutive = above, consecutive
        self.crossed = np.zeros(0, bool)
        self.since_ns = np.zeros(0, np.int64)
        self.in_a_row = np.zeros(0, np.int64)

    def grow(self, series: int) -> None:
        more = series - len(self.crossed)
        self.crossed = np.concatenate([self.crossed, np.zeros(more, bool)])
        self.since_ns = np.concatenate([self.since_ns, np.zeros(more, np.int64)])
        self.in_a_row = np.concatenate([self.in_a_row, np.zeros(more, np.int64)])

    def keep(self, kept: np.ndarray) -> None:
        self.crossed, self.since_ns, self.in_a_row = self.crossed[kept], self.since_ns[kept], self.in_a_row[kept]

    def compare(self, values: np.ndarray, has: np.ndarray, limits: np.ndarray, backs: np.ndarray, end_ns: int) -> np.ndarray:
        """One interval. Returns the series (int64) that crossed or came back: see `crossed`.

        values, limits, backs   float64 (series,); NaN compares as neither
        has                     bool: the others have no value, and must begin to count anew
        end_ns                  end of the interval
        """
        beyond = values > limits if self._above else values < limits
        within = values <= backs if self._above else values >= backs
        moves = has & np.where(self.crossed, within, beyond)
        self.in_a_row = np.where(moves, self.in_a_row + 1, 0)
        changed = np.flatnonzero(self.in_a_row >= self._consecutive)
        self.crossed[changed] = ~self.crossed[changed]
        self.in_a_row[changed] = 0
        self.since_ns[changed[self.crossed[changed]]] = end_ns
        return changed
