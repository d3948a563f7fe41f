"""The shared-memory ring between father (producer) and child (consumer): fixed-size packet records, read in place.

One producer, one consumer. Head and tail count records since the start, each on a cache line of its own, published with
release stores and read with acquire loads. Who has to wait sleeps on an eventfd; the flag that says so is on a third line.
The segment is unlinked as soon as both processes hold it, so that no way of dying leaves it behind.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import shared_memory

import numpy as np

from tmon_common.kernels.fences import full_fence, load_acquire, store_release, words_of
from tmon_probe.records import PACKET

LINE = 8  # int64 words in a cache line
HEAD, TAIL, PRODUCER_WAITS, CONSUMER_WAITS, ENDED, WATERMARK, HURRIED = (i * LINE for i in range(7))
CONTROL_OCTETS = 4096
WORTH_WAKING = 4  # a waiting producer is woken when a quarter of the slots is free
MAX_WAIT_S = 0.1  # even if a wake-up were lost, nobody sleeps longer


@dataclass
class Span:
    """Contiguous records of the ring: `start` is the slot of the first, `count` how many."""

    start: int
    count: int


class Ring:
    """Create before forking; then the father uses the producer half, the child the consumer half.

    slots: a power of two. `records` is the structured array (slots,) of records.PACKET itself.
    """

    def __init__(self, slots: int) -> None:
        if slots < 2 or slots & (slots - 1):
            raise ValueError(f"ring of {slots} slots: must be a power of two")
        self.slots = slots
        self._memory = shared_memory.SharedMemory(create=True, size=CONTROL_OCTETS + slots * PACKET.itemsize)
        self._words = words_of(self._memory.buf, 0, CONTROL_OCTETS // 8)
        self.records = np.frombuffer(self._memory.buf, dtype=PACKET, count=slots, offset=CONTROL_OCTETS)
        self._space = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._data = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        # Both processes inherit the mapping over fork: the name has served its purpose.
        self._memory.unlink()

    # producer

    def free(self) -> Span:
        """Slots that may be written now, up to the end of the array."""
        head = self._words[HEAD]
        used = head - load_acquire(self._words, TAIL)
        start = int(head) & (self.slots - 1)
        return Span(start, min(self.slots - int(used), self.slots - start))

    def publish(self, count: int, watermark_ns: int) -> None:
        """The next `count` records are complete; no later record will be older than watermark_ns (per source, about)."""
        store_release(self._words, HEAD, int(self._words[HEAD]) + count)
        store_release(self._words, WATERMARK, watermark_ns)  # after the records: who sees it sees them
        full_fence()
        if load_acquire(self._words, CONSUMER_WAITS):
            _ring_bell(self._data)

    def pad(self) -> None:
        """Fill the one slot before the end of the array with a record of no class, where two were needed in a row."""
        record = self.records[int(self._words[HEAD]) & (self.slots - 1)]
        record["class_mask"], record["flags"] = 0, 0
        store_release(self._words, HEAD, int(self._words[HEAD]) + 1)

    def wait_for_space(self, count: int = 1) -> None:
        """Sleep until `count` slots are free, and a good part of the ring with them: waking for less is not worth it.

        Returns after a tenth of a second at the latest.
        """
        enough = self._words[HEAD] + max(count, self.slots // WORTH_WAKING) - self.slots
        self._wait(PRODUCER_WAITS, self._space, lambda: load_acquire(self._words, TAIL) >= enough, ())

    def end(self) -> None:
        """Nothing more will be published."""
        store_release(self._words, ENDED, 1)
        _ring_bell(self._data)

    def hurry(self) -> None:
        """Somebody waits for the end: the consumer is to be patient with nobody."""
        store_release(self._words, HURRIED, 1)
        _ring_bell(self._data)

    # consumer

    def filled(self) -> Span:
        """Records that wait to be read, up to the end of the array."""
        tail = self._words[TAIL]
        waiting = load_acquire(self._words, HEAD) - tail
        start = int(tail) & (self.slots - 1)
        return Span(start, min(int(waiting), self.slots - start))

    def release(self, count: int) -> None:
        """The oldest `count` records have been read and their slots may be written again."""
        store_release(self._words, TAIL, int(self._words[TAIL]) + count)
        full_fence()
        if load_acquire(self._words, PRODUCER_WAITS) and self.slots - self.fill >= self.slots // WORTH_WAKING:
            _ring_bell(self._space)

    def wait_for_data(self, timeout_s: float, filenos: tuple[int, ...] = ()) -> None:
        """Sleep until a record is published, one of `filenos` is readable, or timeout_s has gone."""
        self._wait(CONSUMER_WAITS, self._data, lambda: load_acquire(self._words, HEAD) > self._words[TAIL], filenos, timeout_s)

    @property
    def ended(self) -> bool:
        """The producer has said its last word. Look at `filled` after this, not before."""
        return bool(load_acquire(self._words, ENDED))

    @property
    def hurried(self) -> bool:
        """The end is waited for."""
        return bool(load_acquire(self._words, HURRIED))

    @property
    def watermark_ns(self) -> int:
        """Packet time that the producer has reached. What it published before is seen by whoever looks at `fill` after this."""
        return load_acquire(self._words, WATERMARK)

    @property
    def fill(self) -> int:
        """Records published and not yet released."""
        return int(load_acquire(self._words, HEAD) - load_acquire(self._words, TAIL))

    def close(self) -> None:
        """Drop this process's hold of the segment and its file descriptors."""
        self.records = self._words = None
        with suppress(BufferError):  # someone still looks at a record; the mapping goes with the process
            self._memory.close()
        os.close(self._space)
        os.close(self._data)

    def _wait(self, flag: int, bell: int, ready, filenos: tuple[int, ...], timeout_s: float = MAX_WAIT_S) -> None:
        store_release(self._words, flag, 1)
        full_fence()
        try:
            if not ready():
                select.select([bell, *filenos], [], [], min(timeout_s, MAX_WAIT_S))
        finally:
            store_release(self._words, flag, 0)
            with suppress(BlockingIOError):
                os.eventfd_read(bell)


def _ring_bell(bell: int) -> None:
    with suppress(BlockingIOError):  # a full counter: the other side has more than enough reasons to wake
        os.eventfd_write(bell, 1)
