"""Transfers of an FTP session by the dialogue that its client printed: the slow, obvious reading, for dialogues in good order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

TRANSFERS = ("RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD")
LISTINGS = ("LIST", "NLST", "MLSD")
MODES = {"EPSV": "extended_passive", "PASV": "passive", "EPRT": "extended_active", "PORT": "active"}
_PASSIVE = ((re.compile(r"229 .*\(\|\|\|(\d+)\|\)"), "EPSV"), (re.compile(r"227 .*\(\d+,\d+,\d+,\d+,(\d+),(\d+)\)"), "PASV"))
_ACTIVE = ((re.compile(r"EPRT \|\d\|[^|]+\|(\d+)\|"), "EPRT"), (re.compile(r"PORT \d+,\d+,\d+,\d+,(\d+),(\d+)"), "PORT"))
_SIZE = re.compile(r"150 .*\((\d+) bytes\)")


@dataclass
class Said:
    """A transfer. file_octets: size of the file that the server told in its 150 reply; reply_code: of the final reply."""

    user: str
    command: str
    path: str
    mode: str
    data_port: int
    restart_offset: int = 0
    file_octets: int | None = None
    reply_code: int | None = None

    @property
    def octets(self) -> int | None:
        """What a complete retrieval moves, as far as the server told."""
        return None if self.file_octets is None else self.file_octets - self.restart_offset


def transfers_said(dialogue: Sequence[str]) -> list[Said]:
    """dialogue: "> command", "< reply". The first final reply after the command for a transfer is that of the transfer."""
    found: list[Said] = []
    user, mode, port, offset, open_one = "", "", 0, 0, None
    for line in dialogue:
        text = line[2:]
        verb, _, argument = text.partition(" ")
        for pattern, name in _ACTIVE if line[0] == ">" else _PASSIVE:
            if match := pattern.match(text):
                numbers = [int(number) for number in match.groups()]
                mode, port = MODES[name], numbers[0] if len(numbers) == 1 else numbers[0] * 256 + numbers[1]
        if line[0] == ">":
            if verb == "USER":
                user = argument
            elif verb == "REST":
                offset = int(argument)
            elif verb in TRANSFERS:
                found.append(open_one := Said(user, verb, argument, mode, port, offset))
                offset = 0
        elif open_one and (match := _SIZE.match(text)):
            open_one.file_octets = int(match[1])
        elif open_one and re.match(r"[2-5]\d\d ", text):
            open_one.reply_code, open_one = int(text[:3]), None
    return found
