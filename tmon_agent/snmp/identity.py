"""Who this engine of SNMP is (RFC 3411 section 3.1.1.1) and how often it has started (RFC 3414 section 2.2).

Managers remember both: the identifier is the same at every start, the number of starts grows. It is kept in the directory that the
service manager gives for state. Where there is none, or it was lost, the number is the time of the start, which is greater than any
that was counted; one more than the last where the clock was set back.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tmon_agent.managed.declaration import ROOT

log = logging.getLogger(__name__)

MAX_BOOTS = (1 << 31) - 1
"""An engine that has come to it is not believed any more (RFC 3414 section 2.2.2): the clock comes to it in the year 2088, or when it
is wrong; then it does not count."""
SINCE_S = 1_577_836_800
"""2020-01-01 UTC: starts are counted in seconds from here."""
_ADMINISTERED_OCTETS = b"\x05"
_MACHINE = Path("/etc/machine-id")


@dataclass(frozen=True)
class EngineIdentity:
    """engine_id: 5 to 32 octets; boots: of this start, which was at started_s of the monotonic clock."""

    engine_id: bytes
    boots: int
    started_s: float


@cache
def identity_of(kind: str, name: str, configuration: Path) -> EngineIdentity:
    """Of the agent of a program; one start for all who ask in this process."""
    engine_id = engine_id_of(kind, name, configuration, _machine())
    state = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    boots = next_boots(Path(state, f"{kind}-{name}.boots") if state else None, int(time.time()))
    return EngineIdentity(engine_id, boots, time.monotonic())


def engine_id_of(kind: str, name: str, configuration: Path, machine: str) -> bytes:
    """The same for the same program of the same file on the same machine, and for no other."""
    key = f"{machine}|{configuration.resolve()}|{kind}|{name}".encode()
    return (ROOT[6] | 1 << 31).to_bytes(4, "big") + _ADMINISTERED_OCTETS + hashlib.sha256(key).digest()[:12]


def next_boots(file: Path | None, now_s: int) -> int:
    """Greater than at the last start, and noted in the file. A file that cannot be written is told; the clock has to do then."""
    last = 0
    if file:
        with suppress(OSError, ValueError):
            last = int(file.read_text(encoding="ascii"))
    by_clock = now_s - SINCE_S if 0 < now_s - SINCE_S < MAX_BOOTS else 1
    boots = min(max(by_clock, last + 1), MAX_BOOTS)
    if file:
        part = file.with_name(f".{file.name}.{os.getpid()}.part")
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as out:
                out.write(f"{boots}\n")
            part.replace(file)
        except OSError as error:
            log.warning("%s: cannot be written (%s): starts of the agent are told apart by the clock alone", file, error.strerror)
            with suppress(OSError):
                part.unlink()
    return boots


def _machine() -> str:
    with suppress(OSError):
        return f"{_MACHINE.read_text(encoding='ascii').strip()}|{socket.gethostname()}"
    return socket.gethostname()
