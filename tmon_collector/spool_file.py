"""One CSV file of the spool, from `.part` to complete."""

from __future__ import annotations

import contextlib
import mmap
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

PART = ".part"
MODE = 0o640


def utc_stamp(wall_ns: int) -> str:
    """Moment as it stands in file names, to the microsecond: 20261122T021212_123456Z."""
    return datetime.fromtimestamp(wall_ns // 1_000_000_000, UTC).strftime("%Y%m%dT%H%M%S") + f"_{wall_ns // 1000 % 1_000_000:06d}Z"


class SpoolFile:
    """An open `.part` file that holds its header line. OSError when it cannot be made; nothing is left of it then.

    octets: what is in it; due_ns: wall time at which it is to be completed.
    """

    def __init__(self, directory: Path, stem: str, header: bytes, opened_ns: int, due_ns: int) -> None:
        self.opened_ns = opened_ns
        self.due_ns = due_ns
        self.octets = 0
        stamp, n = f"{stem}.{utc_stamp(opened_ns)}", 0
        while True:
            self.final = directory / (f"{stamp}.csv" if n == 0 else f"{stamp}-{n}.csv")
            self.part = self.final.with_name(self.final.name + PART)
            n += 1
            if self.final.exists():
                continue
            with contextlib.suppress(FileExistsError):
                self._descriptor = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
                break
        try:
            self.append(header)
        except OSError:
            self.discard()
            raise

    def append(self, lines: bytes | memoryview) -> None:
        """Writes all of it. OSError when that fails; the file is then what it was before."""
        rest, at = memoryview(lines), self.octets
        try:
            while rest:
                written = os.pwrite(self._descriptor, rest, at)
                rest, at = rest[written:], at + written
        except OSError:
            # If cutting fails as well, the next write goes over what is there, and completion cuts again.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.octets)
            raise
        self.octets = at

    def take_back(self, octets: int) -> None:
        """What is behind so many octets does not count any more."""
        self.octets = octets
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, octets)

    def sync(self) -> None:
        """Everything to the disk."""
        os.fsync(self._descriptor)

    def discard(self) -> None:
        """Closes and removes the file. Where it cannot be removed, it holds no row that counts: the next start tries again."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)
        with contextlib.suppress(OSError):
            self.part.unlink(missing_ok=True)

    def complete(self) -> None:
        """Everything to the disk, then the final name. OSError when the system cannot; the file is closed in any case."""
        try:
            os.ftruncate(self._descriptor, self.octets)
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)
        self.part.rename(self.final)


class Left(NamedTuple):
    """What became of a `.part` file. final: its name now, None: it held no rows and was removed; cut: octets; missing: octets."""

    final: Path | None
    cut: int
    missing: int = 0


def recover(part: Path, end: int | None = None) -> Left:
    """Completes the `.part` file that a killed collector left: cut at `end`, then renamed.

    end     octets that count; None: up to its last whole line. So it is cut, too, where it has fewer octets than that: `missing`.
    OSError when it cannot be done; ELOOP for a symbolic link, which is not followed.
    """
    with os.fdopen(os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        lines_end, lines = _whole_lines(file.fileno(), size) if end is None or size < end else (end, 2 if end else 0)
        if lines > 1:
            file.truncate(lines_end)
            os.fsync(file.fileno())
    missing = max(0, end - size) if end else 0
    if lines <= 1:
        part.unlink()
        return Left(None, size, missing)
    final = part.with_name(part.name.removesuffix(PART))
    n = 1
    while final.exists():
        final = part.with_name(part.name.removesuffix(".csv" + PART) + f"-{n}.csv")
        n += 1
    part.rename(final)
    return Left(final, size - lines_end, missing)


def sync_directory(directory: Path) -> None:
    """Names of new files to the disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _whole_lines(descriptor: int, size: int) -> tuple[int, int]:
    """(end of the last whole line, how many lines there are: 0, 1, or 2 for more). Line ends between quotes do not count."""
    if size == 0:
        return 0, 0
    with mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) as data:
        end = size
        while (end := data.rfind(b"\n", 0, end)) >= 0:
            if data[:end].count(b'"') % 2 == 0:
                break
        if end < 0:
            return 0, 0
        return end + 1, 2 if data.find(b"\n") < end else 1
