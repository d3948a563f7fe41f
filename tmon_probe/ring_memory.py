"""The memory that the rings of a probe lie in: one segment, all control words, then all records, then all areas."""

from __future__ import annotations

import os
from contextlib import suppress
from multiprocessing import shared_memory

import numpy as np

from tmon_common.kernels.fences import words_of
from tmon_common.stats import SEGMENTS
from tmon_probe.records import PACKET

CONTROL_OCTETS = 4096


class RingMemoryError(Exception):
    """There is no memory for the rings: how much it would take, and what to change."""


class RingMemory:
    """Zeroed shared memory for `lanes` rings, inherited over fork; it has no name, so no way of dying leaves it behind.

    words       int64 (lanes, CONTROL_OCTETS / 8): what producer and consumer of each ring tell each other
    records     records.PACKET (lanes, slots)
    areas       uint8 (lanes, octets)
    slots and octets: powers of two, else ValueError.
    """

    def __init__(self, lanes: int, slots: int, octets: int) -> None:
        for number, what in ((slots, "slots"), (octets, "octets")):
            if number < 2 or number & (number - 1):
                raise ValueError(f"ring of {number} {what}: must be a power of two")
        records_at = lanes * CONTROL_OCTETS
        areas_at = records_at + lanes * slots * PACKET.itemsize
        self._memory = _reserved(areas_at + lanes * octets)
        buffer = self._memory.buf
        self.words = words_of(buffer, 0, records_at // 8).reshape(lanes, -1)
        self.records = np.frombuffer(buffer, PACKET, lanes * slots, records_at).reshape(lanes, slots)
        self.areas = np.frombuffer(buffer, np.uint8, lanes * octets, areas_at).reshape(lanes, octets)

    def close(self) -> None:
        """Drop this process's hold of the segment."""
        self.words = self.records = self.areas = None
        with suppress(BufferError):  # someone still looks at a record; the mapping goes with the process
            self._memory.close()


def _reserved(size: int) -> shared_memory.SharedMemory:
    """All of it there from the beginning: who writes where shared memory has no room left is killed (SIGBUS).

    RingMemoryError if there is not so much.
    """
    memory = shared_memory.SharedMemory(create=True, size=size)
    # Every process inherits the mapping over fork: the name serves no more purpose than this.
    try:
        descriptor = os.open(SEGMENTS / memory.name, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.posix_fallocate(descriptor, 0, size)
        finally:
            os.close(descriptor)
    except OSError as error:
        memory.close()
        raise RingMemoryError(f"{SEGMENTS} has no room for the rings, {-(-size >> 20)} MiB: {error.strerror}; make it larger "
                              f"(mount -o remount,size=1G {SEGMENTS}; a container: --shm-size=1g), or take smaller ring_slots and "
                              "ring_octets") from None
    finally:
        memory.unlink()
    return memory
