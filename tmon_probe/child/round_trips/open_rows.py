"""Rows under construction that a key of several words finds: an open row per key and interval, until packet time has passed it.

As `intervals.OpenRows`, for kinds with further key columns behind flow and interval. The rows lie densely, in the form they are
published in; those of one hash value are chained. Closing moves what stays together and chains it anew.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit

from tmon_common.observations import Kind
from tmon_probe.child.intervals import END

PLACE = np.dtype([
    ("next", "<i4"),  # row that follows in the chain, -1: none
    ("flow", "<i4"),  # entry of the flow
    ("hash", "<u4"),
])
"""Beside each row."""
FIRST_ROWS = 256
_NO_FLOWS = np.zeros(0, np.uint8)
_EVER, _NEVER = np.iinfo(np.int64).max, np.iinfo(np.int64).min


class KeyedRows:
    """maximum: rows open at a time.

    The arrays: rows int64 (n, kind.words), places PLACE (n,), heads int32 (power of two,), count int64 (1,)
    """

    def __init__(self, kind: Kind, maximum: int) -> None:
        self.kind, self.maximum = kind, maximum
        self.count = np.zeros(1, np.int64)
        self._allot(FIRST_ROWS)

    def __len__(self) -> int:
        return int(self.count[0])

    def has_room(self, more: int) -> bool:
        """Room for that many more rows: made, unless it were beyond the maximum. Empty, it has room for any number."""
        needed = len(self) + more
        if needed > self.maximum and len(self):
            return False
        if needed > len(self.rows):
            self._allot(max(needed, min(2 * len(self.rows), self.maximum)))
        return True

    def close_until(self, now_ns: int) -> np.ndarray:
        """Rows whose interval ended at or before packet time now_ns; they are open no more."""
        return self._close(now_ns, _NO_FLOWS)

    def close_flows(self, entries: np.ndarray) -> np.ndarray:
        """Open rows of these flow entries (int32), whatever their interval."""
        marks = np.zeros(int(entries.max()) + 1 if len(entries) else 0, np.uint8)
        marks[entries] = 1
        return self._close(_NEVER, marks)

    def close_all(self) -> np.ndarray:
        return self._close(_EVER, _NO_FLOWS)

    def _close(self, now_ns: int, marks: np.ndarray) -> np.ndarray:
        closed = np.empty((len(self), self.kind.words), np.int64)
        return closed[: _take_out(now_ns, marks, self.rows, self.places, self.heads, self.count, closed)]

    def _allot(self, capacity: int) -> None:
        rows, places = np.empty((capacity, self.kind.words), np.int64), np.zeros(capacity, PLACE)
        if len(self):
            rows[: len(self)], places[: len(self)] = self.rows[: len(self)], self.places[: len(self)]
        self.rows, self.places = rows, places
        self.heads = np.empty(1 << (2 * capacity - 1).bit_length(), np.int32)
        _chain(self.places, self.heads, self.count)


@njit(cache=True, nogil=True)
def _take_out(now_ns, marks, rows, places, heads, count, closed):
    """Move rows that ended at or before now_ns, or are of marked flows (uint8, by entry), into `closed`; how many."""
    kept, done = 0, 0
    for row in range(count[0]):
        flow = places[row].flow
        if rows[row, END] <= now_ns or (flow < len(marks) and marks[flow]):
            for word in range(rows.shape[1]):
                closed[done, word] = rows[row, word]
            done += 1
        else:
            if kept != row:
                for word in range(rows.shape[1]):
                    rows[kept, word] = rows[row, word]
                places[kept] = places[row]
            kept += 1
    if done:
        count[0] = kept
        _chain(places, heads, count)
    return done


@njit(cache=True, nogil=True)
def _chain(places, heads, count):
    """Chain every row anew."""
    for at in range(len(heads)):
        heads[at] = -1
    for row in range(count[0]):
        at = int64(places[row].hash) & (len(heads) - 1)
        places[row].next = heads[at]
        heads[at] = row
