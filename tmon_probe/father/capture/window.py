"""A window that rolls over the octets of a file: plain, gzip, or whatever has `readinto`.

Reading into one buffer that stays in the processor's cache was measured against mapping the file (docs/decisions/0003):
the same kernels then serve plain files, gzip and pipes.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from pathlib import Path

import numpy as np

WINDOW_OCTETS = 1 << 20
"""Read at a time; a frame and its block header must fit."""
PIECE_OCTETS = 1 << 18


class Window:
    """data: uint8 (capacity,), read-only; octets `start` to `end` of it wait to be parsed.

    offset      position of data[0] in the (unpacked) file
    at_end      nothing follows `end`
    damage      why reading ended early (a gzip file that is cut or broken), "" if it did not
    OSError from opening or reading passes through.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file_octets = path.stat().st_size if path.is_file() else 0
        self._raw = path.open("rb", buffering=0)
        self._stream: io.RawIOBase | gzip.GzipFile = self._raw
        self._read_into = self._raw.readinto
        buffer = np.empty(WINDOW_OCTETS, np.uint8)
        self._view = memoryview(buffer)
        self.data = buffer.view()
        self.data.flags.writeable = False
        self.start = self.end = self.offset = 0
        self.at_end = False
        self.damage = ""
        self.refill()
        if self.end >= 2 and self.data[0] == 0x1F and self.data[1] == 0x8B:
            self._stream = gzip.GzipFile(fileobj=_Rewound(bytes(self.data[: self.end]), self._raw))
            self._read_into = self._stream.readinto1  # one piece at a time: `readinto` drops what it has when the data break off
            self.start = self.end = 0
            self.at_end = False
            self.refill()

    def refill(self) -> None:
        """Move what is left to the front and read more behind it."""
        left = self.end - self.start
        if self.start:
            self._view[:left] = self._view[self.start : self.end]
            self.offset += self.start
            self.start, self.end = 0, left
        while self.end < len(self.data):
            try:
                got = self._read_into(self._view[self.end : self.end + PIECE_OCTETS])
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                self.damage = f"gzip data: {error}"
                got = 0
            if not got:
                self.at_end = True
                break
            self.end += got

    def skip(self, octets: int) -> int:
        """Step over so many octets, reading as needed. Returns how many were missing at the end of the file."""
        while True:
            step = min(octets, self.end - self.start)
            self.start += step
            octets -= step
            if not octets or self.at_end:
                return octets
            self.refill()

    def read_octets(self) -> int:
        """Octets of the file on disk read so far (of a gzip file: compressed ones)."""
        try:
            return os.lseek(self._raw.fileno(), 0, os.SEEK_CUR)
        except OSError:  # a pipe
            return self.offset + self.end

    def close(self) -> None:
        self._stream.close()
        self._raw.close()


class _Rewound(io.RawIOBase):
    """The octets already read from a stream, then the rest of it (a pipe cannot be rewound)."""

    def __init__(self, first: bytes, rest: io.RawIOBase) -> None:
        self._first, self._rest = io.BytesIO(first), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int | None:
        return self._first.readinto(buffer) or self._rest.readinto(buffer)
