"""Flow definitions that thresholds and the one-way join need, in a file: what a restarted collector knows without asking the
probes.

Records one behind the other, only ever appended: magic, octets of what follows, CRC-32 of it; then, compressed, a line of JSON
(probe, run, strings) and the rows as int64 words. A damaged end, and what a write that failed has left, is cut off when the file is
read. A file that has doubled since is written anew, with the flows that are still known.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tmon_collector.write_at import write_at
from tmon_common.observations import ABSENT, FLOW_DEFINITION

MODE = 0o640
MAX_RECORD_OCTETS = 8 << 20
"""Of a record, as it is in the file and once more when it is unpacked."""
COMPACT_FROM_OCTETS = 1 << 20
_HEADER = struct.Struct("<4sII")
_MAGIC = b"tFl1"


@dataclass(frozen=True)
class Definitions:
    """Flow definitions of one run, words int64 (n, words of flow_definition)."""

    probe: str
    run_ms: int
    words: np.ndarray
    strings: Sequence[str]


class FlowFile:
    """The file at a path, made if there is none. OSError when it cannot be. sync: what `append` wrote is on the disk when it
    returns. cut: octets that were damaged.

    Reading (`read`, once, first) finds the end of what is sound; only then may anything be appended.
    """

    def __init__(self, path: Path, *, sync: bool = False) -> None:
        self.path, self._sync = path, sync
        self.cut = 0
        self.octets = 0
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        self._compact_at = COMPACT_FROM_OCTETS

    def read(self) -> Iterator[Definitions]:
        """All that is sound, in the order of its writing."""
        for definitions, end in self._records():
            self.octets = end
            yield definitions
        self.cut = os.fstat(self._descriptor).st_size - self.octets
        if self.cut:
            os.ftruncate(self._descriptor, self.octets)
        self._compact_at = max(COMPACT_FROM_OCTETS, 2 * self.octets)

    def append(self, definitions: Definitions) -> None:
        """Written when this returns (without `sync` to the system; a crash of the machine may lose it). OSError: the file is as it
        was."""
        end = write_at(self._descriptor, self.octets, _packed(definitions))
        if self._sync:
            os.fsync(self._descriptor)
        self.octets = end

    @property
    def has_doubled(self) -> bool:
        return self.octets >= self._compact_at

    def compact(self, kept: Callable[[Definitions], np.ndarray]) -> None:
        """Writes the file anew with the rows for which `kept` gives True. OSError: the old one stays."""
        self._compact_at = 2 * self.octets  # also if it fails: not again for every row
        path = self.path.with_name(self.path.name + ".new")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
        try:
            at = 0
            for found, _ in self._records():
                rows = found.words[kept(found)]
                if len(rows):
                    at = write_at(descriptor, at, _packed(Definitions(found.probe, found.run_ms, rows, found.strings)))
            os.fsync(descriptor)
            path.rename(self.path)
        except OSError:
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            raise
        os.close(self._descriptor)
        self._descriptor, self.octets = descriptor, at
        self._compact_at = max(COMPACT_FROM_OCTETS, 2 * at)

    def close(self) -> None:
        os.close(self._descriptor)

    def _records(self) -> Iterator[tuple[Definitions, int]]:
        """Sound records, each with its end, up to the first that is not."""
        at = 0
        while True:
            header = os.pread(self._descriptor, _HEADER.size, at)
            if len(header) < _HEADER.size:
                return
            magic, octets, crc = _HEADER.unpack(header)
            if magic != _MAGIC or octets > MAX_RECORD_OCTETS:
                return
            packed = os.pread(self._descriptor, octets, at + _HEADER.size)
            definitions = _unpacked(packed) if len(packed) == octets and zlib.crc32(packed) == crc else None
            if definitions is None:
                return
            at += _HEADER.size + octets
            yield definitions, at


def _packed(definitions: Definitions) -> bytes:
    head = json.dumps([definitions.probe, definitions.run_ms, list(definitions.strings)], separators=(",", ":"))
    packed = zlib.compress(head.encode() + b"\n" + np.ascontiguousarray(definitions.words, "<i8").tobytes(), 1)
    return _HEADER.pack(_MAGIC, len(packed), zlib.crc32(packed)) + packed


def _unpacked(packed: bytes) -> Definitions | None:
    """None if it is not what `_packed` makes."""
    try:
        inflate = zlib.decompressobj()
        head, _, rows = inflate.decompress(packed, MAX_RECORD_OCTETS).partition(b"\n")
        probe, run_ms, strings = json.loads(head)
        words = np.frombuffer(rows, "<i8").reshape(-1, FLOW_DEFINITION.words).astype(np.int64)
    except (zlib.error, ValueError, TypeError):
        return None
    text_columns = words[:, [FLOW_DEFINITION.word_of(n) for n in ("flow_class", "interface")]]
    sound = isinstance(probe, str) and isinstance(run_ms, int) and isinstance(strings, list)
    if not sound or ((text_columns != ABSENT) & ((text_columns < 0) | (text_columns >= len(strings)))).any():
        return None
    return Definitions(probe, run_ms, words, strings)
