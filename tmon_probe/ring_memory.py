"""The memory that the rings of a probe lie in: one piece, all control words, then all records, then all areas."""

from __future__ import annotations

import mmap
from contextlib import suppress

import numpy as np

from tmon_common.kernels.fences import words_of
from tmon_probe.records import PACKET

CONTROL_OCTETS = 4096


class RingMemory:
    """Zeroed shared memory for `lanes` rings, inherited over fork. It has no name, so no way of dying leaves it behind; it does not
    lie in /dev/shm, which containers have little of: who writes beyond that is killed.

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
        self._memory = buffer = mmap.mmap(-1, areas_at + lanes * octets)
        self.words = words_of(buffer, 0, records_at // 8).reshape(lanes, -1)
        self.records = np.frombuffer(buffer, PACKET, lanes * slots, records_at).reshape(lanes, slots)
        self.areas = np.frombuffer(buffer, np.uint8, lanes * octets, areas_at).reshape(lanes, octets)

    def close(self) -> None:
        """Drop this process's hold of the memory."""
        self.words = self.records = self.areas = None
        with suppress(BufferError):  # someone still looks at a record; the mapping goes with the process
            self._memory.close()
