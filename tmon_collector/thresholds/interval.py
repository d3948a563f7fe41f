"""What has come of one interval, added up by series."""

from __future__ import annotations

import numpy as np

from tmon_common.log_buckets import BUCKETS, middles_ns
from tmon_common.metrics import Form

MAX_CELLS = 1 << 20
"""Buckets of all series of an interval that are counted each for itself."""
_MERGE_AT = 1 << 16
MOST = 1 << 40
"""Counts of a row, and of a bucket, above it are taken as this: no sum of all of them overflows."""
_CELLS = 2 * BUCKETS  # of a series: times below zero have buckets, too


class Interval:
    """One interval of a threshold. last_ns: when its last row came; received: how many; rows: bool, by series, whether any did."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self.last_ns = self.received = 0
        self.rows = np.zeros(0, bool)
        self._sums = np.zeros((0, 2))
        self._keys = np.zeros(0, np.int64)  # series * _CELLS + BUCKETS + bucket, ascending
        self._counts = np.zeros(0, np.int64)
        self._more: list[tuple[np.ndarray, np.ndarray]] = []
        self._waiting = 0

    def fit(self, series: int) -> None:
        """Makes room for so many series."""
        if len(self.rows) < series:
            more = series - len(self.rows)
            self.rows = np.concatenate([self.rows, np.zeros(more, bool)])
            self._sums = np.concatenate([self._sums, np.zeros((more, 2))])

    def add_sums(self, series: np.ndarray, counted: np.ndarray, out_of: np.ndarray) -> None:
        """counted, out_of: int64, one a row, like series."""
        self.rows[series] = True
        if len(self.rows) == 1:
            self._sums[0] += float(counted.sum(dtype=np.float64)), float(out_of.sum(dtype=np.float64))
        else:
            self._sums[:, 0] += np.bincount(series, counted, len(self.rows))
            self._sums[:, 1] += np.bincount(series, out_of, len(self.rows))

    def add_buckets(self, series: np.ndarray, buckets: np.ndarray, counts: np.ndarray) -> int:
        """Returns how many of them had to be refused, for want of room."""
        self.rows[series] = True
        self._more.append((series * _CELLS + BUCKETS + buckets, np.minimum(counts, MOST)))
        self._waiting += len(series)
        return self._merge() if self._waiting >= _MERGE_AT else 0

    def keep(self, kept: np.ndarray) -> None:
        """Only these series (bool) stay."""
        self.fit(len(kept))
        self._merge()
        self.rows, self._sums = self.rows[kept], self._sums[kept]
        position = np.cumsum(kept) - 1
        series = self._keys // _CELLS
        stays = kept[series]
        self._counts = self._counts[stays]
        self._keys = position[series[stays]] * _CELLS + self._keys[stays] % _CELLS

    def values(self, seconds: float, percentile: float, samples: int) -> tuple[np.ndarray, np.ndarray]:
        """Value of each series (float64), and whether it has one (bool)."""
        counted, out_of = self._sums.T
        if self._form is Form.PERCENTILE:
            return self._percentiles(percentile, samples)
        if self._form is Form.RATIO:
            has = out_of >= samples
            return np.divide(counted, out_of, out=np.full(len(counted), np.nan), where=has), has
        return counted / seconds if self._form is Form.RATE else counted.copy(), np.ones(len(counted), bool)

    def _percentiles(self, percentile: float, samples: int) -> tuple[np.ndarray, np.ndarray]:
        """In seconds: the middle, on the log scale, of the bucket that holds the percentile by nearest rank."""
        self._merge()
        series = self._keys // _CELLS
        ends = np.searchsorted(series, np.arange(len(self.rows)), side="right")
        sums = np.cumsum(self._counts)
        through = np.concatenate([[0], sums])[ends]
        before = np.concatenate([[0], through[:-1]]).astype(np.int64)[: len(ends)]
        totals = through - before
        has = totals >= samples
        ranks = before + np.clip(np.ceil(percentile / 100 * totals).astype(np.int64), 1, totals)
        at = np.searchsorted(sums, ranks[has])
        buckets = self._keys[at] % _CELLS - BUCKETS
        values = np.full(len(totals), np.nan)
        values[has] = middles_ns(buckets) / 1e9
        return values, has

    def _merge(self) -> int:
        if not self._more:
            return 0
        keys = np.concatenate([self._keys, *(k for k, _ in self._more)])
        counts = np.concatenate([self._counts, *(c for _, c in self._more)])
        self._more.clear()
        self._waiting = 0
        merged, inverse = np.unique(keys, return_inverse=True)
        sums = np.zeros(len(merged), np.int64)
        np.add.at(sums, inverse, counts)
        self._keys, self._counts = merged[:MAX_CELLS], np.minimum(sums[:MAX_CELLS], MOST)
        return len(merged) - len(self._keys)
