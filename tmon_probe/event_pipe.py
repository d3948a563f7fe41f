"""Events from the fathers to the child, which publishes them: a pipe, one event a line.

A line has at most PIPE_BUF octets, so that those of several fathers never mix (pipe(7)). Nobody ever waits: an event for which
there is no room is lost, and counted.
"""

from __future__ import annotations

import json
import os
import select
from contextlib import suppress

from tmon_common.events import VALUE_CHARACTERS, Event

LINE_OCTETS = select.PIPE_BUF
READ_OCTETS = 65536


class EventPipe:
    """Make it before forking; fathers `send`, the child reads.

    lost    events that this process could not send
    garbled lines, or pieces of lines, that were no events
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._rest = b""
        self._overlong = False  # within a line that is longer than any of ours
        self.lost = 0
        self.garbled = 0

    def send(self, event: Event) -> bool:
        """False: there was no room, or nobody to read it."""
        try:
            os.write(self._writer, encode(event))  # whole or not at all
        except (OSError, ValueError):
            self.lost += 1
            return False
        return True

    def fileno(self) -> int:
        """Readable when there are events."""
        return self._reader

    def read(self) -> list[Event]:
        """The events that have arrived whole. Nothing in the pipe can make it fail."""
        events = []
        with suppress(BlockingIOError):
            while octets := os.read(self._reader, READ_OCTETS):
                events += self._take(octets)
        return events

    def keep_reader(self) -> None:
        """In the child: who only reads is told of a father's end by the system."""
        self._close_writer()

    def keep_writer(self) -> None:
        """In a father: a pipe whose child is gone takes nothing more."""
        self._close_reader()

    def close(self) -> None:
        self._close_reader()
        self._close_writer()

    def _take(self, octets: bytes) -> list[Event]:
        *lines, self._rest = (self._rest + octets).split(b"\n")
        events = []
        for line in lines:
            event = None if self._overlong else decode(line)
            self._overlong = False
            if event is None:
                self.garbled += 1
            else:
                events.append(event)
        if len(self._rest) >= LINE_OCTETS:
            self._rest, self._overlong = b"", True
        return events

    def _close_reader(self) -> None:
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1

    def _close_writer(self) -> None:
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


def encode(event: Event) -> bytes:
    """The line of an event. Texts are bounded (tmon_common.events); together they may still be too long, and are cut.

    ValueError if it is too long even so: a number that no counter reaches.
    """
    values, characters = event.values, VALUE_CHARACTERS
    while True:
        fields = [event.time_ns, event.code, event.subject, values]
        line = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        if len(line) <= LINE_OCTETS:
            return line
        if not characters:
            raise ValueError(f"event {event.code} does not fit in a line")
        characters //= 2
        values = tuple((name, value[:characters] if isinstance(value, str) else value) for name, value in values)


def decode(line: bytes) -> Event | None:
    """The event of a line (without its end); None if it is none."""
    try:
        time_ns, code, subject, values = json.loads(line)
        if type(time_ns) is not int or type(code) is not str or type(subject) is not str:
            return None
        return Event(time_ns, code, subject, tuple((name, value) for name, value in values))
    except (ValueError, TypeError, RecursionError):  # not UTF-8, not JSON, not four, not in the catalogue
        return None
