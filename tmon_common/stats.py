"""Counters of a running process in shared memory, for whoever monitors it: named int64 numbers, one writer each, many readers.

The writer creates the segment and removes it when it stops; a segment that a killed process left is replaced at the next
start, which learns whose it was. A reader sees numbers that are each exact, though not all of the same instant. A text that never
changes says whose they are.

The segment: eight int64 (magic, number of counters, octets of the text), the names, the numbers, the text in UTF-8.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from tmon_common.segment import SEGMENTS, Segment

MAX_COUNTERS = 1 << 19
MAX_TEXT_OCTETS = 1 << 20
NAME_OCTETS = 64
_HEADER_OCTETS = 64
_MAGIC = 0x7472666D53544132
_LOOK_AGAIN_S = 0.005


class Statistics:
    """The writer's hold. `numbers`: int64 array (len(names),) in place, written by position (`index`). An empty name is a place
    that is not used: eight numbers from the start are a cache line.

    replaced    the text of the segment that was found in its place: of a run that did not end in order; None if there was none
    """

    def __init__(self, memory: Segment, names: tuple[str, ...], lock: int, replaced: str | None = None) -> None:
        self._memory, self._lock, self.names, self.replaced = memory, lock, names, replaced
        self.index = {name: i for i, name in enumerate(names) if name}
        self.numbers = np.frombuffer(memory.buf, np.int64, len(names), _HEADER_OCTETS + len(names) * NAME_OCTETS)

    @classmethod
    def create(cls, segment: str, names: Sequence[str], text: str = "") -> Statistics:
        """A new segment, all zeros. FileExistsError if a living process has one of this name, OSError if there is no room."""
        if len(names) > MAX_COUNTERS:
            raise ValueError(f"{len(names)} counters, at most {MAX_COUNTERS}")
        octets, encoded = text.encode(), [n.encode() for n in names]
        if len(octets) > MAX_TEXT_OCTETS or max(map(len, encoded), default=0) > NAME_OCTETS:
            raise ValueError(f"a name has at most {NAME_OCTETS} octets, the text {MAX_TEXT_OCTETS}")
        size = _HEADER_OCTETS + len(names) * (NAME_OCTETS + 8) + len(octets)
        replaced = None
        try:
            memory = Segment(segment, size)
        except FileExistsError:
            if _writer_lives(segment):
                raise
            replaced = _text(segment)
            _remove(segment)
            memory = Segment(segment, size)
        lock = _hold(segment)
        header = np.frombuffer(memory.buf, np.int64, 3)
        header[1:] = len(names), len(octets)
        if names:
            np.frombuffer(memory.buf, f"S{NAME_OCTETS}", len(names), _HEADER_OCTETS)[:] = encoded
        memory.buf[size - len(octets) : size] = octets
        header[0] = _MAGIC  # last: from now on others may read
        return cls(memory, tuple(names), lock, replaced)

    @staticmethod
    def attach(segment: str) -> Reader:
        """Read the statistics of another process. FileNotFoundError if there is none of this name, or it is only being made;
        PermissionError if they are not for this user."""
        return Reader(segment)

    def snapshot(self) -> dict[str, int]:
        return {name: value for name, value in zip(self.names, self.numbers.tolist(), strict=True) if name}

    def close(self, *, in_order: bool = True) -> None:
        """Let go and remove the segment; unless this run did not end in order: the next one is to find it."""
        self.numbers = None
        self._memory.close()
        if self._lock is None:
            return
        if in_order:
            self._memory.unlink()
        os.close(self._lock)
        self._lock = None


class Reader:
    """Somebody else's statistics; they can be read even after their end. Nothing in a segment can harm who reads it."""

    def __init__(self, segment: str) -> None:
        missing = f"{segment}: no trafMon statistics"
        try:
            self._file = os.open(SEGMENTS / segment, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError:
            raise
        except OSError:
            raise FileNotFoundError(missing) from None
        self.segment = segment
        status = os.fstat(self._file)
        self.owner = status.st_uid
        header = np.frombuffer(os.pread(self._file, 24, 0) if stat.S_ISREG(status.st_mode) else b"", np.uint8)
        magic, count, octets = header.view(np.int64).tolist() if len(header) == 24 else (0, 0, 0)
        self._at = _HEADER_OCTETS + count * NAME_OCTETS
        sound = magic == _MAGIC and 0 <= count <= MAX_COUNTERS and 0 <= octets <= MAX_TEXT_OCTETS
        if not sound or self._at + 8 * count + octets > status.st_size:
            os.close(self._file)
            raise FileNotFoundError(missing)
        names = np.frombuffer(os.pread(self._file, count * NAME_OCTETS, _HEADER_OCTETS).ljust(count * NAME_OCTETS, b"\0"),
                              f"S{NAME_OCTETS}")
        self.names = tuple(bytes(n).decode(errors="replace") for n in names)
        self.text = os.pread(self._file, octets, self._at + 8 * count).decode(errors="replace")

    @property
    def numbers(self) -> np.ndarray:
        """int64 (len(names),), as they are now."""
        octets = os.pread(self._file, 8 * len(self.names), self._at)
        return np.frombuffer(octets.ljust(8 * len(self.names), b"\0"), np.int64)

    def snapshot(self) -> dict[str, int]:
        return {name: value for name, value in zip(self.names, self.numbers.tolist(), strict=True) if name}

    @property
    def ended(self) -> bool:
        """The writer has removed the segment, or has died together with all processes it forked."""
        if not os.fstat(self._file).st_nlink:
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return True

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


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
    """Whether some process holds the lock: it goes with the process, however that dies. A reader may hold it for an instant."""
    for _ in range(3):
        try:
            descriptor = os.open(SEGMENTS / segment, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:  # another user's
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOOK_AGAIN_S)
        else:
            return False
        finally:
            os.close(descriptor)
    return True


def _text(segment: str) -> str | None:
    """Of a segment without a writer, if it is one."""
    try:
        reader = Reader(segment)
    except (FileNotFoundError, PermissionError):
        return None
    reader.close()
    return reader.text


def _remove(segment: str) -> None:
    with suppress(FileNotFoundError):
        (SEGMENTS / segment).unlink()
