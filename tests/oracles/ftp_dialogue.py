"""FTP control connections read the obvious way, from the whole streams that tshark puts together; and what clients say they did."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.oracles.tshark_follow import Followed

TRANSFERS = {"RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD"}


@dataclass(frozen=True)
class Dialogue:
    """commands: (verb, argument); replies: codes, one for each reply; both in order."""

    client: tuple[str, int]
    commands: list[tuple[str, str]]
    replies: list[int]

    @property
    def transfers(self) -> list[tuple[str, str]]:
        return [c for c in self.commands if c[0] in TRANSFERS]


def dialogue(stream: Followed) -> Dialogue:
    """Of a stream one of whose ends has port 21."""
    client = next(end for end in stream.ends if end[1] != 21)
    server = next(end for end in stream.ends if end[1] == 21)
    said = stream.sent_by(client).replace(b"\xff\xf4", b"").replace(b"\xff\xf2", b"").decode()
    commands = [(verb.upper(), argument) for verb, _, argument in (line.partition(" ") for line in said.split("\r\n")[:-1])]
    replies, open_code = [], ""
    for line in stream.sent_by(server).decode().split("\r\n")[:-1]:
        if open_code:
            if line[:4] == f"{open_code} ":
                open_code = ""
        else:
            replies.append(int(line[:3]))
            open_code = line[:3] if line[3:4] == "-" else ""
    return Dialogue(client, commands, replies)


@dataclass(frozen=True)
class Told:
    """A transfer as its client told it. octets: those that the client read or wrote; exactly: the server sent no others.

    ended_s: epoch seconds. None where the client does not tell.
    """

    command: str
    path: str
    mode: str | None
    outcome: str
    code: int | None
    octets: int | None
    exactly: bool
    restart: int
    ended_s: float


_MODES = {"pasv": "passive", "port": "active", "epsv": "extended_passive", "eprt": "extended_active"}


def told_by_lab(path: Path) -> list[Told]:
    """Transfers in a `.truth.jsonl` of the laboratory captures, those of the scripted client; `many` is what it lists with NLST."""
    found, mode = [], None
    for entry in map(json.loads, path.read_text().splitlines()):
        mode, op, end = entry.get("mode", mode), entry.get("op"), entry["t"]
        text = entry.get("resp") or entry.get("err") or "0"
        code = int((text if isinstance(text, str) else text[0])[:3])  # to ABOR there are two: the first is the transfer's
        name, of_mode = entry.get("name", ""), _MODES.get(mode)
        if op in TRANSFERS and "err" in entry:
            found.append(Told(op, name, of_mode, "refused", code, None, False, 0, end))
        elif op in TRANSFERS:
            found.append(Told(op, "many" if op == "NLST" else name, of_mode, "completed", code or None, entry["bytes"], True,
                              entry.get("rest") or 0, end))
        elif op == "bad" and entry["cmd"].split()[0] in TRANSFERS:
            found.append(Told(*entry["cmd"].split(), None, "refused", code, None, False, 0, end))
        elif op == "ABOR":
            outcome = "completed" if code == 226 else "aborted"
            found.append(Told("RETR", "large.bin", of_mode, outcome, code, entry["bytes"], True, 0, end))
        elif op in ("RST-data", "killed"):  # the server had sent more than the client read
            found.append(Told("RETR", "large.bin", of_mode, "aborted", code or None, entry["bytes"], False, 0, end))
    return found


@dataclass(frozen=True)
class Program:
    """A client program of the laboratory captures: what it was, its exit status, and when it ran (epoch seconds)."""

    name: str
    status: int
    from_s: float
    to_s: float


def programs_of_lab(path: Path) -> list[Program]:
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [Program(entry["client"], entry["rc"], before["t"], entry["t"]) for before, entry in zip([entries[0], *entries], entries,
                                                                                                      strict=False)
            if "client" in entry]
