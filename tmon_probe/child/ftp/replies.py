"""Replies of the server: RFC 959 section 4.2, and what some of them tell."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tmon_probe.child.ftp.text import text_of

MAX_REPLY_LINES = 2048
"""Of one reply; a longer one is broken off."""
_SIZE = re.compile(r"(?<![\d.,])(\d{1,18})\s+(?:bytes|octets)\b", re.IGNORECASE)
_UNIQUE = re.compile(r"(?:\bFILE:\s*|unique file name:?\s*)([^\s)]+)", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')


@dataclass(frozen=True)
class Reply:
    """text: of its last line, after the code; first: of its first one."""

    code: int
    text: str
    first: str

    @property
    def hundreds(self) -> int:
        return self.code // 100


class Replies:
    """Puts the lines of a reply together. broken: lines that belong to no reply."""

    def __init__(self) -> None:
        self._code = b""
        self._first = ""
        self._lines = 0
        self.broken = 0

    def feed(self, line: bytes) -> Reply | None:
        """The reply that is complete with this line."""
        code, text = line[:3], line[4:]
        if self._code:
            self._lines += 1
            if code == self._code and line[3:4] in (b"", b" "):
                reply = Reply(int(code), text_of(text), self._first)
                self._code = b""
                return reply
            if self._lines >= MAX_REPLY_LINES:
                self.gap()
            return None
        if not starts_reply(line):
            self.broken += 1
            return None
        if line[3:4] == b"-":
            self._code, self._first, self._lines = code, text_of(text), 1
            return None
        return Reply(int(code), text_of(text), text_of(text))

    def gap(self) -> None:
        """Octets are missing: the reply that was being read is broken off."""
        self.broken += bool(self._code)
        self._code = b""


def starts_reply(line: bytes) -> bool:
    """The line begins with the code of a reply."""
    return len(line) >= 3 and line[:3].isdigit() and b"1" <= line[:1] <= b"6" and line[3:4] in (b"", b" ", b"-")


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
