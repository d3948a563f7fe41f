"""Rows under construction: one open row per flow that had something to count in its current interval.

The rows lie densely, in the form they are published in; an entry per flow points to its row. So memory follows the flows
that are active, a finished row is one copy, and closing an interval touches nothing but open rows.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit

from tmon_common.observations import Kind

FLOW, START, END = 0, 1, 2
"""Words of the first columns of every kind counted per flow and interval (observations.counters.FLOW_INTERVAL)."""
_FIRST_ROWS = 1024


class OpenRows:
    """Open rows of one kind for one granular flow definition.

    template    int64 (kind.words,): a row with nothing counted yet
    """

    def __init__(self, kind: Kind, interval_ns: int, template: np.ndarray) -> None:
        self.kind, self.interval_ns, self.template = kind, interval_ns, template
        self.rows = np.zeros((_FIRST_ROWS, kind.words), np.int64)
        self.flow_of_row = np.zeros(_FIRST_ROWS, np.int32)
        self.row_of_flow = np.zeros(0, np.int32)
        self.finished = np.zeros((_FIRST_ROWS, kind.words), np.int64)
        self.counts = np.zeros(2, np.int64)  # open rows, finished rows
        self._interval_seen = -1

    def prepare(self, packets: int, entries: int) -> tuple[np.ndarray, ...]:
        """Make room for `packets` more rows and `entries` flows; then the arrays, in the order that `row_for` takes them."""
        if len(self.row_of_flow) < entries:
            more = np.full(entries - len(self.row_of_flow), -1, np.int32)
            self.row_of_flow = np.concatenate([self.row_of_flow, more])
        needed = int(self.counts[0]) + packets
        if len(self.rows) < needed:
            size, opened = max(needed, 2 * len(self.rows)), int(self.counts[0])
            rows, flow_of_row = np.empty((size, self.kind.words), np.int64), np.empty(size, np.int32)
            rows[:opened], flow_of_row[:opened] = self.rows[:opened], self.flow_of_row[:opened]
            self.rows, self.flow_of_row = rows, flow_of_row
        if len(self.finished) < packets:
            self.finished = np.empty((packets, self.kind.words), np.int64)
        self.counts[1] = 0
        return self.rows, self.flow_of_row, self.row_of_flow, self.finished, self.counts, self.template

    def take_finished(self) -> np.ndarray:
        """Rows (n, words) finished by the last kernel call, a copy."""
        return self.finished[: int(self.counts[1])].copy()

    def close_until(self, now_ns: int) -> np.ndarray:
        """Rows whose interval ended at or before packet time now_ns; they are open no more."""
        interval = now_ns // self.interval_ns
        if interval == self._interval_seen:  # packet time may also go backwards, from one recording to the next
            return self.rows[:0].copy()
        self._interval_seen = interval
        return self._close(now_ns)

    def close_flows(self, entries: np.ndarray) -> np.ndarray:
        """Open rows of these flow entries (int32), whatever their interval."""
        closed = np.empty((min(len(entries), int(self.counts[0])), self.kind.words), np.int64)
        count = _close_flows(entries, self.rows, self.flow_of_row, self.row_of_flow, self.counts, closed)
        return closed[:count]

    def close_all(self) -> np.ndarray:
        return self._close(np.iinfo(np.int64).max)

    def _close(self, now_ns: int) -> np.ndarray:
        closed = np.empty((int(self.counts[0]), self.kind.words), np.int64)
        return closed[: _close_ended(now_ns, self.rows, self.flow_of_row, self.row_of_flow, self.counts, closed)]


@njit(cache=True, nogil=True)
def _close_ended(now_ns, rows, flow_of_row, row_of_flow, counts, closed):
    """Move the rows that ended at or before now_ns into `closed`; how many. The last open row takes the place of each."""
    count = 0
    row = counts[0] - 1
    while row >= 0:
        if rows[row, END] <= now_ns:
            for word in range(rows.shape[1]):
                closed[count, word] = rows[row, word]
            count += 1
            _take_out(row, rows, flow_of_row, row_of_flow, counts)
        row -= 1
    return count


@njit(cache=True, nogil=True)
def _close_flows(entries, rows, flow_of_row, row_of_flow, counts, closed):
    """As `_close_ended`, of these flows."""
    count = 0
    for flow in entries:
        if flow < len(row_of_flow) and row_of_flow[flow] >= 0:
            row = int64(row_of_flow[flow])
            for word in range(rows.shape[1]):
                closed[count, word] = rows[row, word]
            count += 1
            _take_out(row, rows, flow_of_row, row_of_flow, counts)
    return count


@njit(cache=True, nogil=True)
def _take_out(row, rows, flow_of_row, row_of_flow, counts):
    last = counts[0] - 1
    counts[0] = last
    row_of_flow[flow_of_row[row]] = -1
    if row != last:
        for word in range(rows.shape[1]):
            rows[row, word] = rows[last, word]
        flow_of_row[row] = flow_of_row[last]
        row_of_flow[flow_of_row[row]] = row


@njit(cache=True, nogil=True)
def begin_row(rows, flow_of_row, row_of_flow, finished, counts, template, flow, number, time_ns, interval_ns):
    """Position in `rows` of a row of `flow`, fresh from the template, for the interval that holds time_ns.

    An open row of the flow, of another interval then, is finished first. All arrays as `OpenRows.prepare` gives them. Kernels
    look for themselves whether the open row will do: handing arrays to a function for every packet would cost more than the rest.
    """
    row = int64(row_of_flow[flow])
    words = rows.shape[1]
    if row >= 0:
        done = counts[1]
        for word in range(words):
            finished[done, word] = rows[row, word]
        counts[1] += 1
    else:
        row = counts[0]
        counts[0] += 1
        row_of_flow[flow] = row
        flow_of_row[row] = flow
    for word in range(words):
        rows[row, word] = template[word]
    start = time_ns - time_ns % interval_ns
    rows[row, FLOW] = number
    rows[row, START] = start
    rows[row, END] = start + interval_ns
    return row
