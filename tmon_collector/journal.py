"""The journal of a collector: which rows are written, how far each `.part` file counts, and of which PDUs the rows are.

A file of lines: CRC-32C of the rest in eight hexadecimal digits, a blank, JSON. What follows the last sound line was never
acknowledged. The first line says what it is.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tmon_collector.mark import Mark
from tmon_collector.spool_file import MODE, sync_directory
from tmon_collector.write_at import write_at
from tmon_collector.written import OldRuns, WrittenPdus
from tmon_common.pdu.seal import crc32c

logger = logging.getLogger(__name__)

LONG_OCTETS = 1 << 20
"""A journal that has grown to this (or twice what its last snapshot had) is to be written anew as a snapshot."""


class WrittenIds(NamedTuple):
    """Ids of PDUs of one run, as ranges [first, end). counter: largest counter of a seal seen of this run, -1: none."""

    probe: int
    run: int
    counter: int
    ranges: list[tuple[int, int]]


class Record(NamedTuple):
    """file: name of a `.part` file, "" for none; end: octets of it that count.

    runs    what is written now
    old     (probe, run) of runs that are no longer remembered
    floors  (probe, run): this run and all below are old
    """

    file: str = ""
    end: int = 0
    runs: Iterable[WrittenIds] = ()
    old: Iterable[tuple[int, int]] = ()
    floors: Iterable[tuple[int, int]] = ()
    marks: Iterable[Mark] = ()


class RememberedRun:
    """What is known of a run: written ids, largest counter."""

    def __init__(self) -> None:
        self.written = WrittenPdus()
        self.counter = -1


@dataclass
class Remembered:
    """What a journal says.

    files       octets that count, by name
    runs        those written last come last
    marks       the latest, by class and kind
    found       there was one
    damaged     unsound records lie between sound ones, or there was a file that is no journal: it may miss something
    """

    files: dict[str, int] = field(default_factory=dict)
    runs: dict[tuple[int, int], RememberedRun] = field(default_factory=dict)
    old: dict[int, OldRuns] = field(default_factory=dict)
    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)
    found: bool = False
    damaged: bool = False

    def take(self, record: Record) -> None:
        """One more record."""
        if record.file:
            self.files[record.file] = record.end
        for probe, number, counter, ranges in record.runs:
            run = self.runs[probe, number] = self.runs.pop((probe, number), None) or RememberedRun()
            run.counter = max(run.counter, counter)
            for first, end in ranges:
                run.written.add_range(first, end)
        for probe, number in record.old:
            self.runs.pop((probe, number), None)
            self.old.setdefault(probe, OldRuns()).add(number)
        for probe, number in record.floors:
            self.old.setdefault(probe, OldRuns()).raise_floor(number)
        for mark in record.marks:
            self.mark(mark)

    def mark(self, mark: Mark) -> None:
        """What is written is never less than before."""
        before = self.marks.get(mark[:2], mark)
        self.marks[mark[:2]] = max(before, mark)


def packed(record: Record) -> bytes:
    """Line of a record."""
    said: dict[str, Any] = {"file": record.file, "end": record.end} if record.file else {}
    said |= {name: list(value) for name in ("runs", "old", "floors", "marks") if (value := getattr(record, name))}
    return _line(said)


def header_line(collector: str) -> bytes:
    """First line of the journal of a collector. What another one wrote, of PDUs with the same ids, says nothing of this one."""
    return _line({"journal": "trafmon collector", "version": 1, "collector": collector})


def parse(octets: bytes, header: bytes) -> tuple[Remembered, int]:
    """What the octets of a journal say, and where its last sound record ends; 0: not even its first line is what it should be."""
    remembered, end, at, unsound = Remembered(found=True), 0, 0, False
    while (line_end := octets.find(b"\n", at)) >= 0:
        line, at = octets[at:line_end], line_end + 1
        if end == 0:
            if line + b"\n" != header:
                return remembered, 0
        else:
            try:
                record = _record(_parse_line(line))
            except (TypeError, ValueError, KeyError, AttributeError):
                unsound = True
                continue
            remembered.take(record)
        remembered.damaged |= unsound
        end = at
    return remembered, end


class Journal:
    """`.NAME.journal` in a spool directory. sync: every record goes to the disk before `append` returns.

    octets: its length
    """

    def __init__(self, directory: Path, name: str, sync: bool) -> None:
        self.path = directory / f".{name}.journal"
        self.octets = 0
        self._header = header_line(name)
        self._sync = sync
        self._descriptor: int | None = None
        self._long = LONG_OCTETS

    def read(self) -> Remembered:
        """What an earlier start has left. One that is no journal, or damaged, is kept aside. OSError when it cannot be read."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return Remembered()
        with os.fdopen(os.dup(descriptor), "rb") as file:
            octets = file.read()
        remembered, end = parse(octets, self._header)
        if end and not remembered.damaged:
            self._descriptor, self.octets = descriptor, end
            return remembered
        os.close(descriptor)
        if not end and self._header.startswith(octets):  # killed, or the disk full, at the very beginning
            self.path.unlink()
            return Remembered()
        remembered.damaged = True
        self._keep_aside()
        return remembered

    @property
    def begun(self) -> bool:
        """There is one; if not, `rewrite` makes it. It must be there before any row is: rows without journal all count."""
        return self._descriptor is not None

    @property
    def long(self) -> bool:
        """It is time for a snapshot."""
        return self.octets >= self._long

    def append(self, record: Record) -> None:
        """Writes a record, `begun`. OSError when that fails; the journal is then what it was before."""
        line = packed(record)
        try:
            self._write(line)
            if self._sync:
                os.fsync(self._descriptor)
        except OSError:
            # If cutting fails as well, the next record goes over what is there.
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self.octets)
            raise
        self.octets += len(line)

    def rewrite(self, snapshot: Iterable[Record]) -> None:
        """A snapshot of everything takes the place of all records. OSError when it cannot be written: they stay then."""
        lines = self._header + b"".join(map(packed, snapshot))
        self._long = max(self.octets, len(lines), LONG_OCTETS // 2) * 2  # also when it fails: not at every wake-up
        path = self.path.with_name(self.path.name + ".new")
        path.unlink(missing_ok=True)
        descriptor = _create(path)
        try:
            write_at(descriptor, 0, lines)
            os.fsync(descriptor)
            path.rename(self.path)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        self.close()
        self._descriptor, self.octets = descriptor, len(lines)
        self._long = max(2 * self.octets, LONG_OCTETS)
        with contextlib.suppress(OSError):
            sync_directory(self.path.parent)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, line: bytes) -> None:
        write_at(self._descriptor, self.octets, line)
        if os.fstat(self._descriptor).st_size > self.octets + len(line):  # what an earlier start did not finish
            with contextlib.suppress(OSError):  # it is not sound, so it may stay
                os.ftruncate(self._descriptor, self.octets + len(line))

    def _keep_aside(self) -> None:
        n = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{n}")).exists():
            n += 1
        self.path.rename(aside)
        logger.error("%s: damaged, or no journal of this collector; kept as %s. Rows may be written twice that were written "
                     "before: check that file system, then remove it", self.path, aside.name)


def _line(said: dict[str, Any]) -> bytes:
    text = json.dumps(said, separators=(",", ":")).encode()
    return b"%08x %b\n" % (crc32c(text), text)


def _parse_line(line: bytes) -> Any:
    """None for a line that is not sound."""
    try:
        return json.loads(line[9:]) if line[:9] == b"%08x " % crc32c(line[9:]) else None
    except (ValueError, RecursionError):
        return None


def _record(said: dict[str, Any]) -> Record:
    runs = [WrittenIds(int(p), int(r), int(c), [(int(a), int(b)) for a, b in ranges]) for p, r, c, ranges in said.get("runs", ())]
    old, floors = ([(int(p), int(r)) for p, r in said.get(name, ())] for name in ("old", "floors"))
    marks = [Mark(str(c), str(k), int(e), int(b)) for c, k, e, b in said.get("marks", ())]
    return Record(str(said.get("file", "")), int(said.get("end", 0)), runs, old, floors, marks)


def _create(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
