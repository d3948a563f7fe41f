"""Rows that are still open: of each flow and minute one, until the minute has been over for a while."""

from __future__ import annotations

import numpy as np

from tmon_collector.netflow.spread import COLUMNS, EXPORTER, FLOW, MINUTE, OCTETS, PACKETS, RECORDS

MAX_ROWS = 1 << 20
FOLD_AT = 1 << 18
"""Rows that have come since they were last put together, at which that is done again."""
LARGE = 1 << 40
"""A row that counts so much is not added to any more, so that no sum passes 63 bits."""
MINUTE_NS = 60_000_000_000
_FLOW_BITS = 34


class OpenRows:
    """linger_ns: for how long after its end a minute is open. Rows of minutes that are not open any more wait together, for as long
    from the first on: long flows have some in many minutes."""

    def __init__(self, linger_ns: int) -> None:
        self._linger_ns = linger_ns
        self._timely, self._late = _Pile(), _Pile()
        self._oldest = 1 << 62  # minute of the timely ones
        self._late_since_ns: int | None = None

    def __len__(self) -> int:
        return len(self._timely) + len(self._late)

    def add(self, rows: np.ndarray, now_ns: int) -> None:
        """Rows of `spread`."""
        late = self._due_ns(rows[:, MINUTE]) <= now_ns
        if late.any():
            if self._late_since_ns is None:
                self._late_since_ns = now_ns
            self._late.add(rows[late])
            rows = rows[~late]
        if len(rows):
            self._oldest = min(self._oldest, int(rows[:, MINUTE].min()))
            self._timely.add(rows)

    def fold(self) -> int:
        """Puts rows of one flow and minute together; gives how many are left."""
        return self._timely.fold() + self._late.fold()

    def next_ns(self) -> int | None:
        """Wall clock (ns) at which `take` has something; None: nothing is open."""
        times = [self._late_since_ns + self._linger_ns] if self._late_since_ns is not None else []
        if len(self._timely):
            times.append((self._oldest + 1) * MINUTE_NS + self._linger_ns)
        return min(times, default=None)

    def take(self, now_ns: int) -> np.ndarray:
        """Rows that are due; they are not kept any more. A clock set back makes late ones due."""
        taken = []
        since_ns = self._late_since_ns
        if since_ns is not None and not since_ns <= now_ns < since_ns + self._linger_ns:
            taken.append(self._late.take())
            self._late_since_ns = None
        if len(self._timely) and (self._oldest + 1) * MINUTE_NS + self._linger_ns <= now_ns:
            rows = self._timely.take()
            due = self._due_ns(rows[:, MINUTE]) <= now_ns
            taken.append(rows[due])
            self._timely.add(rows[~due])
            self._oldest = int(rows[~due, MINUTE].min()) if not due.all() else 1 << 62
        return _ordered(taken)

    def take_all(self) -> np.ndarray:
        """All rows, whether they are due or not."""
        rows = _ordered([self._timely.take(), self._late.take()])
        self._late_since_ns, self._oldest = None, 1 << 62
        return rows

    def _due_ns(self, minutes: np.ndarray) -> np.ndarray:
        return (minutes + 1) * MINUTE_NS + self._linger_ns


class _Pile:
    """Rows, put together now and then."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._folded = np.zeros((0, COLUMNS), np.int64)
        self._fresh = 0

    def __len__(self) -> int:
        return len(self._folded) + self._fresh

    def add(self, rows: np.ndarray) -> None:
        self._parts.append(rows)
        self._fresh += len(rows)
        if self._fresh >= FOLD_AT:
            self.fold()

    def fold(self) -> int:
        if self._parts:
            self._folded = folded(np.concatenate([self._folded, *self._parts]))
            self._parts, self._fresh = [], 0
        return len(self._folded)

    def take(self) -> np.ndarray:
        self.fold()
        rows, self._folded = self._folded, np.zeros((0, COLUMNS), np.int64)
        return rows


def folded(rows: np.ndarray) -> np.ndarray:
    """Rows of one flow and minute added up, but those that are LARGE."""
    large = (rows[:, OCTETS] >= LARGE) | (rows[:, PACKETS] >= LARGE)
    aside, rows = rows[large], rows[~large]
    if not len(rows):
        return aside
    keys = (rows[:, MINUTE] << _FLOW_BITS) | rows[:, FLOW]
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    begins = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    sums = rows[order[begins]]
    for column in (OCTETS, PACKETS, RECORDS):
        sums[:, column] = np.add.reduceat(rows[order, column], begins)
    return np.concatenate((sums, aside)) if len(aside) else sums


def _ordered(parts: list[np.ndarray]) -> np.ndarray:
    """By exporter, minute and flow: rows of a file are nearly in order of time, so that loading is quick."""
    rows = np.concatenate(parts) if parts else np.zeros((0, COLUMNS), np.int64)
    return rows[np.lexsort((rows[:, FLOW], rows[:, MINUTE], rows[:, EXPORTER]))]
