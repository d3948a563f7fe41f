"""The last events of a running program in shared memory, for whoever shows them or tells them on: one writer, many readers.

The segment: eight int64 (magic, number of the newest event), then MAX_EVENTS places of PLACE_OCTETS. An event with number n (from
1) lies in place n mod MAX_EVENTS: its number, time, severity, lengths, texts. Its number is zero while the place is written: who
reads another number than it wants, before or after it has copied the place, takes the event for overwritten.
"""

from __future__ import annotations

import os
import stat
import struct
from contextlib import suppress
from dataclasses import dataclass

from tmon_common.events import Event, Severity
from tmon_common.segment import SEGMENTS, Segment

MAX_EVENTS = 64
PLACE_OCTETS = 2048
ENDING = "-events"
"""The board of a program is called like its statistics, with this at the end."""
TOLD = "-told"
"""Files called like the board with this after it say what was told on, by those who do; they end with the board."""
_MAGIC = 0x7472666D45564231
_HEADER = struct.Struct("=8q")
_NUMBER = struct.Struct("=q")
_PLACE = struct.Struct("=qqq3H")  # number, time, severity, octets of code, subject, text
_SEVERITIES = tuple(Severity)
_SIZE = _HEADER.size + MAX_EVENTS * PLACE_OCTETS


@dataclass(frozen=True)
class BoardEvent:
    """sequence: from 1, in the order in which they were told; time_ns: since 1970-01-01 UTC; text: the sentence for a person."""

    sequence: int
    time_ns: int
    severity: Severity
    code: str
    subject: str
    text: str


class EventBoard:
    """The writer's hold."""

    def __init__(self, memory: Segment) -> None:
        self._memory, self._count = memory, 0

    @classmethod
    def create(cls, segment: str) -> EventBoard:
        """A new, empty board. Whoever makes it holds the statistics of the same name: a board found here was left by the dead."""
        _remove(segment)
        memory = Segment(segment, _SIZE)
        _HEADER.pack_into(memory.buf, 0, _MAGIC, *[0] * 7)
        return cls(memory)

    def publish(self, event: Event) -> None:
        self._count += 1
        at = _HEADER.size + self._count % MAX_EVENTS * PLACE_OCTETS
        texts = [t.encode() for t in (event.code, event.subject, event.text)]
        texts[2] = texts[2][: PLACE_OCTETS - _PLACE.size - len(texts[0]) - len(texts[1])]
        buffer = self._memory.buf
        _NUMBER.pack_into(buffer, at, 0)
        _PLACE.pack_into(buffer, at, 0, event.time_ns, _SEVERITIES.index(event.severity), *map(len, texts))
        octets = b"".join(texts)
        buffer[at + _PLACE.size : at + _PLACE.size + len(octets)] = octets
        _NUMBER.pack_into(buffer, at, self._count)
        _NUMBER.pack_into(buffer, 8, self._count)

    def close(self) -> None:
        """Let go and remove the segment."""
        segment = self._memory.name
        self._memory.close()
        self._memory.unlink()
        _remove(segment)


class BoardReader:
    """Somebody else's board; it can be read even after its end. Nothing in a segment can harm who reads it."""

    def __init__(self, segment: str) -> None:
        """FileNotFoundError if there is none, PermissionError if it is not for this user."""
        missing = f"{segment}: no events of a trafMon program"
        try:
            self._file = os.open(SEGMENTS / segment, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except PermissionError:
            raise
        except OSError:
            raise FileNotFoundError(missing) from None
        status = os.fstat(self._file)
        if not stat.S_ISREG(status.st_mode) or status.st_size < _SIZE or self._header(0) != _MAGIC:
            os.close(self._file)
            raise FileNotFoundError(missing)

    @property
    def newest(self) -> int:
        """Number of the newest event, 0 if there was none."""
        return max(0, self._header(1))

    def since(self, sequence: int) -> tuple[list[BoardEvent], int]:
        """Events with a larger number, oldest first; and how many of these were overwritten before they could be read."""
        newest = self.newest
        oldest = max(sequence + 1, newest - MAX_EVENTS + 1)
        found = [event for n in range(oldest, newest + 1) if (event := self._event(n))]
        return found, max(0, newest - max(0, sequence)) - len(found)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _header(self, position: int) -> int:
        octets = os.pread(self._file, 8, 8 * position)
        return _NUMBER.unpack(octets)[0] if len(octets) == 8 else 0

    def _event(self, sequence: int) -> BoardEvent | None:
        at = _HEADER.size + sequence % MAX_EVENTS * PLACE_OCTETS
        octets = os.pread(self._file, PLACE_OCTETS, at)
        again = os.pread(self._file, 8, at)
        if len(octets) < PLACE_OCTETS or again != octets[:8]:
            return None
        number, time_ns, severity, *lengths = _PLACE.unpack_from(octets)
        if number != sequence or not 0 <= severity < len(_SEVERITIES):
            return None
        texts, start = [], _PLACE.size
        for length in lengths:
            texts.append(octets[start : start + length].decode(errors="replace"))
            start += length
        return BoardEvent(sequence, time_ns, _SEVERITIES[severity], *texts)


def _remove(segment: str) -> None:
    for path in (SEGMENTS / segment, *SEGMENTS.glob(f"{segment}{TOLD}-*")):
        with suppress(FileNotFoundError):
            path.unlink()
