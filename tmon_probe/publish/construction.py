"""The PDU under construction of one kind: rows that wait until they fill a PDU or are old enough."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tmon_common.observations import ABSENT, Kind, Rows
from tmon_common.pdu.codec import Encoder, Payload
from tmon_common.pdu.header import MAX_PDU_OCTETS, OBSERVATIONS_OCTETS


class Construction:
    """Rows of one kind on their way into payloads of at most `max_octets`.

    since_ns    when the oldest row that waits came; None when none waits
    oversized   payloads made longer than max_octets because they hold a single row that would not fit otherwise
    unfit       rows dropped because no PDU can hold them
    """

    def __init__(self, kind: Kind, max_octets: int, seal_octets: int) -> None:
        self.kind = kind
        self.since_ns: int | None = None
        self.oversized = 0
        self.unfit = 0
        self._max_octets = max_octets
        self._utmost_octets = MAX_PDU_OCTETS - OBSERVATIONS_OCTETS - seal_octets
        self._encoder = Encoder(kind)
        self._string_words = np.flatnonzero(self._encoder.mask)
        self._waiting: list[np.ndarray] = []
        self._rows = 0
        self._worth_trying = 0  # rows below which a payload is surely not full, as far as the last ones tell
        self._strings: dict[str, int] = {}

    @property
    def octets(self) -> int:
        """Memory that the waiting rows take."""
        return self._rows * self.kind.words * 8

    def add(self, rows: Rows, now_ns: int) -> Iterator[Payload]:
        """Takes rows (copied) and yields the payloads that have become full. ValueError for a string index out of range."""
        if not len(rows):
            return
        words = self._intern(rows)
        if self.since_ns is None:
            self.since_ns = now_ns
        self._waiting.append(words)
        self._rows += len(words)
        if self._rows >= self._worth_trying:
            yield from self._payloads(now_ns, everything=False)

    def flush(self, now_ns: int) -> Iterator[Payload]:
        """Yields payloads until no row waits."""
        if self._rows:
            yield from self._payloads(now_ns, everything=True)

    def _payloads(self, now_ns: int, *, everything: bool) -> Iterator[Payload]:
        words = self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting)
        strings = list(self._strings)
        self._encoder.offer(strings)
        start, total = 0, len(words)
        while start < total:
            payload = self._encoder.encode(words, start, self._max_octets)
            if payload.rows == 0:
                payload = self._encoder.encode(words[:start + 1], start, self._utmost_octets)
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
            yield payload
        self._keep(words[start:], strings, now_ns if start else self.since_ns)

    def _keep(self, words: np.ndarray, strings: list[str], since_ns: int | None) -> None:
        """Makes `words`, whose strings are in `strings`, all that waits."""
        self._strings = {}
        self._rows = len(words)
        self._waiting = []
        self.since_ns = since_ns if self._rows else None
        if self._rows:
            used = Rows.from_words(self.kind, words, strings)
            self._waiting.append(self._intern(used))

    def _intern(self, rows: Rows) -> np.ndarray:
        """A copy of the rows' words, string columns pointing into the table of this construction."""
        words = np.array(rows.words, np.int64, order="C")
        table = np.empty(len(rows.strings), np.int64)
        for column in self._string_words:
            indexes = words[:, column]
            present = indexes != ABSENT
            used = np.unique(indexes[present])
            if not len(used):
                continue
            if used[0] < 0 or used[-1] >= len(table):
                msg = f"{self.kind.name}: a string column points outside the string table"
                raise ValueError(msg)
            for index in used.tolist():
                table[index] = self._strings.setdefault(rows.strings[index], len(self._strings))
            indexes[present] = table[indexes[present]]
        return words
