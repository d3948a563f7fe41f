"""Counters of a running process in shared memory, for whoever monitors it: named int64 numbers, one writer, many readers.

The writer creates the segment and removes it when it stops; a segment that a killed process left is replaced at the next
start. A reader sees numbers that are each exact, though not all of the same instant.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path

import numpy as np

SEGMENTS = Path("/dev/shm")  # noqa: S108 it is where Linux keeps them
MAX_COUNTERS = 4096
NAME_OCTETS = 48
_HEADER_OCTETS = 64  # int64 words: magic, number of counters
_MAGIC = 0x7472666D53544154


class Statistics:
    """`numbers`: int64 array (len(names),) in place. Writers index it by position (`index`), readers take `snapshot()`."""

    def __init__(self, memory: shared_memory.SharedMemory, names: tuple[str, ...], lock: int | None) -> None:
        self._memory, self._lock, self.names = memory, lock, names
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
        lock = _hold(segment)
        header = np.frombuffer(memory.buf, np.int64, 2)
        header[1] = len(names)
        texts = np.frombuffer(memory.buf, f"S{NAME_OCTETS}", MAX_COUNTERS, _HEADER_OCTETS)
        texts[: len(names)] = [n.encode() for n in names]
        header[0] = _MAGIC  # last: from now on others may read
        return cls(memory, names, lock)

    @classmethod
    def attach(cls, segment: str) -> Statistics:
        """Read the statistics of another process. FileNotFoundError if there is none of this name, or it is only being made."""
        try:
            memory = shared_memory.SharedMemory(segment)
        except ValueError:  # it has no size yet
            raise FileNotFoundError(f"{segment}: no trafMon statistics") from None
        # Only the writer removes the segment; Python 3.11 would have every reader do it.
        resource_tracker.unregister(memory._name, "shared_memory")
        magic, count = np.frombuffer(memory.buf, np.int64, 2).tolist()
        if magic != _MAGIC:
            memory.close()
            raise FileNotFoundError(f"{segment}: no trafMon statistics")
        texts = np.frombuffer(memory.buf, f"S{NAME_OCTETS}", count, _HEADER_OCTETS)
        return cls(memory, tuple(bytes(t).decode() for t in texts), None)

    def snapshot(self) -> dict[str, int]:
        return dict(zip(self.names, self.numbers.tolist(), strict=True))

    def close(self) -> None:
        """Let go; the writer also removes the segment."""
        self.numbers = None
        with suppress(BufferError):
            self._memory.close()
        if self._lock is not None:
            with suppress(FileNotFoundError):
                self._memory.unlink()
            os.close(self._lock)
            self._lock = None


def _hold(segment: str) -> int:
    """Lock the segment for this process and those it forks; the descriptor. FileExistsError if another process has replaced it."""
    descriptor = os.open(SEGMENTS / segment, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino != (SEGMENTS / segment).stat().st_ino:
            raise BlockingIOError
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        raise FileExistsError(f"{segment}: another process has just made it") from None
    return descriptor


def _writer_lives(segment: str) -> bool:
    """Whether some process holds the lock: it goes with the process, however that dies."""
    try:
        descriptor = os.open(SEGMENTS / segment, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:  # another user's
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _remove(segment: str) -> None:
    with suppress(FileNotFoundError):
        (SEGMENTS / segment).unlink()
