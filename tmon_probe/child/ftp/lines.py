"""Lines of a control connection out of its octets: RFC 959 section 5.3.1, on top of Telnet (RFC 854)."""

from __future__ import annotations

from collections.abc import Callable

MAX_LINE = 4096
"""Octets of a line; a longer one is skipped."""
_IAC, _SE, _SB, _WILL, _DONT = 255, 240, 250, 251, 254
_FIRST_COMMAND = 236  # of Telnet: EOF, RFC 1184; octets below that after 255 are those of a file name in a national character set
_TEXT, _COMMAND, _OPTION, _NEGOTIATION, _NEGOTIATION_IAC = range(5)


class Lines:
    """Ends are CR LF or LF alone; neither is part of a line. Telnet commands are taken out, also from the middle of a line.

    starts      tells of a line behind a gap whether it is a whole one: segments mostly end where lines do
    skipped     lines that were too long, or broken because octets of the stream are missing
    """

    def __init__(self, starts: Callable[[bytes], bool]) -> None:
        self._starts = starts
        self._line = bytearray()
        self._skipping = self._behind_gap = False
        self._state = _TEXT
        self.skipped = 0

    @property
    def at_start(self) -> bool:
        """A line begins here, as if nothing had been before."""
        return not self._line and not self._skipping and not self._behind_gap and self._state == _TEXT

    def feed(self, octets: bytes) -> list[bytes]:
        """Lines that are complete with these octets."""
        if self._state != _TEXT or _IAC in octets:
            octets = self._without_telnet(octets)
        *complete, rest = octets.split(b"\n")
        lines = []
        for part in complete:
            self._extend(part)
            line = bytes(self._line).removesuffix(b"\r")
            if self._behind_gap and not self._skipping and not self._starts(line):
                self._skip()
            if not self._skipping:
                lines.append(line)
            self._line.clear()
            self._skipping = self._behind_gap = False
        self._extend(rest)
        return lines

    def gap(self) -> None:
        """Octets are missing here."""
        self._state = _TEXT
        if self._line:
            self.skipped += 1
            self._line.clear()
        self._skipping, self._behind_gap = False, True

    def _extend(self, octets: bytes) -> None:
        if self._skipping:
            return
        if len(self._line) + len(octets) > MAX_LINE:
            self._skip()
        else:
            self._line += octets

    def _skip(self) -> None:
        self.skipped += 1
        self._skipping = True
        self._line.clear()

    def _without_telnet(self, octets: bytes) -> bytes:
        text = bytearray()
        for octet in octets:
            match self._state:
                case 0:
                    if octet == _IAC:
                        self._state = _COMMAND
                    else:
                        text.append(octet)
                case 1:
                    self._state = _TEXT
                    if _WILL <= octet <= _DONT:
                        self._state = _OPTION
                    elif octet == _SB:
                        self._state = _NEGOTIATION
                    elif octet == _IAC:
                        text.append(_IAC)
                    elif octet < _FIRST_COMMAND:
                        text += bytes((_IAC, octet))
                case 2:
                    self._state = _TEXT
                case 3:
                    if octet == _IAC:
                        self._state = _NEGOTIATION_IAC
                    elif octet == ord("\n"):  # none is that long: not to swallow a dialogue
                        self._state = _TEXT
                        text.append(octet)
                case _:
                    self._state = _TEXT if octet == _SE else _NEGOTIATION
        return bytes(text)
