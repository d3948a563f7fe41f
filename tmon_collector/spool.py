"""The spool directory: a CSV file per kind, complete files under their final name, the one being written as `.part`.

Rows count once the journal says so: they go to their file, then their record to the journal, then their PDUs are acknowledged.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tmon_collector.csv_text import csv_header
from tmon_collector.journal import Journal, Record, Remembered, WrittenIds
from tmon_collector.mark import Mark
from tmon_collector.spool_file import MODE, PART, SpoolFile, recover, sync_directory
from tmon_common.clock import Clock
from tmon_common.config.model import Collector
from tmon_common.events import Event, event
from tmon_common.observations import Kind

logger = logging.getLogger(__name__)

REPEAT_TROUBLE_NS = 60_000_000_000  # a full disk is told once in this time
_JOURNAL = "journal"

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


@dataclass
class Recovery:
    """What was done with the `.part` files that a killed collector left. cut: octets that nobody was told are written."""

    files: int = 0
    cut: int = 0
    missing: int = 0


class Spool:
    """Spool of one collector. SpoolError when it cannot be used: missing, not writable, in use by another collector.

    The directory is made when only its last component is missing. `.part` files that a killed collector of this name left are
    completed.

    happened    events, to be taken by the owner
    octets      written, by kind: lines that count, no headers; files: completed, by kind
    state       what the journal has to hold beside the files: of the owner, which gives here what says it
    """

    def __init__(self, collector: Collector, clock: Clock) -> None:
        self.failures: Counter[str] = Counter()  # failed writes, by name of the error
        self.octets: Counter[str] = Counter()
        self.files: Counter[str] = Counter()
        self._collector = collector
        self._clock = clock
        self._directory = collector.spool
        self._files: dict[str, SpoolFile] = {}
        self._trouble_told_ns: int | None = None
        self._in_trouble: dict[str, int] = {}  # kinds that could not be written, and when last
        self._recovery_due = False  # trouble was told, its end not yet
        self.happened: list[Event] = []
        self._uncompleted: dict[str, int] = {}  # `.part` files that wait for the next start, and octets of them that count
        self.recovery = Recovery()
        self.state: Callable[[], Iterable[Record]] = tuple
        self._lock = self._open()
        self._journal = Journal(self._directory, collector.name, collector.sync)
        self._remembered = self._read_journal()
        self._marks = Remembered(marks=dict(self._remembered.marks))
        for part in sorted(self._directory.glob(f"*.{collector.name}.*.csv{PART}")):
            if part.name.split(".", 1)[1].rsplit(".", 3)[0] == collector.name:
                self._recover(part)

    def append(self, kind: Kind, lines: memoryview, runs: Sequence[WrittenIds] = (), old: Sequence[tuple[int, int]] = ()) -> bool:
        """Writes lines of a kind to its file, and to the journal of which PDUs they are; all or none.

        False: they could not be written; the log says why. old: (probe, run) that are over.
        """
        return self._append(kind, (lines,), Record(runs=runs, old=old))

    def append_pieces(self, kind: Kind, pieces: Iterable[memoryview], mark: Mark) -> bool:
        """Writes lines of a kind that come in pieces, each written before the next is asked for; all or none, like `append`. mark:
        what the journal is told. Without a piece nothing is written and no file is made."""
        first = next(iterator := iter(pieces), None)
        if first is None:
            return True
        return self._append(kind, chain((first,), iterator), Record(marks=(mark,)))

    def record(self, runs: Sequence[WrittenIds] = (), old: Sequence[tuple[int, int]] = (), marks: Sequence[Mark] = ()) -> bool:
        """Tells the journal of PDUs that are kept elsewhere, or of marks. False: it could not be written; the log says why."""
        try:
            if not self._journal.begun:
                self._journal.rewrite(self._snapshot())
            self._journal.append(Record(runs=runs, old=old, marks=marks))
        except OSError as error:
            self.tell_trouble(_JOURNAL, self._journal.path, error)
            return False
        self._keep(marks)
        self.tell_recovery(_JOURNAL)
        return True

    @property
    def marks(self) -> Mapping[tuple[str, str], Mark]:
        """How far rows that are made of a class's observations are written, by class and kind."""
        return self._marks.marks

    def _append(self, kind: Kind, pieces: Iterable[memoryview], record: Record) -> bool:
        now_ns = self._clock.wall_ns()
        file = self._files.get(kind.name)
        if file and self._is_due(file, now_ns):
            self._complete(kind.name)
            file = None
        where = self._journal.path
        try:
            if not self._journal.begun:
                self._journal.rewrite(self._snapshot())
            where = None
            if file is None:
                file = self._begin(kind, now_ns)
            where, before = file.part, file.octets
            try:
                for lines in pieces:
                    file.append(lines)
                if self._collector.sync:
                    file.sync()
                where = self._journal.path
                self._journal.append(record._replace(file=file.part.name, end=file.octets))
            except BaseException:
                file.take_back(before)
                raise
        except OSError as error:
            self.tell_trouble(kind.name, where, error)
            self._drop_if_empty(kind)
            return False
        self.octets[kind.name] += file.octets - before
        self._keep(record.marks)
        self.tell_recovery(kind.name)
        return True

    def take_remembered(self) -> Remembered:
        """What the journal of earlier starts says; once."""
        remembered, self._remembered = self._remembered, Remembered()
        return remembered

    def _keep(self, marks: Iterable[Mark]) -> None:
        for mark in marks:
            self._marks.mark(mark)

    @property
    def completed(self) -> int:
        """Files, of all kinds."""
        return self.files.total()

    @property
    def open(self) -> Collection[str]:
        """Kinds of which a file is being written."""
        return self._files.keys()

    @property
    def in_trouble(self) -> bool:
        """Something could not be written, and has not been since; as it was told."""
        return self._recovery_due

    @property
    def journal_octets(self) -> int:
        """Its length."""
        return self._journal.octets

    @property
    def journal_long(self) -> bool:
        """It is time for `compact`."""
        return self._journal.long

    def compact(self) -> None:
        """The journal becomes a snapshot. When it cannot be written, it goes on as it is."""
        try:
            self._journal.rewrite(self._snapshot())
        except OSError as error:
            self.failures[errno.errorcode.get(error.errno or 0, str(error.errno))] += 1
            logger.warning("%s: cannot be written anew (%s); it goes on growing", self._journal.path, error.strerror)

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
        self._journal.close()
        os.close(self._lock)

    def _snapshot(self) -> list[Record]:
        """`state`, and the files that are not complete."""
        files = [Record(f.part.name, f.octets) for f in self._files.values()]
        files += [Record(name, octets) for name, octets in self._uncompleted.items()]
        marks = [Record(marks=list(self.marks.values()))] if self.marks else []
        return [*files, *marks, *self.state()]

    def _begin(self, kind: Kind, now_ns: int) -> SpoolFile:
        rotate_ns = self._collector.rotate_ns
        file = SpoolFile(self._directory, f"{kind.name}.{self._collector.name}", csv_header(kind), now_ns,
                         (now_ns // rotate_ns + 1) * rotate_ns)
        self._files[kind.name] = file
        if self._collector.sync:
            sync_directory(self._directory)
        return file

    def _read_journal(self) -> Remembered:
        try:
            return self._journal.read()
        except OSError as error:
            os.close(self._lock)
            if error.errno == errno.ELOOP:
                msg = f"spool {self._directory}: {self._journal.path} is a symbolic link; remove it (and see who may write there)"
            else:
                msg = f"{self._journal.path}: cannot be read ({error.strerror}); what is written would not be known"
            raise SpoolError(msg) from error

    def _is_due(self, file: SpoolFile, now_ns: int) -> bool:
        # A clock set back by more than a period must not keep files open for ever.
        return (now_ns >= file.due_ns or file.octets >= self._collector.rotate_octets
                or now_ns < file.opened_ns - self._collector.rotate_ns)

    def _complete(self, name: str) -> None:
        file = self._files.pop(name)
        try:
            file.complete()
            self.files[name] += 1
        except OSError as error:
            logger.error("%s: %s while it was completed; what it holds may be damaged: check that disk", file.part, error.strerror)
            self._uncompleted[file.part.name] = file.octets

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
                directory.mkdir(mode=0o755)
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
        known = self._remembered
        # Without a journal (of the version before), or with one that may miss something, every whole line counts.
        end = known.files.get(part.name, 0) if known.found and not known.damaged else None
        try:
            left = recover(part, end)
        except OSError as error:
            logger.error("%s: left by a collector that was killed, and cannot be completed: %s", part, error.strerror)
            self._uncompleted[part.name] = part.lstat().st_size if end is None else end
            return
        self.recovery.cut += left.cut
        self.recovery.missing += left.missing
        if left.missing:
            logger.error("%s: %d octets are missing that were written before this machine, or its disk, failed; sync=\"yes\" of "
                         "<spool> keeps them safe", part, left.missing)
        if left.final is None:
            logger.warning("%s: left by a collector that was killed, without a row that counts; removed", part)
        else:
            self.recovery.files += 1
            logger.warning("%s: left by a collector that was killed; completed as %s, %d octets dropped that nobody was told are "
                           "written", part, left.final.name, left.cut)

    def tell_trouble(self, what: str, where: Path | None, error: OSError) -> None:
        """Something could not be written. what: name of the kind, or another name; where: None: a file that could not be made."""
        self.failures[errno.errorcode.get(error.errno or 0, str(error.errno))] += 1
        now_ns = self._clock.monotonic_ns()
        self._in_trouble[what] = now_ns
        if self._trouble_told_ns is None or now_ns - self._trouble_told_ns >= REPEAT_TROUBLE_NS:
            self._trouble_told_ns = now_ns
            where = where or self._directory / f"{what}.{self._collector.name}.*"
            logger.error("%s: cannot be written (%s); %s. Probes keep their observations meanwhile", where, error.strerror,
                         _CURES.get(error.errno or 0, "check that file system"))
            if not self._recovery_due:
                self._recovery_due = True
                self.happened.append(event("disk_full", self._clock.wall_ns(), str(self._directory), error=error.strerror or ""))

    def tell_recovery(self, what: str) -> None:
        """It could be written."""
        if not self._in_trouble:
            return
        self._in_trouble.pop(what, None)
        # Of a kind that is not tried any more (its probe has gone) it would never be known.
        tried_after_ns = self._clock.monotonic_ns() - REPEAT_TROUBLE_NS
        self._in_trouble = {name: at_ns for name, at_ns in self._in_trouble.items() if at_ns > tried_after_ns}
        if self._recovery_due and not self._in_trouble:
            self._recovery_due = False
            logger.warning("spool %s: can be written again; probes deliver what they kept", self._directory)
            self.happened.append(event("disk_back", self._clock.wall_ns(), str(self._directory)))
