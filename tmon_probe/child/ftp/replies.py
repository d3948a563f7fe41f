"""Replies of the server: RFC 959 section 4.2, and what some of them tell."""

from __future__ import annotations

import re

from tmon_probe.child.ftp.text import text_of

MAX_REPLY_LINES = 2048
"""Of one reply; a longer one is broken off."""
Octets = bytes | memoryview
_SIZE = re.compile(r"(?<![\d.,])(\d{1,18})\s+(?:bytes|octets)\b", re.IGNORECASE)
_UNIQUE = re.compile(r"(?:\bFILE:\s*|unique file name:?\s*)([^\s)]+)", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


class Reply:
    """code, hundreds    as a number, and its first digit

    text, first         of its last line, after the code; of its first one. To be looked at while the line lies where it was read
    several             it has more than one line
    """

    __slots__ = ("_area", "_begin", "_end", "_first", "code", "hundreds")

    def __init__(self, code: int, area: Octets, begin: int, end: int, first: str | None = None) -> None:
        self.code, self.hundreds = code, code // 100
        self._area, self._begin, self._end, self._first = area, begin, end, first

    @property
    def text(self) -> str:
        return text_of(bytes(self._area[self._begin : self._end]))

    @property
    def several(self) -> bool:
        return self._first is not None

    @property
    def first(self) -> str:
        return self.text if self._first is None else self._first


class Replies:
    """Puts the lines of a reply together. broken: lines that belong to no reply."""

    __slots__ = ("_code", "_first", "_lines", "broken")

    def __init__(self) -> None:
        self._code = 0
        self._first = ""
        self._lines = 0
        self.broken = 0

    def feed(self, line: bytes) -> Reply | None:
        """The reply that is complete with this line."""
        return self.take(reply_code(line), line[3:4] == b"-", line, 4, len(line))

    def take(self, code: int, more: bool, area: Octets, begin: int, end: int) -> Reply | None:
        """The same of a line that has been looked at. code: 0 if it begins no reply; more: other lines follow; its text lies in
        area[begin:end]."""
        if not self._code:
            if not code:
                self.broken += 1
                return None
            if not more:
                return Reply(code, area, begin, end)
            self._code, self._first, self._lines = code, text_of(bytes(area[begin:end])), 1
            return None
        self._lines += 1
        if code == self._code and not more:
            self._code = 0
            return Reply(code, area, begin, end, self._first)
        if self._lines >= MAX_REPLY_LINES:
            self.gap()
        return None

    def gap(self) -> None:
        """Octets are missing: the reply that was being read is broken off."""
        self.broken += bool(self._code)
        self._code = 0


def starts_reply(line: bytes) -> bool:
    """The line begins with the code of a reply."""
    return len(line) >= 3 and line[:3].isdigit() and b"1" <= line[:1] <= b"6" and line[3:4] in (b"", b" ", b"-")


def reply_code(line: bytes) -> int:
    """Of the reply that the line begins or ends; 0 if it does neither."""
    return int(line[:3]) if starts_reply(line) else 0


def announced_octets(text: str) -> int | None:
    """Of 150 and 125: `(NNN bytes)`, the last one, as a name may hold the like."""
    found = _SIZE.findall(text)
    return int(found[-1]) if found else None


def unique_name(text: str) -> str:
    """Of the replies to STOU, RFC 1123 section 4.1.2.9; "" if it tells none."""
    found = _UNIQUE.search(text)
    return found[1] if found else ""


def quoted_path(text: str) -> str:
    """Of 257, RFC 959 appendix II: quotes within are doubled. "" if there is none."""
    found = _QUOTED.search(text)
    return found[1].replace('""', '"') if found else ""
