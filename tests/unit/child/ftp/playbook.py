"""FTP dialogues as playbooks: lines of both sides and data connections in, transfers and counts out, on a clock of its own."""

from collections import Counter
from ipaddress import ip_address

import numpy as np

from tmon_probe.child.ftp.dialogues import Control, Dialogues, Numbers
from tmon_probe.child.ftp.transfer import Endpoint, Transfer
from tmon_probe.child.tcp.layout import CAPTURE_END, CLIENT, CONNECTION, FIN_ENDED, RST_ENDED, SERVER

MILLISECOND = 1_000_000
START = 1_700_000_000_000_000_000
CLIENT_ADDR, SERVER_ADDR = "192.0.2.1", "198.51.100.9"


def number(address: str) -> int:
    parsed = ip_address(address)
    return int(parsed) | (0xFFFF << 32 if parsed.version == 4 else 0)


def end(address: str, port: int) -> Endpoint:
    return number(address), port


class Play:
    """One engine. `say` lines: `> ...` of the client, `< ...` of the server; each is a segment, 10 ms after the one before."""

    def __init__(self, max_sessions: int = 100, idle_ns: int = 3600_000 * MILLISECOND, *, from_start: bool = True) -> None:
        self.counts: Counter[str] = Counter()
        self.transfers: list[Transfer] = []
        self.engine = Dialogues(max_sessions, idle_ns, Numbers(), self._published)
        self.now_ns = START
        self._serial = 0
        self._from_start = from_start
        self._next: dict[int, list[int]] = {}
        self.session()

    def count(self, name: str, time_ns: int) -> None:
        """As the tally of every control connection."""
        self.counts[name] += 1

    def _published(self, control: Control, transfer: Transfer) -> None:
        self.transfers.append(transfer)

    def tick(self, ms: int = 10) -> int:
        self.now_ns += ms * MILLISECOND
        return self.now_ns

    def session(self, client: str = CLIENT_ADDR, port: int = 40000, server: str = SERVER_ADDR) -> Control:
        """A control connection opens; what is said from now on is said there."""
        self._serial += 1
        self.control = self.engine.begin(self._serial, end(client, port), end(server, 21), self._from_start, self.tick(), self)
        self._next[self._serial] = [1001, 5001]
        if self._from_start:
            self.engine.segment(self.control, False, 1000, None, b"", self.now_ns, syn=True)
            self.engine.segment(self.control, True, 5000, 1001, b"", self.now_ns, syn=True)
        return self.control

    def say(self, *lines: str) -> "Play":
        for line in lines:
            self.send(line[0] == "<", (line[2:] + "\r\n").encode("latin-1" if "\xff" in line else "utf-8"))
        return self

    def send(self, from_server: bool, octets: bytes, *, lost: bool = False, **flags: bool) -> None:
        """A segment; lost: it is not seen."""
        numbers = self._next[self.control.serial]
        sequence, numbers[from_server] = numbers[from_server], numbers[from_server] + len(octets)
        if not lost:
            self.engine.segment(self.control, from_server, sequence, numbers[not from_server], octets, self.tick(), **flags)

    def login(self, user: str = "anna") -> "Play":
        return self.say("< 220 ready", f"> USER {user}", "< 331 password", "> PASS hunter2", "< 230 in")

    def opened(self, client: Endpoint, server: Endpoint) -> int:
        """A data connection opens; its serial number."""
        self._serial += 1
        self.engine.opened(self._serial, client, server, self.tick())
        return self._serial

    def ended(self, serial: int, octets: tuple[int, int] = (0, 0), by: int = FIN_ENDED, closed_by: int = SERVER, start_ns: int = 0,
              took_ms: int = 100) -> None:
        """A connection ended. octets: client to server, server to client."""
        state = np.zeros(1, CONNECTION)
        state["serial"], state["ended_by"], state["closed_by"] = serial, by, closed_by
        state["start_ns"] = start_ns or self.now_ns
        state["end_ns"] = state["start_ns"] + took_ms * MILLISECOND
        state["unique_octets"] = octets
        self.engine.ended(state[0])

    def passive(self, port: int, command: str, reply: str = "< 226 done", octets: tuple[int, int] = (0, 0), **ending) -> "Play":
        """A whole transfer in passive mode."""
        self.say("> EPSV", f"< 229 Extended Passive Mode (|||{port}|)")
        data = self.opened(end(CLIENT_ADDR, 50000), end(SERVER_ADDR, port))
        self.say(f"> {command}", "< 150 go", reply)
        self.ended(data, octets, **ending)
        return self

    def hang_up(self, closed_by: int = CLIENT, by: int = FIN_ENDED) -> "Play":
        """The control connection closes, and the tracker tells so."""
        if closed_by:
            self.send(closed_by == SERVER, b"", closes=True)
        self.ended(self.control.serial, by=by, closed_by=closed_by, took_ms=0)
        return self

    def finish(self) -> "Play":
        self.engine.finish()
        return self

    @property
    def last(self) -> Transfer:
        return self.transfers[-1]

    def outcomes(self) -> list[tuple[str, str, str, int | None]]:
        return [(t.command, t.path, t.outcome, t.reply_code) for t in self.transfers]


def reachable(thing, known: set | None = None) -> list[str]:
    """Every text that can be reached from an object."""
    known = set() if known is None else known
    if id(thing) in known or isinstance(thing, type) or callable(thing):
        return []
    known.add(id(thing))
    if isinstance(thing, str):
        return [thing]
    if isinstance(thing, (bytes, bytearray)):
        return [thing.decode("latin-1")]
    inside = []
    if isinstance(thing, dict):
        inside = [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset)) or type(thing).__name__ == "deque":
        inside = list(thing)
    else:
        slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
        inside = [*getattr(thing, "__dict__", {}).values(), *(getattr(thing, name, None) for name in slots)]
    return [text for x in inside for text in reachable(x, known)]


__all__ = ["CAPTURE_END", "CLIENT", "FIN_ENDED", "RST_ENDED", "SERVER", "Play", "end", "number", "reachable"]
