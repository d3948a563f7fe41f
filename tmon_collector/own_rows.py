"""The collector's own rows: written to the spool like those of probes; what cannot be written waits."""

from __future__ import annotations

import logging
from collections import Counter, deque

from tmon_collector.csv_text import csv_field
from tmon_collector.gathering import CAPACITY, Gathering
from tmon_collector.statistics import CollectorStatistics
from tmon_common.observations import Rows

logger = logging.getLogger(__name__)

MAX_WAITING = 4096
"""Rows that wait for a disk that is full; beyond it the oldest go."""


class OwnRows:
    """spool: where they go (`append`); collector: its name, in place of a probe's; run_ms: its start, ms since 1970-01-01 UTC."""

    def __init__(self, spool, collector: str, run_ms: int, statistics: CollectorStatistics) -> None:
        self._spool, self._statistics = spool, statistics
        self._own = (collector, run_ms)
        self._gatherings: dict[str, Gathering] = {}
        self._waiting: deque[tuple[bytes, Rows]] = deque()
        self._rows = 0  # of those
        self.written: Counter[str] = Counter()  # rows, by kind

    def publish(self, rows: Rows | None, probe: str | None = None, run_ms: int | None = None) -> None:
        """Writes them, or keeps them until `flush`. probe, run_ms: whose they are; default: the collector's."""
        if rows is None or not len(rows.words):
            return
        name, run = self._own if probe is None else (probe, run_ms)
        self._waiting.append((csv_field(name) + f",{run},".encode(), rows))
        self._rows += len(rows.words)
        self.flush()
        while self._rows > MAX_WAITING:
            lost = len(self._waiting.popleft()[1].words)
            self._rows -= lost
            self._statistics.own_lost += lost

    def flush(self) -> None:
        """Writes what waits, as far as it can be written."""
        while self._waiting and self._write(*self._waiting[0]):
            self._rows -= len(self._waiting.popleft()[1].words)

    @property
    def waiting(self) -> int:
        """Rows that wait."""
        return self._rows

    def _write(self, source: bytes, rows: Rows) -> bool:
        gathering = self._gatherings.get(rows.kind.name)
        if gathering is None:
            gathering = self._gatherings[rows.kind.name] = Gathering(rows.kind)
        if len(rows.words) > CAPACITY:
            msg = f"{len(rows.words)} rows of {rows.kind.name} at once, at most {CAPACITY}"
            raise ValueError(msg)
        gathering.add_rows(rows.words, rows.strings, source)
        try:
            written = self._spool.append(rows.kind, gathering.lines())
        finally:
            gathering.clear()
        if written:
            self.written[rows.kind.name] += len(rows.words)
        return written
