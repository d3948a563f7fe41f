"""Lines of a control connection out of its octets: RFC 959 section 5.3.1, on top of Telnet (RFC 854)."""

from __future__ import annotations

MAX_LINE = 4096
"""Octets of a line; a longer one is skipped."""
_IAC, _SE, _SB, _WILL, _DONT = 255, 240, 250, 251, 254
_FIRST_COMMAND = 236  # of Telnet: EOF, RFC 1184; octets below that after 255 are those of a file name in a national character set
_TEXT, _COMMAND, _OPTION, _NEGOTIATION, _NEGOTIATION_IAC = range(5)


class Lines:
    """Ends are CR LF or LF alone; neither is part of a line. Telnet commands are taken out, also from the middle of a line.

    skipped     lines that were too long, or broken because octets of the stream are missing
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._skipping = False
        self._state = _TEXT
        self.skipped = 0

    def feed(self, octets: bytes) -> list[bytes]:
        """Lines that are complete with these octets."""
        if self._state != _TEXT or _IAC in octets:
            octets = self._without_telnet(octets)
        *complete, rest = octets.split(b"\n")
        lines = []
        for part in complete:
            self._extend(part)
            if not self._skipping:
                lines.append(bytes(self._line).removesuffix(b"\r"))
            self._line.clear()
            self._skipping = False
        self._extend(rest)
        return lines

    def gap(self) -> None:
        """Octets are missing here: what stands around the gap up to the next line end is no line."""
        self._state = _TEXT
        self._skip()

    def _extend(self, octets: bytes) -> None:
        if self._skipping:
            return
        if len(self._line) + len(octets) > MAX_LINE:
            self._skip()
        else:
            self._line += octets

    def _skip(self) -> None:
        self.skipped += not self._skipping
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
