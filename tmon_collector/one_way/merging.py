"""Rows of equal keys become one, as the columns of their kind say (Merge)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from tmon_collector.one_way.figures import total
from tmon_common.observations import ABSENT, Kind, Merge

_ABSENT = ABSENT
_FIRST, _SUM, _MINIMUM, _MAXIMUM = range(4)
_HOW = {Merge.SUM: _SUM, Merge.MINIMUM: _MINIMUM, Merge.MAXIMUM: _MAXIMUM}


class Merged(NamedTuple):
    """rows: by key. Row g became of rows order[group[g]:group[g + 1]] (int64, positions; of equal keys in the order they had)."""

    rows: np.ndarray
    order: np.ndarray
    group: np.ndarray


def merge(kind: Kind, rows: np.ndarray, keys: list[int]) -> Merged:
    """rows: int64 (n, kind.words); keys: words that must be equal, the first one counts most in the order."""
    columns = [rows[:, k] for k in keys]
    order = np.lexsort(columns[::-1])
    new = np.zeros(len(rows), bool)
    new[:1] = True
    for column in columns:
        ordered = column[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    group = np.append(np.flatnonzero(new), len(rows))
    how = np.array([_HOW.get(c.merge, _FIRST) for c in kind.expanded for _ in range(c.type.words)], np.int64)
    merged = rows[order[group[:-1]]]
    if len(group) - 1 < len(rows):
        _merge(rows, order, group, how, merged)
    return Merged(merged, order, group)


@njit(cache=True, nogil=True)
def _merge(rows, order, group, how, merged):
    for g in range(len(group) - 1):
        for o in range(group[g] + 1, group[g + 1]):
            for word in range(rows.shape[1]):
                value = rows[order[o], word]
                if how[word] == _FIRST or value == _ABSENT:
                    continue
                known = merged[g, word]
                if known == _ABSENT:
                    merged[g, word] = value
                elif how[word] == _SUM:
                    merged[g, word] = total(known, value)
                elif how[word] == _MINIMUM:
                    merged[g, word] = min(known, value)
                else:
                    merged[g, word] = max(known, value)
