"""The log of one-way observations: what is acknowledged and not yet judged, so that a collector that was killed knows it again.

Files `.NAME.one_way-<n>.log` in the spool directory, hidden from the loader, one after the other. Records one behind the other:
magic, type, octets of what follows, CRC-32 of it. Every file begins with a SNAPSHOT of how far everything has come, so that those
before it can be deleted once nothing in them is needed. What follows the last sound record of a file is cut off: it was never
acknowledged. Damage between sound records is passed over: what comes after it is of use. A PDU may be there twice, if it was not
acknowledged the first time; whoever reads knows its number.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tmon_collector.spool_file import MODE, sync_directory
from tmon_collector.write_at import write_at

SEGMENT_OCTETS = 16 << 20
"""A file that has grown to this is followed by another."""
MAX_RECORD_OCTETS = 256 << 20
_HEADER = struct.Struct("<3sBII")
_BLOCK = struct.Struct("<BQ")
_MAGIC = b"tOw"
_SEARCHED_OCTETS = 1 << 16
SNAPSHOT, BLOCK, GAPS = range(3)


class BlockRecord(NamedTuple):
    """The payload of a PDU of one-way observations."""

    probe: str
    run_ms: int
    payload: bytes


class GapsRecord(NamedTuple):
    """Rows of one_way_gap: (class, sequence, first, last, pdus)."""

    probe: str
    run_ms: int
    gaps: list[tuple[str, int, int, int, int]]


class SnapshotRecord(NamedTuple):
    state: dict[str, Any]


def packed_block(probe: str, run_ms: int, payload: bytes | memoryview) -> bytes:
    name = probe.encode()
    return _packed(BLOCK, b"".join((_BLOCK.pack(len(name), run_ms), name, payload)))


def packed_gaps(probe: str, run_ms: int, gaps: Iterable[tuple[str, int, int, int, int]]) -> bytes:
    return _packed(GAPS, json.dumps([probe, run_ms, list(gaps)], separators=(",", ":")).encode())


def packed_snapshot(state: Mapping[str, Any]) -> bytes:
    return _packed(SNAPSHOT, zlib.compress(json.dumps(state, separators=(",", ":")).encode(), 1))


class OneWayLog:
    """Of collector `name`, in its spool directory. sync: what `append` wrote is on the disk when it returns.

    cut         octets at the ends of files that were not sound
    damaged     and between sound records
    octets      of all files
    """

    def __init__(self, directory: Path, name: str, *, sync: bool = False) -> None:
        self._directory, self._sync = directory, sync
        self._name = re.compile(rf"\.{re.escape(name)}\.one_way-([0-9]+)\.log")
        self._stem = f".{name}.one_way-"
        self.cut = self.damaged = 0
        self._segments: dict[int, _Segment] = {}  # ascending
        self._descriptor: int | None = None  # of the last one
        self._number = 0

    @property
    def octets(self) -> int:
        return sum(s.octets for s in self._segments.values())

    @property
    def path(self) -> Path:
        """Of the last file."""
        return self._path(self._number)

    @property
    def is_long(self) -> bool:
        """It is time for `begin`; also when there is no file yet."""
        return self._descriptor is None or self._segments[self._number].octets >= SEGMENT_OCTETS

    def read(self) -> Iterator[tuple[int, BlockRecord | GapsRecord | SnapshotRecord]]:
        """(number of the file, record) of all that is sound, in the order of writing; once, first. OSError."""
        found = sorted(int(m[1]) for p in self._directory.iterdir() if (m := self._name.fullmatch(p.name)))
        for number in found:
            path = self._path(number)
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "r+b") as file:
                segment = self._segments[number] = _Segment()
                self._number = number
                for record, start, end in _records(file.fileno()):
                    self.damaged += start - segment.octets
                    segment.octets = end
                    yield number, record
                size = os.fstat(file.fileno()).st_size
                if size > segment.octets:
                    self.cut += size - segment.octets
                    os.ftruncate(file.fileno(), segment.octets)

    def begin(self, state: Mapping[str, Any]) -> None:
        """Another file, which begins with a snapshot. OSError: the one before goes on."""
        number, octets = self._number + 1, packed_snapshot(state)
        path = self._path(number)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        try:
            write_at(descriptor, 0, octets)
            if self._sync:
                os.fsync(descriptor)
                sync_directory(self._directory)
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            raise
        self.close()
        self._descriptor, self._number = descriptor, number
        self._segments[number] = _Segment(len(octets))

    def append(self, records: Iterable[bytes]) -> None:
        """Packed records. There must have been a `begin`. OSError: the file is what it was."""
        segment = self._segments[self._number]
        octets = b"".join(records)
        write_at(self._descriptor, segment.octets, octets)
        if self._sync:
            os.fsync(self._descriptor)
        segment.octets += len(octets)

    def holds(self, flow_class: str, newest_ns: int, number: int | None = None) -> None:
        """The file (None: the last one) holds observations of a class up to that time."""
        newest = self._segments[self._number if number is None else number].newest_ns
        newest[flow_class] = max(newest.get(flow_class, newest_ns), newest_ns)

    def forget(self, flow_class: str, before: int | None = None) -> None:
        """Files (None: all; else those with lower numbers) hold nothing of the class that is needed."""
        for number, segment in self._segments.items():
            if before is None or number < before:
                segment.newest_ns.pop(flow_class, None)

    def delete(self, needed_from_ns: Mapping[str, int]) -> None:
        """The oldest files that hold nothing that is needed: observations of a class from that time on. Classes that are not named
        need nothing."""
        for number in list(self._segments):
            newest_ns = self._segments[number].newest_ns.items()
            if number == self._number or any(ns >= needed_from_ns.get(name, ns + 1) for name, ns in newest_ns):
                return
            with suppress(OSError):
                self._path(number).unlink(missing_ok=True)
            del self._segments[number]

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _path(self, number: int) -> Path:
        return self._directory / f"{self._stem}{number}.log"


class _Segment:
    def __init__(self, octets: int = 0) -> None:
        self.octets = octets
        self.newest_ns: dict[str, int] = {}


def _packed(kind: int, content: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, kind, len(content), zlib.crc32(content)) + content


def _records(descriptor: int) -> Iterator[tuple[BlockRecord | GapsRecord | SnapshotRecord, int, int]]:
    """Sound records, from where to where each."""
    at = 0
    while at >= 0:
        record, end = _record_at(descriptor, at)
        if record is not None:
            yield record, at, end
            at = end
        else:
            at = _next_magic(descriptor, at + 1)


def _record_at(descriptor: int, at: int) -> tuple[BlockRecord | GapsRecord | SnapshotRecord | None, int]:
    header = os.pread(descriptor, _HEADER.size, at)
    if len(header) < _HEADER.size:
        return None, at
    magic, kind, octets, crc = _HEADER.unpack(header)
    end = at + _HEADER.size + octets
    if magic != _MAGIC or octets > MAX_RECORD_OCTETS or end > os.fstat(descriptor).st_size:
        return None, at
    content = os.pread(descriptor, octets, at + _HEADER.size)
    if len(content) < octets or zlib.crc32(content) != crc:
        return None, at
    try:
        return _unpacked(kind, content), end
    except (ValueError, TypeError, LookupError, struct.error, zlib.error):
        return None, at


def _next_magic(descriptor: int, at: int) -> int:
    """Where the next record may begin; -1: there is none."""
    while octets := os.pread(descriptor, _SEARCHED_OCTETS, at):
        found = octets.find(_MAGIC)
        if found >= 0:
            return at + found
        if len(octets) < len(_MAGIC):
            break
        at += len(octets) - len(_MAGIC) + 1
    return -1


def _unpacked(kind: int, content: bytes) -> BlockRecord | GapsRecord | SnapshotRecord:
    if kind == BLOCK:
        length, run_ms = _BLOCK.unpack_from(content)
        start = _BLOCK.size + length
        return BlockRecord(content[_BLOCK.size : start].decode(), run_ms, content[start:])
    if kind == GAPS:
        probe, run_ms, gaps = json.loads(content)
        return GapsRecord(str(probe), int(run_ms), [(str(c), int(s), int(a), int(b), int(n)) for c, s, a, b, n in gaps])
    if kind == SNAPSHOT:
        state = json.loads(zlib.decompress(content))
        if isinstance(state, dict):
            return SnapshotRecord(state)
    raise ValueError(kind)
