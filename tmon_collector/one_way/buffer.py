"""Observations of a class that wait for their round: a list of chunks, so that nothing is copied when it grows."""

from __future__ import annotations

import numpy as np

from tmon_collector.one_way.packets import Observed, chosen
from tmon_common.observations import ABSENT

LEAST, CHUNK = 256, 1 << 16
"""Observations of a chunk, at least and at most: in between, a sixty-fourth of what the buffer holds, so that little is empty."""


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

    @property
    def median_ns(self) -> int:
        """Half of the observations are not later; there must be any."""
        times = np.concatenate([c.times for c in self._chunks])
        return int(np.partition(times, len(times) // 2)[len(times) // 2])

    def drop(self, from_ns: int) -> int:
        """Forget the observations from then on. How many these were."""
        before = self._held
        later = [c for c in self._chunks if int(c.times.max(initial=from_ns - 1)) >= from_ns]
        self._chunks = [c for c in self._chunks if c not in later]
        self._held = sum(c.held for c in self._chunks)
        for chunk in later:
            stays = chosen(chunk.observed, chunk.times < from_ns)
            self._fill(stays, len(stays.time_ns))
        return before - self._held

    def append(self, observed: Observed) -> int:
        """Take them, copied. How many found room: the first ones; the others are counted as refused."""
        taken = min(len(observed.time_ns), max(0, self.room))
        self.refused += len(observed.time_ns) - taken
        self._fill(observed, taken)
        return taken

    def put_back(self, observed: Observed) -> None:
        """Like `append`, of observations that were taken: they have room whatever the limit is."""
        self._fill(observed, len(observed.time_ns))

    def take(self, until_ns: int) -> Observed:
        """Remove the observations before `until_ns`, and give them, in no particular order."""
        older = [chunk for chunk in reversed(self._chunks) if chunk.first_ns < until_ns]
        self._chunks = [chunk for chunk in self._chunks if chunk.first_ns >= until_ns]
        self._held = sum(chunk.held for chunk in self._chunks)
        taken = _columns(sum(int(np.count_nonzero(chunk.times < until_ns)) for chunk in older),
                         self.extras if any(chunk.columns.extras is not None for chunk in older) else 0,
                         any(chunk.columns.last_ns is not None for chunk in older))
        at = 0
        while older:  # each chunk is given up as soon as it is copied, so that memory does not hold all of them twice
            chunk = older.pop()
            goes = chunk.times < until_ns
            many = int(np.count_nonzero(goes))
            part = chosen(chunk.observed, slice(None) if many == chunk.held else goes)
            for column, source in zip(taken, part, strict=True):
                if column is not None:
                    column[at : at + many] = ABSENT if source is None else source
            at += many
            if many < chunk.held:
                self._fill(chosen(chunk.observed, ~goes), chunk.held - many)
        return taken

    def _fill(self, observed: Observed, many: int) -> None:
        at = 0
        while at < many:
            if not self._chunks or not self._chunks[-1].room:
                self._chunks.append(_Chunk(min(max(LEAST, self._held // 64), CHUNK)))
            taken = self._chunks[-1].fill(observed, at, many)
            at += taken
            self._held += taken


class _Chunk:
    def __init__(self, size: int) -> None:
        self.columns = _columns(size, 0, False)
        self.size, self.held, self.first_ns = size, 0, np.iinfo(np.int64).max

    @property
    def room(self) -> int:
        return self.size - self.held

    @property
    def octets(self) -> int:
        return sum(c.nbytes for c in self.columns if c is not None)

    @property
    def times(self) -> np.ndarray:
        return self.columns.time_ns[: self.held]

    @property
    def observed(self) -> Observed:
        return chosen(self.columns, slice(self.held))

    def fill(self, observed: Observed, start: int, end: int) -> int:
        """Take observations start.. as far as there is room; how many these were."""
        many = min(end - start, self.room)
        here, there = slice(self.held, self.held + many), slice(start, start + many)
        if observed.last_ns is not None and self.columns.last_ns is None:
            self.columns = self.columns._replace(last_ns=np.full(self.size, ABSENT))
        if observed.extras is not None and self.columns.extras is None:
            self.columns = self.columns._replace(extras=np.full((self.size, observed.extras.shape[1]), ABSENT))
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
