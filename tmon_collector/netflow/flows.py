"""Numbers of flows: never twice in a run; a flow that was forgotten gets a new one."""

from __future__ import annotations

import numpy as np

from tmon_collector.netflow.flow_kernel import FREE, KEY_WORDS, assign, rebuild
from tmon_collector.netflow.records import NO_NUMBER
from tmon_common.kernels.keyed_hash import random_words
from tmon_common.observations import ABSENT, FLOW_DEFINITION

MAX_FLOWS = 1 << 20
FIRST_FLOWS = 1 << 12
EVICTED_SHARE = 8
"""When MAX_FLOWS are known, the 1/8 seen longest ago make room."""
_NS = 1_000_000
_BITS = 17  # of a port and whether there is one


class Flows:
    """Which flow of which exporter a record is of."""

    def __init__(self, max_flows: int = MAX_FLOWS) -> None:
        self.max_flows = max_flows
        self.created = self.forgotten = 0
        self._random = random_words(2 * KEY_WORDS + 1)
        self._calls = 0
        self.clear()

    def clear(self) -> None:
        """All are forgotten; numbers go on."""
        self._used = 0
        self._allocate(min(FIRST_FLOWS, self.max_flows))

    def __len__(self) -> int:
        return self._used

    def assign(self, flows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(numbers int64 (n,) of RECORDs, positions of those that are the first of a new flow)."""
        keys = _keys(flows)
        numbers = np.empty(len(flows), np.int64)
        entries = np.empty(len(flows), np.int64)
        first: list[np.ndarray] = []
        self._calls += 1
        done = 0
        while done < len(flows):
            stop, used = assign(keys, done, self._calls, self._random, self._slots, self._keys, self._last_seen, self._used,
                                entries)
            new = used - self._used
            self._numbers[self._used : used] = np.arange(self.created + 1, self.created + 1 + new)
            if new:
                fresh = done + np.flatnonzero(entries[done:stop] >= self._used)
                first.append(fresh[np.unique(entries[fresh], return_index=True)[1]])
            self.created += new
            self._used = used
            numbers[done:stop] = self._numbers[entries[done:stop]]
            if stop < len(flows):
                self._make_room()
            done = stop
        return numbers, np.concatenate(first) if first else np.zeros(0, np.int64)

    def _make_room(self) -> None:
        if len(self._keys) < self.max_flows:
            self._allocate(min(2 * len(self._keys), self.max_flows))
            return
        count = max(self._used // EVICTED_SHARE, 1)
        kept = np.sort(np.argpartition(self._last_seen[: self._used], count - 1)[count:])
        for held in (self._keys, self._numbers, self._last_seen):
            held[: len(kept)] = held[kept]
        self.forgotten += count
        self._used = len(kept)
        self._allocate(len(self._keys))

    def _allocate(self, capacity: int) -> None:
        """Room for so many, those that are there kept."""
        used = self._used
        keys, numbers = np.empty((capacity, KEY_WORDS), np.int64), np.empty(capacity, np.int64)
        last_seen = np.empty(capacity, np.int64)
        if used:
            keys[:used], numbers[:used], last_seen[:used] = self._keys[:used], self._numbers[:used], self._last_seen[:used]
        self._keys, self._numbers, self._last_seen = keys, numbers, last_seen
        self._slots = np.full(1 << (2 * capacity - 1).bit_length(), FREE, np.int32)
        rebuild(self._random, self._slots, self._keys, used)


def definitions(flows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Rows of flow_definition, int64 (n, words), of RECORDs; the only string is their class."""
    words = np.full((len(flows), FLOW_DEFINITION.words), ABSENT, np.int64)
    word = FLOW_DEFINITION.word_of
    words[:, word("flow")], words[:, word("flow_class")], words[:, word("bidirectional")] = numbers, 0, 0
    for name in ("src_addr", "dst_addr"):
        words[:, word(name) : word(name) + 2] = flows[name]
    for name in ("protocol", "src_port", "dst_port"):
        words[:, word(name)] = np.where(flows[name] == NO_NUMBER, ABSENT, flows[name].astype(np.int64))
    words[:, word("first_seen")] = flows["start_ms"] * _NS
    return words


def _keys(flows: np.ndarray) -> np.ndarray:
    """int64 (n, KEY_WORDS), equal for records of one flow: 128 bits of each address, the rest in one word."""
    keys = np.empty((len(flows), KEY_WORDS), np.int64)
    keys[:, 0:2], keys[:, 2:4] = flows["src_addr"], flows["dst_addr"]
    last = keys[:, 4]
    last[:] = flows["exporter"]
    for name, bits in (("protocol", 9), ("src_port", _BITS), ("dst_port", _BITS)):
        last <<= bits
        last |= flows[name].astype(np.int64) + 1
    return keys
