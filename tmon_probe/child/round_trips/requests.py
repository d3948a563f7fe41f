"""Requests that wait for their answer, of one granular flow definition: a bounded table over exact keys. An engine.

A request is known by observation point, both addresses and ports, metric, identifier and question. Its round trip ends with the
first answer; further ones find nothing. Of a request repeated within REPEAT_NS the first copy counts: the passive monitor cannot
know which copy was answered (Karn), so the figure holds the wait of who asked, as Wireshark's dns.time does. An echo request to
a multicast or broadcast address stays unanswered: those who answer are not whom it was sent to.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tmon_common.analyses.built_in import METRICS
from tmon_common.kernels.keyed_hash import random_words
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.round_trips.request_kernels import (
    EVERYBODY,
    EVICTED,
    MARKED,
    OVERDUE,
    PENDING,
    PENDING_COUNT,
    REPEATED,
    SEED_WORDS,
    UNANSWERED,
    UNMATCHED,
    enter_all,
    give_up,
    match,
)
from tmon_probe.child.round_trips.sample import OWNER, SAMPLE

FIRST_ENTRIES = 1024
EVICTED_SHARE = 8
"""When the table is full, the oldest 1/8 of the requests make room."""
_NONE = np.zeros(0, np.uint8)
Found = tuple[np.ndarray, np.ndarray]
"""SAMPLE (k,) and, beside them, OWNER (k,)."""


class Requests:
    """points: observation point of each interface of the probe. metrics: positions in METRICS of those that are looked for."""

    COUNTERS = ("requests_pending", "requests_unanswered", "requests_evicted", "requests_repeated", "answers_unmatched")

    def __init__(self, maximum: int, timeout_ns: int, points: Sequence[int], metrics: Sequence[int]) -> None:
        self.maximum, self._timeout_ns = maximum, timeout_ns
        self._points = np.arange(256, dtype=np.uint16)
        self._points[: len(points)] = points
        self._wanted = np.zeros(len(METRICS), np.uint8)
        self._wanted[list(metrics)] = 1
        self._seed = random_words(SEED_WORDS)
        self._state = np.zeros(5, np.int64)
        self._grow(min(FIRST_ENTRIES, maximum))

    def __len__(self) -> int:
        return int(self._state[PENDING_COUNT])

    def match(self, messages: np.ndarray, batch: FlowBatch, number: int) -> Found:
        """Messages (MESSAGE) of a batch; number: position of the granular flow definition in batch.flow."""
        samples, owners = np.empty(len(messages), SAMPLE), np.empty(len(messages), OWNER)
        start = found = 0
        while True:
            start, more = match(messages, start, batch.records, self._points, batch.flow[number], batch.direction[number],
                                batch.numbers, self._wanted, self._timeout_ns, self._seed, self._entries, self._heads, self._state,
                                samples[found:], owners[found:])
            found += more
            if start == len(messages):
                return samples[:found], owners[:found]
            self._make_room()

    def expire(self, now_ns: int) -> Found:
        """Those that have waited too long at packet time now_ns, or are of a recording that was later."""
        return self._give_up(OVERDUE, _NONE, now_ns)

    def retire(self, entries: np.ndarray, now_ns: int) -> Found:
        """Those of these flow entries (int32), and those that have waited too long."""
        marks = np.zeros(int(entries.max()) + 1 if len(entries) else 0, np.uint8)
        marks[entries] = 1
        return self._give_up(OVERDUE, marks, now_ns)

    def rest(self, now_ns: int) -> Found:
        """All."""
        return self._give_up(EVERYBODY, _NONE, now_ns)

    def counters(self) -> dict[str, int]:
        values = self._state[[PENDING_COUNT, UNANSWERED, EVICTED, REPEATED, UNMATCHED]]
        return dict(zip(self.COUNTERS, values.tolist(), strict=True))

    def _give_up(self, whose: int, marks: np.ndarray, now_ns: int) -> Found:
        samples, owners = np.empty(len(self), SAMPLE), np.empty(len(self), OWNER)
        count = give_up(whose, marks, now_ns, self._timeout_ns, self._entries, self._heads, self._state, samples, owners)
        self._state[EVICTED if whose == MARKED else UNANSWERED] += count
        return samples[:count], owners[:count]

    def _make_room(self) -> None:
        """Grow, or, at the maximum, forget the oldest: they did not have their time, so nothing is told of them."""
        if len(self._entries) < self.maximum:
            self._grow(min(2 * len(self._entries), self.maximum))
            return
        times = self._entries["time_ns"]
        count = max(len(times) // EVICTED_SHARE, 1)
        marks = np.zeros(len(times), np.uint8)
        marks[np.argpartition(times, count - 1)[:count]] = 1
        self._give_up(MARKED, marks, 0)

    def _grow(self, capacity: int) -> None:
        entries = np.zeros(capacity, PENDING)
        if len(self):
            entries[: len(self)] = self._entries[: len(self)]
        self._entries = entries
        self._heads = np.empty(1 << (2 * capacity - 1).bit_length(), np.int32)
        enter_all(self._entries, self._heads, self._state)
