"""One tap: a pcap file with nanosecond timestamps, written as frames pass.

Format: https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcap/ (magic 0xA1B23C4D, little-endian, LINKTYPE_ETHERNET).
"""

import struct
from pathlib import Path
from types import TracebackType
from typing import Self

MAGIC_NS = 0xA1B23C4D
SNAPLEN = 65_535
LINKTYPE_ETHERNET = 1
_FILE_HEADER = struct.Struct("<IHHiIII")
_RECORD_HEADER = struct.Struct("<IIII")
_NS_PER_S = 1_000_000_000


class Tap:
    """Writes frames with their times; times never run backwards in the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames = 0
        self._last_ns = 0
        self._file = path.open("wb")
        self._file.write(_FILE_HEADER.pack(MAGIC_NS, 2, 4, 0, 0, SNAPLEN, LINKTYPE_ETHERNET))

    def write(self, frame: bytes, time_ns: int) -> int:
        """Appends one frame seen at `time_ns` (UTC); gives its number in the file, from 1 as tshark counts."""
        if time_ns < self._last_ns:
            raise ValueError(f"{self.path.name}: {time_ns} ns is before the previous frame at {self._last_ns} ns")
        self._last_ns = time_ns
        seconds, nanoseconds = divmod(time_ns, _NS_PER_S)
        kept = frame[:SNAPLEN]
        self._file.write(_RECORD_HEADER.pack(seconds, nanoseconds, len(kept), len(frame)) + kept)
        self.frames += 1
        return self.frames

    def close(self) -> None:
        """Completes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
