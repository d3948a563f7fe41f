"""The series of a threshold: which rows belong to which, found by their key without looking at rows one by one."""

from __future__ import annotations

import secrets

import numpy as np

_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


class SeriesTable:
    """At most max_series keys (int64 words); positions count from 0, without gaps. Without words there is one series, always."""

    def __init__(self, words: int, max_series: int) -> None:
        self.keys = np.zeros((0, words), np.int64)
        self._words, self._max_series = words, max_series
        self._seed = np.uint64(secrets.randbits(64))
        self._hashes = np.zeros(0, np.uint64)  # ascending
        self._series = np.zeros(0, np.int64)  # of each hash
        if not words:
            self.keys = np.zeros((1, 0), np.int64)

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Series of each key (int64 (n, words)), new ones made as long as there is room; -1: refused."""
        if not self._words:
            return np.zeros(len(keys), np.int64)
        hashes = self._hash(keys)
        found = self._look_up(hashes)
        missing = np.flatnonzero(found < 0)
        if len(missing) and len(self) < self._max_series:
            _, first = np.unique(hashes[missing], return_index=True)
            new = missing[np.sort(first)][: self._max_series - len(self)]
            self.keys = np.concatenate([self.keys, keys[new]])
            self._index()
            found = self._look_up(hashes)
        return found

    def keep(self, kept: np.ndarray) -> None:
        """Only these (bool) stay; positions change."""
        self.keys = self.keys[kept]
        self._index()

    def _index(self) -> None:
        hashes = self._hash(self.keys)
        self._series = np.argsort(hashes)
        self._hashes = hashes[self._series]

    def _look_up(self, hashes: np.ndarray) -> np.ndarray:
        if not len(self._hashes):
            return np.full(len(hashes), -1, np.int64)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return np.where(self._hashes[at] == hashes, self._series[at], -1)

    def _hash(self, keys: np.ndarray) -> np.ndarray:
        """64 bits by a seed that nobody knows: two keys of a few thousand do not share them."""
        hashes = np.full(len(keys), self._seed, np.uint64)
        for word in keys.view(np.uint64).T:
            hashes = (hashes ^ word) * _ODD
            hashes ^= hashes >> _SHIFT
        return hashes
