"""Counters of a running process in shared memory, for whoever monitors it: named int64 numbers, one writer, many readers.

The writer creates the segment and removes it when it stops; a segment that a killed process left is replaced at the next
start. A reader sees numbers that are each exact, though not all of the same instant.
"""

from __future__ import annotations

import os
from contextlib import suppress
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path

import numpy as np

SEGMENTS = Path("/dev/shm")  # noqa: S108 it is where Linux keeps them
MAX_COUNTERS = 256
NAME_OCTETS = 48
_HEADER_OCTETS = 64  # int64 words: magic, number of counters, writer's pid
_MAGIC = 0x7472666D53544154


class Statistics:
    """`numbers`: int64 array (len(names),) in place. Writers index it by position (`index`), readers take `snapshot()`."""

    def __init__(self, memory: shared_memory.SharedMemory, names: tuple[str, ...], owner: bool) -> None:
        self._memory, self._owner, self.names = memory, owner, names
        self.index = {name: i for i, name in enumerate(names)}
        self.numbers = np.frombuffer(memory.buf, np.int64, len(names), _HEADER_OCTETS + MAX_COUNTERS * NAME_OCTETS)

    @classmethod
    def create(cls, segment: str, names: tuple[str, ...]) -> Statistics:
        """A new segment, all zeros. FileExistsError if a living process has one of this name."""
        if len(names) > MAX_COUNTERS:
            raise ValueError(f"{len(names)} counters, at most {MAX_COUNTERS}")
        size = _HEADER_OCTETS + MAX_COUNTERS * (NAME_OCTETS + 8)
        try:
            memory = shared_memory.SharedMemory(segment, create=True, size=size)
        except FileExistsError:
            if _writer_lives(segment):
                raise
            _remove(segment)
            memory = shared_memory.SharedMemory(segment, create=True, size=size)
        header = np.frombuffer(memory.buf, np.int64, 3)
        header[1:] = (len(names), os.getpid())
        texts = np.frombuffer(memory.buf, f"S{NAME_OCTETS}", MAX_COUNTERS, _HEADER_OCTETS)
        texts[: len(names)] = [n.encode() for n in names]
        header[0] = _MAGIC  # last: from now on others may read
        return cls(memory, names, owner=True)

    @classmethod
    def attach(cls, segment: str) -> Statistics:
        """Read the statistics of another process. FileNotFoundError if there is none of this name, or it is only being made."""
        try:
            memory = shared_memory.SharedMemory(segment)
        except ValueError:  # it has no size yet
            raise FileNotFoundError(f"{segment}: no trafMon statistics") from None
        # Only the writer removes the segment; Python 3.11 would have every reader do it.
        resource_tracker.unregister(memory._name, "shared_memory")
        magic, count, _ = np.frombuffer(memory.buf, np.int64, 3).tolist()
        if magic != _MAGIC:
            memory.close()
            raise FileNotFoundError(f"{segment}: no trafMon statistics")
        texts = np.frombuffer(memory.buf, f"S{NAME_OCTETS}", count, _HEADER_OCTETS)
        return cls(memory, tuple(bytes(t).decode() for t in texts), owner=False)

    def snapshot(self) -> dict[str, int]:
        return dict(zip(self.names, self.numbers.tolist(), strict=True))

    def close(self) -> None:
        """Let go; the writer also removes the segment."""
        self.numbers = None
        with suppress(BufferError):
            self._memory.close()
        if self._owner:
            with suppress(FileNotFoundError):
                self._memory.unlink()


def _writer_lives(segment: str) -> bool:
    try:
        other = shared_memory.SharedMemory(segment)
    except (FileNotFoundError, ValueError):  # ValueError: its writer was killed before it had a size
        return False
    resource_tracker.unregister(other._name, "shared_memory")
    try:
        magic, _, pid = np.frombuffer(other.buf, np.int64, 3).tolist()
    finally:
        with suppress(BufferError):
            other.close()
    if magic != _MAGIC or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(segment: str) -> None:
    with suppress(FileNotFoundError):
        (SEGMENTS / segment).unlink()
