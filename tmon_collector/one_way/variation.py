"""Percentiles of packet delay variation (RFC 5481 section 4.2): delay less the shortest of the interval. Exact, nearest rank."""

from __future__ import annotations

import numpy as np
from numba import int64, njit

from tmon_common.observations import ABSENT, ONE_WAY_DELAY_HISTOGRAM

_PERMILLES = (500, 950, 990, 999)
_PDV = ONE_WAY_DELAY_HISTOGRAM.word_of("pdv_50")
_POPULATION, _MINIMUM = (ONE_WAY_DELAY_HISTOGRAM.word_of(n) for n in ("population", "minimum"))
_ABSENT = ABSENT
_FEW, _ROUNDS = 24, 64


def rank_packets(delays_ns: np.ndarray, begin: np.ndarray, run: np.ndarray, rows: np.ndarray) -> None:
    """Fill the percentiles of rows (int64, one_way_delay_histogram) of runs: row i is of the packets from begin[run[i]] on.

    delays_ns   int64 (packets,): ABSENT where it is not known
    """
    _rank_runs(delays_ns, begin, run, rows)


def rank_groups(values: np.ndarray, offset: np.ndarray, order: np.ndarray, group: np.ndarray, rows: np.ndarray) -> None:
    """The same of rows that several became: row g of those order[group[g]:group[g + 1]]; i of these has delays from offset[i] on.

    If these are not all delays, percentiles of a row that was alone stay as they are, others are not known.
    """
    _rank_groups(values, offset, order, group, rows)


@njit(cache=True, nogil=True)
def _rank_runs(delays_ns, begin, run, rows):
    most = 0
    for i in range(len(run)):
        most = max(most, rows[i, _POPULATION])
    scratch = np.empty(most, np.int64)
    for i in range(len(run)):
        many = 0
        for p in range(begin[run[i]], begin[run[i] + 1]):
            if delays_ns[p] != _ABSENT:
                scratch[many] = delays_ns[p]
                many += 1
        _rank(scratch, many, rows, i)


@njit(cache=True, nogil=True)
def _rank_groups(values, offset, order, group, rows):
    scratch = np.empty(len(values), np.int64)
    for g in range(len(group) - 1):
        many = 0
        for o in range(group[g], group[g + 1]):
            for v in range(offset[order[o]], offset[order[o] + 1]):
                scratch[many] = values[v]
                many += 1
        if many and many == rows[g, _POPULATION]:
            _rank(scratch, many, rows, g)
        elif group[g + 1] - group[g] > 1:
            for k in range(len(_PERMILLES)):
                rows[g, _PDV + k] = _ABSENT


@njit(cache=True, nogil=True)
def _rank(values, many, rows, row):
    low = int64(0)
    for k in range(len(_PERMILLES)):
        at = (many * _PERMILLES[k] + 999) // 1000 - 1
        rows[row, _PDV + k] = _nth(values, low, many - 1, at) - rows[row, _MINIMUM]
        low = at  # what lies below has been put before it


@njit(cache=True, nogil=True)
def _nth(values, low, high, at):
    """The value that stands at position `at` of values[low:high + 1] when they are sorted; smaller ones are put before it."""
    for _ in range(_ROUNDS):
        if high - low < _FEW:
            for i in range(low + 1, high + 1):
                value, place = values[i], i
                while place > low and values[place - 1] > value:
                    values[place] = values[place - 1]
                    place -= 1
                values[place] = value
            return values[at]
        a, b, c = values[low], values[(low + high) // 2], values[high]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if at <= j:
            high = j
        elif at >= i:
            low = i
        else:
            return values[at]
    values[low : high + 1] = np.sort(values[low : high + 1])  # chosen badly so often: no input makes it quadratic
    return values[at]
