"""Rows under construction: an open row per flow and interval, until packet time has passed the interval.

The rows lie densely, in the form they are published in; an entry per flow points to its newest row, and rows of one flow are linked
from newer to older. So memory follows the flows that are active, closing touches nothing but open rows, and packets that come late
(out of order, or from another interface) still find the row of their interval: a flow has one row for it, one sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numba import int64, njit

from tmon_common.kernels.prefetch import LINE_OCTETS, prefetch, prefetch_in_row
from tmon_common.observations import Kind

FLOW, START, END = 0, 1, 2
"""Words of the first columns of every kind counted per flow and interval (observations.counters.FLOW_INTERVAL)."""
_FIRST_ROWS = 1024
_PORTION = 4096
"""Rows that are closed together: their memory is used again for the next, and the processor has them at hand when they are sent."""
_LINE_WORDS = LINE_OCTETS // 8
_OWNER, _NEWER, _OLDER = 0, 1, 2
"""What `links` tells of a row: its flow, and the flow's next newer and next older open row, -1 if there is none."""


class OpenRows:
    """Open rows of one kind for one granular flow definition.

    template    int64 (kind.words,): a row with nothing counted yet
    """

    def __init__(self, kind: Kind, interval_ns: int, template: np.ndarray) -> None:
        self.kind, self.interval_ns = kind, interval_ns
        self.rows = _rows(_FIRST_ROWS, kind.words)
        self.template = np.zeros(self.rows.shape[1], np.int64)
        self.template[: kind.words] = template
        self.links = np.empty((_FIRST_ROWS, 3), np.int32)
        self.row_of_flow = np.zeros(0, np.int32)
        self.count = np.zeros(1, np.int64)  # open rows
        self._interval_seen = -1

    def prepare(self, packets: int, entries: int) -> tuple[np.ndarray, ...]:
        """Make room for `packets` more rows and `entries` flows; then the arrays, in the order that `begin_row` takes them."""
        if len(self.row_of_flow) < entries:
            more = np.full(entries - len(self.row_of_flow), -1, np.int32)
            self.row_of_flow = np.concatenate([self.row_of_flow, more])
        opened = int(self.count[0])
        if len(self.rows) < opened + packets:
            size = max(opened + packets, 2 * len(self.rows))
            rows, links = _rows(size, self.kind.words), np.empty((size, 3), np.int32)
            rows[:opened], links[:opened] = self.rows[:opened], self.links[:opened]
            self.rows, self.links = rows, links
        return self.rows, self.links, self.row_of_flow, self.count, self.template

    def close_until(self, now_ns: int) -> np.ndarray:
        """Rows whose interval ended at or before packet time now_ns; they are open no more."""
        return self._together(self.closing(now_ns))

    def closing(self, now_ns: int) -> Iterator[np.ndarray]:
        """The same, some thousands at a time, which is cheaper where they are many. Nothing may be opened between."""
        interval = now_ns // self.interval_ns
        if interval != self._interval_seen:  # packet time may also go backwards, from one recording to the next
            self._interval_seen = interval
            yield from self._close(now_ns)

    def close_flows(self, entries: np.ndarray) -> np.ndarray:
        """Open rows of these flow entries (int32), whatever their interval."""
        closed = np.empty((int(self.count[0]), self.kind.words), np.int64)
        return closed[: _close_flows(entries, self.rows, self.links, self.row_of_flow, self.count, closed)]

    def close_all(self) -> np.ndarray:
        return self._together(self.closing_all())

    def closing_all(self) -> Iterator[np.ndarray]:
        """As `closing`, but all."""
        return self._close(np.iinfo(np.int64).max)

    def _close(self, now_ns: int) -> Iterator[np.ndarray]:
        row = int(self.count[0]) - 1
        while row >= 0:
            closed = np.empty((min(row + 1, _PORTION), self.kind.words), np.int64)
            done, row = _close_ended(now_ns, row, self.rows, self.links, self.row_of_flow, self.count, closed)
            yield closed[:done]

    def _together(self, portions: Iterable[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.empty((0, self.kind.words), np.int64), *portions])


def _rows(count: int, words: int) -> np.ndarray:
    """int64 (count, at least `words`), undefined; word START of each row begins a cache line."""
    width = -(-words // _LINE_WORDS) * _LINE_WORDS
    octets = np.empty(8 * (count * width) + LINE_OCTETS, np.uint8)
    skipped = -(octets.ctypes.data + 8 * START) % LINE_OCTETS
    return octets[skipped : skipped + 8 * count * width].view(np.int64).reshape(count, width)


@njit(cache=True, nogil=True)
def fetch_rows(records, begin, end, flow, row_of_flow, rows, flags, value, lines):
    """Ask for the newest rows of the flows of the records from `begin` to `end`, not included: a block of them.

    flags, value    only for records whose `flags`, with this mask, are `value`
    lines           cache lines of a row that will be used, from START on
    """
    for i in range(begin, end):
        if flow[i] >= 0:
            prefetch(row_of_flow, flow[i])
    for i in range(begin, end):
        f = flow[i]
        if f >= 0 and records[i].flags & flags == value:
            row = row_of_flow[f]
            for line in range(lines):
                prefetch_in_row(rows, row, START + line * _LINE_WORDS)


@njit(cache=True, nogil=True)
def begin_row(rows, links, row_of_flow, count, template, flow, number, time_ns, interval_ns):
    """Position in `rows` of the row of `flow` for the interval that holds time_ns: an older open one, or one from the template.

    All arrays as `OpenRows.prepare` gives them. Kernels look for themselves whether the flow's newest row will do: handing arrays
    to a function for every packet would cost more than the rest.
    """
    start = time_ns - time_ns % interval_ns
    newer = int64(-1)
    row = int64(row_of_flow[flow])
    while row >= 0 and rows[row, START] > start:
        newer = row
        row = int64(links[row, _OLDER])
    if row >= 0 and rows[row, START] == start:
        return row
    new = count[0]
    count[0] += 1
    for word in range(rows.shape[1]):
        rows[new, word] = template[word]
    rows[new, FLOW] = number
    rows[new, START] = start
    rows[new, END] = start + interval_ns
    links[new, _OWNER] = flow
    links[new, _NEWER] = newer
    links[new, _OLDER] = row
    _point_to(new, links, row_of_flow)
    return new


@njit(cache=True, nogil=True)
def _point_to(row, links, row_of_flow):
    """Make the neighbours of a row, or its flow, point to it."""
    if links[row, _NEWER] < 0:
        row_of_flow[links[row, _OWNER]] = row
    else:
        links[links[row, _NEWER], _OLDER] = row
    if links[row, _OLDER] >= 0:
        links[links[row, _OLDER], _NEWER] = row


@njit(cache=True, nogil=True)
def _take_out(row, rows, links, row_of_flow, count, closed, place):
    """Copy a row to closed[place] and end it; the last open row takes its place."""
    for word in range(closed.shape[1]):
        closed[place, word] = rows[row, word]
    newer, older = links[row, _NEWER], links[row, _OLDER]
    if newer < 0:
        row_of_flow[links[row, _OWNER]] = older
    else:
        links[newer, _OLDER] = older
    if older >= 0:
        links[older, _NEWER] = newer
    last = count[0] - 1
    count[0] = last
    if row != last:
        for word in range(rows.shape[1]):
            rows[row, word] = rows[last, word]
        for link in range(3):
            links[row, link] = links[last, link]
        _point_to(row, links, row_of_flow)


@njit(cache=True, nogil=True)
def _close_ended(now_ns, row, rows, links, row_of_flow, count, closed):
    """Move rows that ended at or before now_ns into `closed`, until it is full. `row` is the first that is looked at.

    Returns how many, and the row to go on with, -1 at the end.
    """
    done = 0
    while row >= 0 and done < len(closed):  # towards the first: the row that moves into a gap has been looked at
        if rows[row, END] <= now_ns:
            _take_out(row, rows, links, row_of_flow, count, closed, done)
            done += 1
        row -= 1
    return done, row


@njit(cache=True, nogil=True)
def _close_flows(entries, rows, links, row_of_flow, count, closed):
    """Move every open row of these flows into `closed`; how many."""
    done = 0
    for flow in entries:
        while flow < len(row_of_flow) and row_of_flow[flow] >= 0:
            _take_out(int64(row_of_flow[flow]), rows, links, row_of_flow, count, closed, done)
            done += 1
    return done
