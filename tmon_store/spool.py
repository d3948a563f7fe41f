"""The spool directory: which files are complete, who may load them, and where refused rows are written.

The collector names files `<kind>.<collector>.<UTC>.csv` and gives them this name only when they are complete.
"""

from __future__ import annotations

import csv
import errno
import fcntl
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tmon_store.errors import StoreBusyError, StoreError

LOCK_NAME = ".loader.lock"
REJECTED_NAME = "rejected"
MODE = 0o640


@dataclass(frozen=True)
class SpoolFile:
    """A complete file. kind: first part of its name, of a kind that need not be known; octets: its length."""

    path: Path
    kind: str
    octets: int

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class Rejection:
    """A row that is not loaded. line: where it starts, from 1; 0 for the file as a whole. text: the row, as far as readable."""

    line: int
    reason: str
    text: str = ""


def complete_files(spool: Path) -> list[SpoolFile]:
    """Complete files of a spool by name; [] if the directory does not exist. StoreError if it cannot be read."""
    try:
        entries = [e for e in os.scandir(spool) if e.name.endswith(".csv") and not e.name.startswith(".") and e.is_file()]
        files = [SpoolFile(Path(e.path), e.name.split(".", 1)[0], e.stat().st_size) for e in entries]
    except FileNotFoundError:
        return []
    except OSError as error:
        msg = f"{spool}: cannot read the spool: {error.strerror}"
        raise StoreError(msg) from error
    return sorted(files, key=lambda f: f.name)


@contextmanager
def spool_lock(spool: Path) -> Iterator[None]:
    """Hold the spool against other loaders. The lock ends with the process, however it ends.

    StoreBusyError if another loader holds it, StoreError if the spool is not a directory that can be written.
    """
    path = spool / LOCK_NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            msg = f"{path}: is a symbolic link; remove it (and see who may write there)"
            raise StoreError(msg) from None
        msg = f"{spool}: cannot lock the spool, the loader needs to write in it: {error.strerror}"
        raise StoreError(msg) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            msg = f"{spool}: another loader is at work on this spool{f' (process {holder})' if holder else ''}"
            raise StoreBusyError(msg) from error
        with suppress(OSError):  # on a full disk the lock holds without the process number
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def write_rejections(spool: Path, name: str, rejections: Iterable[Rejection]) -> Path:
    """Write `rejected/<name>.reject` (CSV: line, reason, text) as a whole or not at all; gives its path."""
    target = spool / REJECTED_NAME / f"{name}.reject"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("line", "reason", "text"))
    writer.writerows((r.line, r.reason, r.text) for r in rejections)
    temporary = target.with_suffix(".part")
    try:
        target.parent.mkdir(exist_ok=True)
        temporary.unlink(missing_ok=True)  # of a loader that was killed
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text.getvalue())
        temporary.rename(target)
    except OSError as error:
        msg = f"{target}: cannot write refused rows: {error.strerror}"
        raise StoreError(msg) from error
    return target


def purge_rejections(spool: Path, before_ns: int) -> int:
    """Remove reject files last written before a time (ns); gives how many. What cannot be removed stays."""
    gone = 0
    with suppress(OSError):
        for entry in os.scandir(spool / REJECTED_NAME):
            if entry.name.endswith(".reject") and entry.stat(follow_symlinks=False).st_mtime_ns < before_ns:
                with suppress(OSError):
                    Path(entry.path).unlink()
                    gone += 1
    return gone
