"""The PDU under construction of one kind: rows that wait until they fill a PDU or are old enough."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tmon_common.observations import ABSENT, Kind, Rows
from tmon_common.pdu.contents import OBSERVATIONS_OCTETS
from tmon_common.pdu.header import MAX_PDU_OCTETS
from tmon_common.pdu.packing import Packed, Packer
from tmon_probe.publish.loss import Cause

FIRST_ROWS = 256
MAX_STRINGS_KEPT = 1024
"""Strings remembered from rows that are gone."""


class Construction:
    """Rows of one kind on their way into payloads of at most `max_octets`.

    since_ns    when the oldest row that waits came; None when none waits
    oversized   payloads made longer than max_octets because they hold a single row that would not fit otherwise
    unfit       rows dropped because no PDU can hold them
    """

    unfit_cause = Cause.TOO_LONG

    def __init__(self, kind: Kind, max_octets: int, seal_octets: int) -> None:
        self.kind = kind
        self.since_ns: int | None = None
        self.oversized = 0
        self.unfit = 0
        self._max_octets = max_octets
        self._utmost_octets = MAX_PDU_OCTETS - OBSERVATIONS_OCTETS - seal_octets
        self._packer = Packer(kind)
        self._encoder = self._packer.encoder
        self._string_words = np.flatnonzero(self._encoder.mask)
        self._buffer = np.empty((FIRST_ROWS, kind.words), np.int64)
        self._rows = 0
        self._worth_trying = 0  # rows below which a payload is surely not full, as far as the last ones tell
        self._strings: dict[str, int] = {}

    @property
    def octets(self) -> int:
        """Memory that the waiting rows take."""
        return self._rows * self.kind.words * 8

    def add(self, rows: Rows, now_ns: int) -> Iterator[Packed]:
        """Takes rows (copied) and yields the payloads that have become full. ValueError for a string index out of range."""
        if not len(rows):
            return
        self._append(rows)
        if self.since_ns is None:
            self.since_ns = now_ns
        if self._rows >= self._worth_trying:
            yield from self._payloads(now_ns, everything=False)

    def flush(self, now_ns: int) -> Iterator[Packed]:
        """Yields payloads until no row waits."""
        if self._rows:
            yield from self._payloads(now_ns, everything=True)

    def _payloads(self, now_ns: int, *, everything: bool) -> Iterator[Packed]:
        words = self._buffer[: self._rows]
        start, total = 0, self._rows
        while start < total and (everything or total - start >= self._worth_trying):
            payload = self._packer.pack(words, start, self._max_octets)
            if payload.rows == 0:
                payload = self._packer.pack(words[:start + 1], start, self._utmost_octets)
                if payload.rows == 0:
                    self.unfit += 1
                    start += 1
                    continue
                self.oversized += 1
            elif start + payload.rows == total and not everything:
                # It may hold more; about how many rows more, what it takes now tells.
                self._worth_trying = max(payload.rows + 1, payload.rows * self._max_octets // len(payload.octets) * 7 // 8)
                break
            start += payload.rows
            if not everything:
                self._worth_trying = payload.rows * 7 // 8
            yield payload
        self._take_out(start, now_ns)

    def _append(self, rows: Rows) -> None:
        """Copies the rows behind those that wait, string columns pointing into the table of this construction."""
        end = self._rows + len(rows)
        if end > len(self._buffer):
            larger = np.empty((max(end, 2 * len(self._buffer)), self.kind.words), np.int64)
            larger[: self._rows] = self._buffer[: self._rows]
            self._buffer = larger
        words = self._buffer[self._rows : end]
        words[:] = rows.words
        if len(self._string_words):
            table = [self._strings.setdefault(s, len(self._strings)) for s in rows.strings]
            same = table == list(range(len(self._strings)))  # most kinds use the same few strings in the same order
            self._renumber(words, np.array(table, np.int64), same)
            if len(self._strings) != self._encoder.offered:
                self._encoder.offer(list(self._strings))
        self._rows = end

    def _renumber(self, words: np.ndarray, table: np.ndarray, same: bool) -> None:
        """Makes string columns point into the table of this construction; `same`: they do already, if they are sound."""
        for column in self._string_words:
            indexes = words[:, column]
            if same and indexes.min() >= 0 and indexes.max() < len(table):
                continue
            present = indexes != ABSENT
            used = indexes[present]
            if len(used) and (used.min() < 0 or used.max() >= len(table)):
                msg = f"{self.kind.name}: a string column points outside the string table"
                raise ValueError(msg)
            indexes[present] = table[used]

    def _take_out(self, count: int, now_ns: int) -> None:
        """The first `count` rows wait no more."""
        left = self._rows - count
        if count:
            self._buffer[:left] = self._buffer[count : self._rows]
            self.since_ns = now_ns if left else None
        self._rows = left
        if not left and len(self._strings) > MAX_STRINGS_KEPT:
            self._strings = {}
            self._encoder.offer([])
