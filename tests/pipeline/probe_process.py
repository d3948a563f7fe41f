"""tmon_probe and tmon_collector as programs: a configuration, starting and ending them, what they told and left behind."""

from __future__ import annotations

import csv
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tmon_common.config.model import Configuration
from tmon_common.config.read import read
from tmon_probe import health

ROOT = Path(__file__).parents[2]
START_LIMIT_S = 180  # kernels may have to be compiled
LIMIT_S = 20
LOOK_EVERY_S = 0.02
PROBE = "probe"

CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="all">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port vlan"/>
      <analysis kind="ip_counters" interval="1s"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="collector" address="127.0.0.1" port="{port}"><spool directory="spool" rotate="1h"/></collector>
  </collectors>
  <probes>
    <probe name="probe" seal="crc" {attributes}>
      {interfaces}
      <publish collector="collector" max_build="200ms" initial_timeout="300ms"/>
    </probe>
  </probes>
</trafmon>
"""


def configure(directory: Path, interfaces: str, *, port: int | None = None, attributes: str = "") -> Configuration:
    """Written to tmon.xml. By default a port that is free now."""
    text = CONFIGURATION.format(interfaces=interfaces, port=port or free_port(), attributes=attributes)
    (directory / "tmon.xml").write_text(text)
    return read(directory / "tmon.xml")


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def recording(path: Path, packets: int, flows: int) -> None:
    """UDP packets of one instant, and one more an hour later: at its own pace, a replay that waits then.

    Packet n has 28 + n % 50 octets (IP total length) and source port 1024 + n % flows.
    """
    def frame(number: int) -> bytes:
        payload = bytes(number % 50)
        udp = struct.pack("!HHHH", 1024 + number % flows, 53, 8 + len(payload), 0)
        addresses = bytes((10, 0, 0, 1, 10, 0, 0, 2))
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(payload), number & 0xFFFF, 0, 64, 17, 0) + addresses
        return bytes(12) + b"\x08\x00" + ip + udp + payload

    frames = [frame(n) for n in range(packets + 1)]
    times = [1_700_000_000] * packets + [1_700_003_600]
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(
        struct.pack("<IIII", at, 0, len(f), len(f)) + f for at, f in zip(times, frames, strict=True)))


def until(condition: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> None:
    """Returns as soon as it is true; AssertionError after the limit."""
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"not within {limit_s} s: {what}"
        select.select([], [], [], LOOK_EVERY_S)


class Program:
    """A program in a session of its own. `command` may put something in front of its argument list."""

    def __init__(self, module: str, directory: Path, *arguments: str, name: str = "",
                 command: Callable[[Sequence[str]], list[str]] = list, pass_fds: tuple[int, ...] = ()) -> None:
        self._told = directory / f"{name or module}.messages"
        with self._told.open("wb") as told:
            self.process = subprocess.Popen(
                command([sys.executable, "-m", module, *arguments]), cwd=directory, env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True, pass_fds=pass_fds)

    @property
    def messages(self) -> str:
        return self._told.read_text()

    def relatives(self) -> set[int]:
        """Every process of its session that lives (zombies do not)."""
        return {pid for pid, session, state in _processes() if session == self.process.pid and state not in "ZX"}

    def children(self) -> list[int]:
        """Forked workers: same program, not the helper that Python starts for shared memory, nor the keeper of its privileges."""
        others = self.relatives() - {self.process.pid, self.keeper}
        return [pid for pid in others if b"resource_tracker" not in _command_line(pid)]

    @property
    def keeper(self) -> int:
        """Process id of the keeper of its privileges, 0 if there is none."""
        return next((pid for pid in self.relatives() if _name(pid) == "tmon_keeper"), 0)

    def wait(self, limit_s: float = LIMIT_S) -> int:
        """Its exit status. AssertionError, with its messages, if it does not end."""
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end within {limit_s} s; it told: {self.messages}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Kill what still runs; the helper that removes shared memory is given the time to do so."""
        for pid in [self.process.pid, *self.children()] if self.process.poll() is None else self.children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        until(lambda: not self.relatives(), f"all processes of {self.process.args} end")


def start_collector(directory: Path, *names: str, **options) -> Program:
    """Returns once it listens. names: which one of the configuration."""
    ready, ready_end = os.pipe()
    collector = Program("tmon_collector", directory, "-l", "--ready-fd", str(ready_end), *names, pass_fds=(ready_end,), **options)
    os.close(ready_end)
    readable = select.select([ready], [], [], START_LIMIT_S)[0]
    told = os.read(ready, 16) if readable else b""
    os.close(ready)
    if not told:
        collector.__exit__()
        raise AssertionError(f"the collector does not listen: {collector.messages}")
    return collector


class Probe(Program):
    """tmon_probe with the configuration ./tmon.xml. fathers: how many it has; probe: its name there."""

    def __init__(self, directory: Path, configuration: Configuration, *arguments: str, fathers: int = 1, probe: str = PROBE,
                 **options) -> None:
        super().__init__("tmon_probe", directory, *(arguments or ("-l",)), **options)
        self.configuration = configuration
        self._name = probe
        self.segment = Path("/dev/shm", health.segment_name(configuration, probe))
        self._statistics = None
        self._fathers = fathers

    def numbers(self) -> dict[str, int]:
        """Its statistics block, from when it is there to after its end."""
        if self._statistics is None:
            self._statistics = health.attach(self.configuration, self._name)
        return self._statistics.snapshot()

    def capturing(self) -> bool:
        """The sources are open, every father and the child are at work."""
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.messages}"
        try:
            numbers = self.numbers()
        except FileNotFoundError:
            return False
        workers = {numbers["child_pid"], *(numbers[f"father_{n}_pid"] for n in range(self._fathers))}
        if len(workers) == self._fathers + 1 and workers <= self.relatives():
            return True
        self._forget_numbers()  # they may be those of a dead probe, about to be replaced
        return False

    def until_capturing(self) -> Self:
        until(self.capturing, "the probe captures", START_LIMIT_S)
        return self

    def gone(self) -> bool:
        """No process and no segment of it is left."""
        return not self.relatives() and not self.segments()

    def segments(self) -> list[str]:
        """Names of what it has in shared memory: its statistics, and the board of its events."""
        return sorted(p.name for p in self.segment.parent.glob(self.segment.name + "*"))

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._forget_numbers()

    def _forget_numbers(self) -> None:
        if self._statistics is not None:
            self._statistics.close()
            self._statistics = None


def rows(directory: Path, kind: str) -> list[dict[str, str]]:
    """Rows of all complete files of a kind."""
    found = []
    for path in sorted((directory / "spool").glob(f"{kind}.*.csv")):
        with path.open(newline="") as file:
            found += csv.DictReader(file)
    return found


def totals(directory: Path) -> tuple[int, int]:
    """(packets, octets) of all rows of ip_counters, both directions."""
    counted = rows(directory, "ip_counters")
    return tuple(sum(int(r[name]) + int(r[name + "_rev"]) for r in counted) for name in ("packets", "octets"))


def _processes() -> Iterator[tuple[int, int, str]]:
    """(process id, session, state), see proc(5)."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                yield int(entry.name), int(fields[3]), fields[0]


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
