"""The shared-memory ring between father (producer) and child (consumer): fixed-size packet records, and octets of some packets.

One producer, one consumer. Head and tail count records since the start, each on a cache line of its own, published with
release stores and read with acquire loads. Who has to wait sleeps on an eventfd; the flag that says so is on a third line.

The octets lie in an area of their own, each entry in one piece: one that would go past the end of the area begins at its start.
Positions there count octets since the start too, those left out at the end included. Every record tells the position of its own
or of the next entry, so the last record that is released tells how far the area is free again.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from tmon_common.kernels.fences import full_fence, load_acquire, store_release
from tmon_probe.ring_memory import RingMemory

LINE = 8  # int64 words in a cache line
HEAD, TAIL, PRODUCER_WAITS, CONSUMER_WAITS, ENDED, WATERMARK, HURRIED, STOPPED = (i * LINE for i in range(8))
SOON, AT_ONCE = 1, 2
AREA_HEAD, PUBLICATIONS = HEAD + 1, HEAD + 2
AREA_TAIL = TAIL + 1
WANTED_TAIL, WANTED_AREA_TAIL = PRODUCER_WAITS + 1, PRODUCER_WAITS + 2
WORTH_WAKING = 4  # a waiting producer is woken when a quarter of the slots is free
MAX_WAIT_S = 0.1  # even if a wake-up were lost, nobody sleeps longer
OFFSET_MASK = (1 << 32) - 1


@dataclass
class Span:
    """Contiguous records of the ring: `start` is the slot of the first, `count` how many."""

    start: int
    count: int


class Ring:
    """Create before forking; then the father uses the producer half, the child the consumer half.

    slots       a power of two; octets: length of the area, likewise, at most 2^31
    memory, lane    where it lies, if not in memory of its own
    `records` is the structured array (slots,) of records.PACKET itself, `area` the uint8 array (octets,).
    """

    def __init__(self, slots: int, octets: int, memory: RingMemory | None = None, lane: int = 0) -> None:
        self._own = None if memory else RingMemory(1, slots, octets)
        memory = memory or self._own
        self.slots, self.octets = slots, octets
        self._words, self.records, self.area = memory.words[lane], memory.records[lane], memory.areas[lane]
        self._offsets, self._lengths = self.records["bytes_offset"], self.records["bytes_length"]
        self._space = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._data = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    # producer

    def free(self) -> Span:
        """Slots that may be written now, up to the end of the array."""
        head = self._words[HEAD]
        used = head - load_acquire(self._words, TAIL)
        start = int(head) & (self.slots - 1)
        return Span(start, min(self.slots - int(used), self.slots - start))

    def area_free(self) -> tuple[int, int]:
        """(position of the next octet, how many from there may be written now). The position counts on, around the area."""
        position = int(self._words[AREA_HEAD])
        return position, self.octets - (position - load_acquire(self._words, AREA_TAIL))

    def publish(self, count: int, position: int, watermark_ns: int) -> None:
        """The next `count` records are complete, and the area up to `position`; no later record will be older than watermark_ns
        (about, where a source is not in order)."""
        self._words[AREA_HEAD] = position
        store_release(self._words, HEAD, int(self._words[HEAD]) + count)
        store_release(self._words, WATERMARK, watermark_ns)  # after the records: who sees it sees them
        store_release(self._words, PUBLICATIONS, int(self._words[PUBLICATIONS]) + 1)
        full_fence()
        if load_acquire(self._words, CONSUMER_WAITS):
            _ring_bell(self._data)

    def pad(self) -> None:
        """Fill the one slot before the end of the array with a record of no class and no flags, where two were needed in a row."""
        slot = int(self._words[HEAD]) & (self.slots - 1)
        record = self.records[slot]
        record["time_ns"] = self.records["time_ns"][slot - 1]
        record["class_mask"], record["flags"], record["quoted_mask"] = 0, 0, 0
        record["bytes_offset"], record["bytes_length"] = int(self._words[AREA_HEAD]) & OFFSET_MASK, 0
        store_release(self._words, HEAD, int(self._words[HEAD]) + 1)

    def has_room(self, count: int, octets: int = 0) -> bool:
        """Are `count` slots and `octets` of the area free?"""
        return (self._words[HEAD] + count - load_acquire(self._words, TAIL) <= self.slots
                and self._words[AREA_HEAD] + octets - load_acquire(self._words, AREA_TAIL) <= self.octets)

    def wait_for_space(self, count: int = 1, octets: int = 0, filenos: Sequence[int] = ()) -> None:
        """Sleep until `count` slots and `octets` of the area are free, and a good part of what was short with them: waking for less
        is not worth it.

        Returns when one of `filenos` is readable too, and after a tenth of a second at the latest.
        """
        octets = min(max(octets, self.octets // WORTH_WAKING), self.octets) if octets else 0
        self._words[WANTED_TAIL] = self._words[HEAD] + max(count, self.slots // WORTH_WAKING) - self.slots
        self._words[WANTED_AREA_TAIL] = self._words[AREA_HEAD] + octets - self.octets
        _wait((self,), PRODUCER_WAITS, [self._space], self._wanted_is_free, filenos, MAX_WAIT_S)

    def end(self) -> None:
        """Nothing more will be published."""
        store_release(self._words, ENDED, 1)
        _ring_bell(self._data)

    @property
    def stopped(self) -> bool:
        """Somebody wants the producer to end."""
        return bool(load_acquire(self._words, STOPPED))

    # consumer

    def filled(self) -> Span:
        """Records that wait to be read, up to the end of the array."""
        tail = self._words[TAIL]
        waiting = load_acquire(self._words, HEAD) - tail
        start = int(tail) & (self.slots - 1)
        return Span(start, min(int(waiting), self.slots - start))

    def release(self, count: int) -> None:
        """The oldest `count` records have been read: their slots, and octets, may be written again."""
        if not count:
            return
        tail, area_tail = int(self._words[TAIL]) + count, int(self._words[AREA_TAIL])
        last = (tail - 1) & (self.slots - 1)
        end = int(self._offsets[last]) + int(self._lengths[last])
        self._words[AREA_TAIL] = area_tail + ((end - area_tail) & OFFSET_MASK)
        store_release(self._words, TAIL, tail)  # after the other: who sees it sees both
        full_fence()
        if load_acquire(self._words, PRODUCER_WAITS) and self._wanted_is_free():
            _ring_bell(self._space)

    def wait_for_data(self, timeout_s: float, filenos: Sequence[int] = ()) -> None:
        """Sleep until a record is published, one of `filenos` is readable, or timeout_s has gone."""
        _wait((self,), CONSUMER_WAITS, [self._data], lambda: bool(self.filled().count), filenos, timeout_s)

    def octets_of(self, record: np.void) -> bytes:
        """The octets that came with a record (records.PACKET) that has not been released; b"" for most."""
        start = int(record["bytes_offset"]) & (self.octets - 1)
        return self.area[start : start + int(record["bytes_length"])].tobytes()

    @property
    def position(self) -> int:
        """Records released since the start: the oldest one that waits is in slot position % slots."""
        return int(self._words[TAIL])

    @property
    def publications(self) -> int:
        """How often something was published. What was told before is seen by whoever looks after this."""
        return load_acquire(self._words, PUBLICATIONS)

    @property
    def ended(self) -> bool:
        """The producer has said its last word. Look at `filled` after this, not before."""
        return bool(load_acquire(self._words, ENDED))

    @property
    def hurried(self) -> bool:
        """The end is waited for."""
        return bool(load_acquire(self._words, HURRIED))

    @property
    def cut_short(self) -> bool:
        """The end is waited for no longer."""
        return load_acquire(self._words, HURRIED) == AT_ONCE

    @property
    def watermark_ns(self) -> int:
        """Packet time that the producer has reached. What it published before is seen by whoever looks at `fill` after this."""
        return load_acquire(self._words, WATERMARK)

    @property
    def pressing(self) -> bool:
        """The producer waits for space, or soon will: half of the slots or of the area is in use."""
        return (bool(load_acquire(self._words, PRODUCER_WAITS)) or 2 * self.fill >= self.slots or 2 * self.area_fill >= self.octets)

    # anybody

    @property
    def fill(self) -> int:
        """Records published and not yet released."""
        return int(load_acquire(self._words, HEAD) - load_acquire(self._words, TAIL))

    @property
    def area_fill(self) -> int:
        """Octets of the area in use."""
        return int(load_acquire(self._words, AREA_HEAD) - load_acquire(self._words, AREA_TAIL))

    def hurry(self) -> None:
        """Somebody waits for the end: the consumer is to be patient with nobody."""
        if not self.hurried:
            store_release(self._words, HURRIED, SOON)
        _ring_bell(self._data)

    def cut(self) -> None:
        """Nobody waits any longer: the consumer is to end."""
        store_release(self._words, HURRIED, AT_ONCE)
        _ring_bell(self._data)

    def stop(self) -> None:
        """The producer, in whatever process it is, should end."""
        store_release(self._words, STOPPED, 1)
        _ring_bell(self._space)

    def close(self) -> None:
        """Drop this process's hold of the ring and its file descriptors."""
        self.records = self.area = self._words = self._offsets = self._lengths = None
        if self._own:
            self._own.close()
        os.close(self._space)
        os.close(self._data)

    def _wanted_is_free(self) -> bool:
        return (load_acquire(self._words, TAIL) >= self._words[WANTED_TAIL]
                and load_acquire(self._words, AREA_TAIL) >= self._words[WANTED_AREA_TAIL])


def wait_for_publication(rings: Sequence[Ring], since: Sequence[int], timeout_s: float, filenos: Sequence[int] = ()) -> None:
    """Sleep until one of the rings is published to, one of `filenos` is readable, or timeout_s has gone.

    since   `publications` of each ring, taken before its records and watermark were looked at
    """
    _wait(rings, CONSUMER_WAITS, [r._data for r in rings],
          lambda: any(r.publications != n for r, n in zip(rings, since, strict=True)), filenos, timeout_s)


def _wait(rings: Sequence[Ring], flag: int, bells: list[int], ready: Callable[[], bool], filenos: Sequence[int],
          timeout_s: float) -> None:
    for ring in rings:
        store_release(ring._words, flag, 1)
    full_fence()
    try:
        if not ready():
            select.select([*bells, *filenos], [], [], min(timeout_s, MAX_WAIT_S))
    finally:
        for ring, bell in zip(rings, bells, strict=True):
            store_release(ring._words, flag, 0)
            with suppress(BlockingIOError):
                os.eventfd_read(bell)


def _ring_bell(bell: int) -> None:
    with suppress(BlockingIOError):  # a full counter: the other side has more than enough reasons to wake
        os.eventfd_write(bell, 1)
