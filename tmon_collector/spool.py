"""The spool directory: a CSV file per kind, complete files under their final name, the one being written as `.part`."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections import Counter
from pathlib import Path

from tmon_collector.csv_text import csv_header
from tmon_collector.spool_file import MODE, PART, SpoolFile, recover
from tmon_common.clock import Clock
from tmon_common.config.model import Collector
from tmon_common.observations import Kind

logger = logging.getLogger(__name__)

REPEAT_TROUBLE_NS = 60_000_000_000  # a full disk is told once in this time

_CURES = {
    errno.ENOSPC: "free some room on that file system",
    errno.EDQUOT: "raise the disk quota or free some room",
    errno.EFBIG: "raise the file size limit (ulimit -f) or lower rotate_octets",
    errno.EROFS: "mount that file system writable",
    errno.EACCES: "let this user write there",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOENT: "create the directory again",
}


class SpoolError(Exception):
    """The spool cannot be used; the text says why and what to do."""


class Spool:
    """Spool of one collector. SpoolError when it cannot be used: missing, not writable, in use by another collector.

    The directory is made when only its last component is missing. `.part` files that a killed collector of this name left are
    completed.
    """

    def __init__(self, collector: Collector, clock: Clock) -> None:
        self.failures: Counter[str] = Counter()  # failed writes, by name of the error
        self.completed = 0
        self._collector = collector
        self._clock = clock
        self._directory = collector.spool
        self._files: dict[str, SpoolFile] = {}
        self._trouble_told_ns: int | None = None
        self._in_trouble: set[str] = set()
        self._recovery_due = False  # trouble was told, its end not yet
        self._lock = self._open()
        for part in sorted(self._directory.glob(f"*.{collector.name}.*.csv{PART}")):
            if part.name.split(".", 1)[1].rsplit(".", 3)[0] == collector.name:
                self._recover(part)

    def append(self, kind: Kind, lines: memoryview) -> bool:
        """Writes lines of a kind to its file, all or none. False: they could not be written; the log says why."""
        now_ns = self._clock.wall_ns()
        file = self._files.get(kind.name)
        if file and self._is_due(file, now_ns):
            self._complete(kind.name)
            file = None
        try:
            if file is None:
                rotate_ns = self._collector.rotate_ns
                file = SpoolFile(self._directory, f"{kind.name}.{self._collector.name}", csv_header(kind), now_ns,
                                 (now_ns // rotate_ns + 1) * rotate_ns)
                self._files[kind.name] = file
            file.append(lines)
        except OSError as error:
            self._tell_trouble(kind, file, error)
            self._drop_if_empty(kind)
            return False
        if self._in_trouble:
            self._tell_recovery(kind)
        return True

    def rotate(self) -> None:
        """Completes the files whose time has come."""
        now_ns = self._clock.wall_ns()
        for name in [n for n, file in self._files.items() if self._is_due(file, now_ns)]:
            self._complete(name)

    def next_rotation(self) -> int | None:
        """Wall time (ns) at which `rotate` has something to do; None: no file is open."""
        return min((file.due_ns for file in self._files.values()), default=None)

    def close(self) -> None:
        """Completes every file and lets go of the spool."""
        for name in list(self._files):
            self._complete(name)
        os.close(self._lock)

    def _is_due(self, file: SpoolFile, now_ns: int) -> bool:
        # A clock set back by more than a period must not keep files open for ever.
        return (now_ns >= file.due_ns or file.octets >= self._collector.rotate_octets
                or now_ns < file.opened_ns - self._collector.rotate_ns)

    def _complete(self, name: str) -> None:
        file = self._files.pop(name)
        try:
            file.complete()
            self.completed += 1
        except OSError as error:
            logger.error("%s: %s while it was completed; what it holds may be damaged: check that disk", file.part, error.strerror)

    def _drop_if_empty(self, kind: Kind) -> None:
        """A file that got no further than its header goes, so that the loader never sees it."""
        file = self._files.get(kind.name)
        if file and file.octets == len(csv_header(kind)):
            del self._files[kind.name]
            file.discard()

    def _open(self) -> int:
        """Checks the directory and takes the lock. Returns the descriptor that holds it."""
        directory, name = self._directory, self._collector.name
        try:
            if not directory.exists():
                directory.mkdir()
                logger.info("made the spool directory %s", directory)
            path = directory / f".{name}.lock"
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        except FileNotFoundError:
            msg = f"spool {directory}: {directory.parent} does not exist; create it, or correct spool= of collector {name}"
            raise SpoolError(msg) from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                msg = f"spool {directory}: {path} is a symbolic link; remove it (and see who may write there)"
                raise SpoolError(msg) from None
            msg = f"spool {directory}: cannot be written ({error.strerror}); give user {os.geteuid()} write permission there"
            raise SpoolError(msg) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(lock, 32).decode("ascii", "replace").strip()
            os.close(lock)
            msg = f"spool {directory}: collector {name} is running already (process {holder or 'unknown'}); stop it first"
            raise SpoolError(msg) from None
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            logger.warning("spool %s: no room even for the process number in the lock file", directory)
        return lock

    def _recover(self, part: Path) -> None:
        try:
            final, cut = recover(part)
        except OSError as error:
            logger.error("%s: left by a collector that was killed, and cannot be completed: %s", part, error.strerror)
            return
        if final is None:
            logger.warning("%s: left by a collector that was killed, without a whole row; removed", part)
        else:
            logger.warning("%s: left by a collector that was killed; completed as %s, %d octets of a cut line dropped", part,
                           final.name, cut)

    def _tell_trouble(self, kind: Kind, file: SpoolFile | None, error: OSError) -> None:
        self.failures[errno.errorcode.get(error.errno or 0, str(error.errno))] += 1
        self._in_trouble.add(kind.name)
        now_ns = self._clock.monotonic_ns()
        if self._trouble_told_ns is None or now_ns - self._trouble_told_ns >= REPEAT_TROUBLE_NS:
            self._trouble_told_ns = now_ns
            self._recovery_due = True
            where = file.part if file else self._directory / f"{kind.name}.{self._collector.name}.*"
            logger.error("%s: cannot be written (%s); %s. Probes keep their observations meanwhile", where, error.strerror,
                         _CURES.get(error.errno or 0, "check that file system"))

    def _tell_recovery(self, kind: Kind) -> None:
        self._in_trouble.discard(kind.name)
        if self._recovery_due and not self._in_trouble:
            self._recovery_due = False
            logger.warning("spool %s: can be written again; probes deliver what they kept", self._directory)
