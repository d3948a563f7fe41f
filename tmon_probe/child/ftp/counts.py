"""Rows of ftp_counters under construction, per flow and interval."""

from __future__ import annotations

import numpy as np

from tmon_common.observations import FTP_COUNTERS
from tmon_probe.child.ftp.commands import RETRIEVALS, STORES
from tmon_probe.child.ftp.transfer import ABORTED, COMPLETED, LOST, REFUSED, TIMED_OUT, Transfer

LATE_NS = 15_000_000_000
"""Rows stay open so long after their interval: a transfer is known to have ended when TCP has lingered."""
_OUTCOMES = {COMPLETED: "completed", ABORTED: "aborted", REFUSED: "refused", LOST: "failed", TIMED_OUT: "failed"}
_WORDS = {name: FTP_COUNTERS.word_of(name) for name in FTP_COUNTERS.dtype.names}


class CounterRows:
    """Open rows of one granular flow definition. Flows are meant by their number, which is never given twice."""

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._rows: dict[tuple[int, int], list[int]] = {}
        self._closed_ns = 0

    def count(self, flow: int, name: str, time_ns: int, amount: int = 1) -> None:
        start = time_ns - time_ns % self._interval_ns
        row = self._rows.get((flow, start))
        if row is None:
            row = self._rows[flow, start] = [0] * FTP_COUNTERS.words
            row[_WORDS["flow"]], row[_WORDS["start"]], row[_WORDS["end"]] = flow, start, start + self._interval_ns
        row[_WORDS[name]] += amount

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
