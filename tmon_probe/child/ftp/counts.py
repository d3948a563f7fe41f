"""Rows of ftp_counters under construction, per flow and interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tmon_common.observations import FTP_COUNTERS
from tmon_probe.child.ftp.commands import RETRIEVALS, STORES
from tmon_probe.child.ftp.transfer import ABORTED, COMPLETED, LOST, REFUSED, TIMED_OUT, Transfer

LATE_NS = 15_000_000_000
"""Rows stay open so long after their interval: a transfer is known to have ended when TCP has lingered."""
MAX_OPEN_ROWS = 1 << 16
"""Beyond so many open rows all are published as they are: a flow may then have several for an interval, which add up."""
_OUTCOMES = {COMPLETED: "completed", ABORTED: "aborted", REFUSED: "refused", LOST: "failed", TIMED_OUT: "failed"}
_WORDS = {name: FTP_COUNTERS.word_of(name) for name in FTP_COUNTERS.dtype.names}
_NEVER = 1 << 63
_START, _END = _WORDS["start"], _WORDS["end"]


class Counts:
    """Open rows of all granular flow definitions of a class, which have intervals of their own.

    generation    grows whenever rows are closed;   published_early   how often that was for want of room
    """

    def __init__(self, intervals_ns: Iterable[int]) -> None:
        self.rows = [CounterRows(interval_ns) for interval_ns in intervals_ns]
        self.generation = self.published_early = 0

    @property
    def crowded(self) -> bool:
        return sum(map(len, self.rows)) > MAX_OPEN_ROWS

    def count_transfer(self, flows: Sequence[int], transfer: Transfer, now_ns: int) -> None:
        for rows, flow in zip(self.rows, flows, strict=True):
            rows.count_transfer(flow, transfer, now_ns)

    def close(self, now_ns: int) -> list[np.ndarray]:
        """See CounterRows.close; those that have any."""
        return self._closed([rows.close(now_ns) for rows in self.rows])

    def close_all(self) -> list[np.ndarray]:
        return self._closed([rows.close_all() for rows in self.rows])

    def _closed(self, each: list[np.ndarray]) -> list[np.ndarray]:
        closed = [words for words in each if len(words)]
        self.generation += bool(closed)
        return closed


class Tally:
    """Counts of one control connection. flows: its flow in each granular flow definition.

    Its rows are looked up once and then added to, as long as time stays in their intervals and none was closed.
    """

    __slots__ = ("_counts", "_from_ns", "_generation", "_rows", "_to_ns", "flows")

    def __init__(self, counts: Counts, flows: Sequence[int]) -> None:
        self._counts, self.flows = counts, flows
        self._from_ns = self._to_ns = self._generation = 0
        self._rows: list[list[int]] = []

    def count(self, name: str, time_ns: int) -> None:
        if not self._from_ns <= time_ns < self._to_ns or self._generation != self._counts.generation:
            self._look_up(time_ns)
        word = _WORDS[name]
        for row in self._rows:
            row[word] += 1

    def _look_up(self, time_ns: int) -> None:
        self._rows = [rows.row(flow, time_ns) for rows, flow in zip(self._counts.rows, self.flows, strict=True)]
        self._from_ns, self._to_ns = 0, _NEVER
        for row in self._rows:
            self._from_ns, self._to_ns = max(self._from_ns, row[_START]), min(self._to_ns, row[_END])
        self._generation = self._counts.generation


class CounterRows:
    """Open rows of one granular flow definition. Flows are meant by their number, which is never given twice."""

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._rows: dict[tuple[int, int], list[int]] = {}
        self._closed_ns = 0

    def __len__(self) -> int:
        return len(self._rows)

    def count(self, flow: int, name: str, time_ns: int, amount: int = 1) -> None:
        self.row(flow, time_ns)[_WORDS[name]] += amount

    def row(self, flow: int, time_ns: int) -> list[int]:
        """Words of the open row of the flow for the interval of time_ns, to be added to until rows are closed."""
        start = time_ns - time_ns % self._interval_ns
        row = self._rows.get((flow, start))
        if row is None:
            row = self._rows[flow, start] = [0] * FTP_COUNTERS.words
            row[_WORDS["flow"]], row[_WORDS["start"]], row[_WORDS["end"]] = flow, start, start + self._interval_ns
        return row

    def count_transfer(self, flow: int, transfer: Transfer, now_ns: int) -> None:
        """In the interval it ended in; in that of now_ns where the row of that is closed already."""
        time_ns = transfer.end_ns
        if time_ns // self._interval_ns < self._closed_ns // self._interval_ns:
            time_ns = max(now_ns, time_ns)
        what, octets = (("retrievals", "octets_retrieved") if transfer.command in RETRIEVALS else
                        ("stores", "octets_stored") if transfer.command in STORES else ("listings", "octets_listed"))
        if transfer.outcome in _OUTCOMES:
            self.count(flow, f"{what}_{_OUTCOMES[transfer.outcome]}", time_ns)
        if transfer.octets:
            self.count(flow, octets, time_ns, transfer.octets)

    def close(self, now_ns: int) -> np.ndarray:
        """Rows (n, words) of the intervals that ended LATE_NS before now_ns."""
        self._closed_ns = now_ns - LATE_NS
        return self._take([key for key in self._rows if key[1] + self._interval_ns <= self._closed_ns])

    def close_all(self) -> np.ndarray:
        return self._take(list(self._rows))

    def _take(self, keys: list[tuple[int, int]]) -> np.ndarray:
        return np.array([self._rows.pop(key) for key in keys], np.int64).reshape(-1, FTP_COUNTERS.words)
