"""Observations of a class that wait for their round: a list of chunks, so that nothing is copied when it grows."""

from __future__ import annotations

import numpy as np

from tmon_collector.one_way.packets import Observed
from tmon_common.observations import ABSENT

CHUNK = 1 << 16
"""Observations of a chunk."""


class Buffer:
    """21 octets an observation; 8 more for the last time and for each extra time, in chunks where any observation has one.

    limit       observations that it holds, at most (OneWay.max_in_flight)
    extras      hops whose times stand in the packets
    refused     observations that found no room, so far
    """

    def __init__(self, limit: int, extras: int = 0) -> None:
        self.limit, self.extras = limit, extras
        self.refused = 0
        self._chunks: list[_Chunk] = []
        self._held = 0

    def __len__(self) -> int:
        return self._held

    @property
    def room(self) -> int:
        return self.limit - self._held

    @property
    def octets(self) -> int:
        """Of memory."""
        return sum(chunk.octets for chunk in self._chunks)

    @property
    def oldest_ns(self) -> int | None:
        """Time of the earliest observation; None if it is empty."""
        return min((c.first_ns for c in self._chunks), default=None)

    def append(self, observed: Observed) -> int:
        """Take them, copied. How many found room: the first ones; the others are counted as refused."""
        taken = min(len(observed.time_ns), self.room)
        self.refused += len(observed.time_ns) - taken
        self._fill(observed, taken)
        return taken

    def put_back(self, observed: Observed) -> None:
        """Like `append`, of observations that were taken: they have room whatever the limit is."""
        self._fill(observed, len(observed.time_ns))

    def take(self, until_ns: int) -> Observed:
        """Remove the observations before `until_ns`, and give them, in no particular order."""
        older = [(chunk, chunk.columns.time_ns[: chunk.held] < until_ns) for chunk in self._chunks if chunk.first_ns < until_ns]
        taken = self._room_for(sum(int(mask.sum()) for _, mask in older), [chunk for chunk, _ in older])
        kept, self._chunks = self._chunks, [chunk for chunk in self._chunks if chunk.first_ns >= until_ns]
        self._held = sum(chunk.held for chunk in self._chunks)
        del kept
        at = 0
        older.reverse()
        while older:  # chunk by chunk, each given up as soon as it is copied: memory never holds all twice
            chunk, mask = older.pop()
            many = int(mask.sum())
            for name, column in taken._asdict().items():
                if column is not None:
                    source = getattr(chunk.columns, name)
                    column[at : at + many] = ABSENT if source is None else source[: chunk.held][mask]
            at += many
            if many < chunk.held:
                rest = Observed(*(None if c is None else c[: chunk.held][~mask] for c in chunk.columns))
                self._fill(rest, chunk.held - many)
        return taken

    def _room_for(self, many: int, chunks: list[_Chunk]) -> Observed:
        return _columns(many, self.extras if any(c.columns.extras is not None for c in chunks) else 0,
                        any(c.columns.last_ns is not None for c in chunks))

    def _fill(self, observed: Observed, many: int) -> None:
        at = 0
        while at < many:
            if not self._chunks or self._chunks[-1].held == CHUNK:
                self._chunks.append(_Chunk())
            at += self._chunks[-1].fill(observed, at, many)
        self._held += many


class _Chunk:
    def __init__(self) -> None:
        self.columns = _columns(CHUNK, 0, False)
        self.held, self.first_ns = 0, np.iinfo(np.int64).max

    @property
    def octets(self) -> int:
        return sum(c.nbytes for c in self.columns if c is not None)

    def fill(self, observed: Observed, start: int, end: int) -> int:
        """Take observations start.. as far as there is room; how many these were."""
        many = min(end - start, CHUNK - self.held)
        here, there = slice(self.held, self.held + many), slice(start, start + many)
        if observed.last_ns is not None and self.columns.last_ns is None:
            self.columns = self.columns._replace(last_ns=np.full(CHUNK, ABSENT))
        if observed.extras is not None and self.columns.extras is None:
            self.columns = self.columns._replace(extras=np.full((CHUNK, observed.extras.shape[1]), ABSENT))
        for column, source in zip(self.columns, observed, strict=True):
            if column is not None:
                column[here] = ABSENT if source is None else source[there]
        self.held += many
        if many:
            self.first_ns = min(self.first_ns, int(observed.time_ns[there].min()))
        return many


def _columns(many: int, extras: int, last: bool) -> Observed:
    return Observed(np.empty(many, np.int32), np.empty(many, np.uint8), np.empty(many, np.uint32), np.empty(many, np.int64),
                    np.empty(many, np.int32), np.empty(many, np.int64) if last else None,
                    np.empty((many, extras), np.int64) if extras else None)
