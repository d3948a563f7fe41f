"""Flows of one class: definitions of runs, and which of them are the same flow. An engine.

A probe numbers the flows of each of its runs. Each (run, number) has an index here from the first time it is heard of, be it by its
definition or by an observation; observations wait with that index, and get their flow when the definition is there.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tmon_collector.one_way.packets import Flows
from tmon_common.config.fields import FLOW_FIELDS
from tmon_common.observations import FLOW_DEFINITION

MAX_DEFINITIONS = 1 << 20
"""Of one class; those silent for longest go first, and with them what waits in vain for its definition."""
UNDEFINED = -1
_NEVER, _FREE = 0, np.iinfo(np.int64).max  # in place of the time of an observation
_AT = {f: FLOW_DEFINITION.word_of(f) for f in FLOW_FIELDS if f != "interface"}
_WIDTH = {f: FLOW_DEFINITION.dtype.fields[f][0].itemsize // 8 for f in _AT}
_CLASS, _FLOW = FLOW_DEFINITION.word_of("flow_class"), FLOW_DEFINITION.word_of("flow")
_SWAPPED = {"src_addr": "dst_addr", "dst_addr": "src_addr", "src_port": "dst_port", "dst_port": "src_port"}


def _words_of(fields: Sequence[str]) -> list[int]:
    return [w for f in fields for w in range(_AT[f], _AT[f] + _WIDTH[f])]


_KEY = _words_of(list(_AT))
_REVERSE_KEY = _words_of([_SWAPPED.get(f, f) for f in _AT])
_SOURCE, _DESTINATION = _words_of(["src_addr"]), _words_of(["dst_addr"])


class Source(NamedTuple):
    """Who gave a flow its number."""

    probe: str
    run_ms: int
    flow: int


class Definitions:
    """Of one class.

    forgotten   definitions that were forgotten for want of room
    """

    def __init__(self, flow_class: str, limit: int = MAX_DEFINITIONS) -> None:
        self.flow_class, self.limit, self.forgotten = flow_class, limit, 0
        self._runs: dict[tuple[str, int], dict[int, int]] = {}  # index of each flow number of each run
        self._sources: list[Source | None] = []  # by index
        self._flow = np.zeros(0, np.int32)
        self._used_ns = np.zeros(0, np.int64)
        self._last_ns = np.zeros(0, np.int64)  # of the latest observation, also where that cannot be right
        self._newest_ns = 0  # of all observations: a definition is as old as that, before there is any of its flow
        self._ties = np.zeros(0, np.int64)
        self._free: list[int] = []
        self._keys = _Numbers()  # of flows
        self._addresses = _Numbers()
        self._reverse, self._source, self._destination = (np.zeros(0, np.int32) for _ in range(3))
        self._count = 0  # of flow numbers that were ever given
        self._of_flow: dict[int, tuple[bytes, bytes]] = {}  # addresses of each flow

    def __len__(self) -> int:
        """Definitions, and what waits for one."""
        return len(self._sources) - len(self._free)

    def indexes(self, flows: np.ndarray, probe: str, run_ms: int, newest_ns: int, last_ns: int = _NEVER) -> np.ndarray:
        """int32: indexes of flow numbers (int64; equal ones next to each other are cheap) of a run. newest_ns: time of the
        latest observation of them that can be right; last_ns: of the latest one, if that is another."""
        edges = np.flatnonzero(flows[1:] != flows[:-1]) + 1
        starts = np.concatenate(([0], edges))
        of_run = self._runs.setdefault((probe, run_ms), {})
        self._newest_ns = max(self._newest_ns, newest_ns)
        found = [of_run.get(f, UNDEFINED) for f in flows[starts].tolist()]
        if UNDEFINED in found:
            found = [self._index(f, probe, run_ms) for f in flows[starts].tolist()]
        indexes = np.array(found, np.int32)
        self._used_ns[indexes] = np.maximum(self._used_ns[indexes], newest_ns)
        self._last_ns[indexes] = np.maximum(self._last_ns[indexes], max(newest_ns, last_ns))
        return np.repeat(indexes, np.diff(np.append(starts, len(flows)))) if len(edges) else np.full(len(flows), indexes[0])

    def define(self, words: np.ndarray, probe: str, run_ms: int, strings: Sequence[str]) -> np.ndarray:
        """Takes rows of flow_definition, int64 (n, words). Which of them are of this class (bool)."""
        ours = self._ours(words, strings)
        of_run = self._runs.setdefault((probe, run_ms), {})
        for row in words[ours]:
            if self.room <= 0 and int(row[_FLOW]) not in of_run:
                self.forgotten += 1
                continue
            index = self._index(int(row[_FLOW]), probe, run_ms)
            if self._flow[index] == UNDEFINED:
                self._flow[index] = self._number(row)
        return ours

    def undefined(self, indexes: np.ndarray) -> np.ndarray:
        """Which of these have no definition yet (bool)."""
        return self._flow[indexes] == UNDEFINED

    def known(self, words: np.ndarray, probe: str, run_ms: int, strings: Sequence[str]) -> np.ndarray:
        """Which of these rows of flow_definition (bool) are of this class and still remembered."""
        of_run = self._runs.get((probe, run_ms), {})
        remembered = np.array([n in of_run and self._flow[of_run[n]] != UNDEFINED for n in words[:, _FLOW].tolist()], bool)
        return remembered & self._ours(words, strings)

    def flows(self) -> Flows:
        """Valid until the next call of a method that changes anything."""
        n = self._count
        return Flows(self._flow[: len(self._sources)], self._reverse[:n], self._source[:n], self._destination[:n])

    def source(self, index: int) -> Source:
        """Whose number a definition is."""
        source = self._sources[index]
        assert source is not None, index
        return source

    def ties(self) -> np.ndarray:
        """int64 by definition: numbers below 2^24 that depend on whose it is, and not on the order in which definitions came."""
        return self._ties

    def forget(self, before_ns: int) -> np.ndarray:
        """Definitions that had no observation since, when there is too little room: at least an eighth is free after that, if it
        can be. int64: numbers of flows that are free for others now."""
        if len(self) <= self.limit - self.limit // 8:
            return np.zeros(0, np.int64)
        used = np.array([s is not None for s in self._sources])
        old = np.flatnonzero(used & (self._used_ns[: len(used)] < before_ns))
        surplus = len(self) - (self.limit - self.limit // 4)
        chosen = old[np.argsort(self._used_ns[old], kind="stable")[:surplus]]
        return self._release(chosen)

    def forget_silent(self, before_ns: int, now_ns: int) -> np.ndarray:
        """All that had no observation since: their probe has forgotten them, too. What was not observed yet counts from the first
        time that it is found so, at now_ns. int64: as `forget`."""
        last_ns = self._last_ns[: len(self._sources)]
        last_ns[last_ns == _NEVER] = now_ns
        return self._release(np.flatnonzero(last_ns < before_ns), counted=False)

    def forget_runs(self, probe: str, before_run_ms: int, before_ns: int) -> np.ndarray:
        """All of runs of a probe that began earlier, once nothing of them waits. int64: as `forget`."""
        gone = [key for key in self._runs if key[0] == probe and key[1] < before_run_ms]
        chosen = [i for key in gone for i in self._runs[key].values() if self._used_ns[i] < before_ns]
        freed = self._release(np.array(chosen, np.int64), counted=False)
        for key in gone:
            if not self._runs[key]:
                del self._runs[key]
        return freed

    @property
    def room(self) -> int:
        return self.limit - len(self)

    def _ours(self, words: np.ndarray, strings: Sequence[str]) -> np.ndarray:
        return np.isin(words[:, _CLASS], [i for i, s in enumerate(strings) if s == self.flow_class])

    def _index(self, number: int, probe: str, run_ms: int) -> int:
        of_run = self._runs.setdefault((probe, run_ms), {})
        index = of_run.get(number)
        if index is None:
            if self._free:
                index = self._free.pop()
                self._sources[index] = Source(probe, run_ms, number)
            else:
                index = len(self._sources)
                self._sources.append(Source(probe, run_ms, number))
                if index >= len(self._flow):
                    more = max(len(self._flow), 64)
                    self._flow = np.concatenate([self._flow, np.full(more, UNDEFINED, np.int32)])
                    self._used_ns, self._last_ns, self._ties = (
                        np.concatenate([a, np.zeros(more, np.int64)]) for a in (self._used_ns, self._last_ns, self._ties))
            self._flow[index], self._used_ns[index], self._last_ns[index] = UNDEFINED, self._newest_ns, _NEVER
            self._ties[index] = zlib.crc32(f"{probe},{run_ms},{number}".encode()) & 0xFFFFFF
            of_run[number] = index
        return index

    def _number(self, row: np.ndarray) -> int:
        """Number of the flow that has these values."""
        key, reverse_key = row[_KEY].tobytes(), row[_REVERSE_KEY].tobytes()
        number, is_new = self._keys.take(key)
        if is_new:
            addresses = row[_SOURCE].tobytes(), row[_DESTINATION].tobytes()
            if number >= len(self._reverse):
                more = max(len(self._reverse), 64)
                self._reverse = np.concatenate([self._reverse, np.full(more, -1, np.int32)])
                self._source, self._destination = (
                    np.concatenate([a, np.zeros(more, np.int32)]) for a in (self._source, self._destination))
            self._count = max(self._count, number + 1)
            self._of_flow[number] = addresses
            self._source[number], self._destination[number] = (self._addresses.take(a)[0] for a in addresses)
            other = self._keys.find(reverse_key)
            self._reverse[number] = -1
            if other is not None and other != number:
                self._reverse[number], self._reverse[other] = other, number
        return number

    def _release(self, indexes: np.ndarray, *, counted: bool = True) -> np.ndarray:
        gone: list[int] = []
        for index in indexes.tolist():
            probe, run_ms, number = self.source(index)
            del self._runs[probe, run_ms][number]
            flow = int(self._flow[index])
            self._sources[index] = None
            self._flow[index], self._last_ns[index] = UNDEFINED, _FREE
            self._free.append(index)
            if flow != UNDEFINED and self._keys.free(flow):
                gone.append(flow)
        if counted:
            self.forgotten += len(indexes)
        for flow in gone:
            for address in self._of_flow.pop(flow):
                self._addresses.free(self._addresses.find(address))
            if (other := self._reverse[flow]) >= 0:
                self._reverse[other] = -1
            self._reverse[flow], self._source[flow], self._destination[flow] = -1, 0, 0
        return np.array(gone, np.int64)


class _Numbers:
    """Small numbers for values; a value keeps its number until it is freed as often as it was taken."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._values: dict[int, bytes] = {}
        self._uses: dict[int, int] = {}
        self._free: list[int] = []

    def take(self, value: bytes) -> tuple[int, bool]:
        """(its number, whether that is new)."""
        number = self._numbers.get(value)
        if number is not None:
            self._uses[number] += 1
            return number, False
        number = self._free.pop() if self._free else len(self._values)
        self._numbers[value], self._values[number], self._uses[number] = number, value, 1
        return number, True

    def find(self, value: bytes) -> int | None:
        return self._numbers.get(value)

    def free(self, number: int) -> bool:
        """Whether it was taken for the last time."""
        self._uses[number] -= 1
        if self._uses[number]:
            return False
        del self._numbers[self._values.pop(number)], self._uses[number]
        self._free.append(number)
        return True
