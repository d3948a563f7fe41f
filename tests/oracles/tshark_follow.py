"""Both directions of TCP streams as tshark puts them together (`-z follow`): octets in order, each once."""

import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path

Endpoint = tuple[str, int]
_MISSING = re.compile(rb"\[\d+ bytes missing in capture file\]\x00?")


@dataclass(frozen=True)
class Followed:
    """ends: who sent first, and the other; sent: what each sent. missing: tshark says that octets are missing."""

    ends: tuple[Endpoint, Endpoint]
    sent: tuple[bytes, bytes]
    missing: bool

    def sent_by(self, end: Endpoint) -> bytes:
        return self.sent[self.ends.index(end)]


@lru_cache(maxsize=64)
def followed(path: Path) -> list[Followed]:
    """Every TCP stream of a capture."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=f", "-e", "tcp.stream"]
    numbers = {int(n) for n in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()}
    wanted = [word for n in sorted(numbers) for word in ("-z", f"follow,tcp,raw,{n}")]
    text = subprocess.run(["tshark", "-n", "-q", "-r", str(path), *wanted], capture_output=True, text=True, check=True).stdout
    return [_stream(part) for part in text.split("Follow: tcp,raw")[1:]]


def _stream(text: str) -> Followed:
    lines = text.splitlines()
    ends = tuple(_endpoint(next(line for line in lines if line.startswith(f"Node {n}: "))[8:]) for n in (0, 1))
    sent = (bytearray(), bytearray())
    for line in lines[lines.index(next(line for line in lines if line.startswith("Node 1: "))) + 1 :]:
        if not line.startswith("="):
            sent[line.startswith("\t")].extend(bytes.fromhex(line))
    found = tuple(bytes(s) for s in sent)
    return Followed(ends, tuple(_MISSING.sub(b"", s) for s in found), any(_MISSING.search(s) for s in found))


def _endpoint(text: str) -> Endpoint:
    address, _, port = text.strip().rpartition(":")
    return str(ip_address(address.strip("[]"))), int(port)
