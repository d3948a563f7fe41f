"""The real snmpd and snmptrapd, each with a configuration, a port and a directory of its own, for tests."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

SBIN = "/usr/sbin:/usr/local/sbin"
PATIENCE_S = 20.0
AUTH, PRIV, COMMUNITY = "authentication phrase", "privacy phrase", "secret string"
PLAIN = "plain"
"""A community string that snmpd takes for its sinks: without blanks."""


def needed(*programs: str) -> pytest.MarkDecorator:
    missing = [p for p in programs if not shutil.which(p, path=f"{os.environ['PATH']}:{SBIN}")]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)} (Debian: snmp, snmpd, snmptrapd)")


def until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> object:
    """What the condition gives, once it is true."""
    end = time.monotonic() + patience_s
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {patience_s:g} s: {what}"
        time.sleep(0.05)
    return found


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    """One that the kernel chooses; the daemons cannot tell which they got."""
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    """One of net-snmp's. It keeps its port and its directory when it is started again."""

    program = ""
    listen = "udp:127.0.0.1"

    def __init__(self, directory: Path, settings: str, *arguments: str) -> None:
        directory.mkdir()
        self.directory, self.port, self.process = directory, free_port(), None
        self._arguments = arguments
        self.log = directory / "log"
        (directory / f"{self.program}.conf").write_text(settings)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        before = self.text().count("NET-SNMP version")
        environment = {"PATH": f"{os.environ['PATH']}:{SBIN}", "SNMPCONFPATH": str(self.directory), "MIBS": "",
                       "SNMP_PERSISTENT_DIR": str(self.directory / "state"), "HOME": str(self.directory)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.program, "-f", "-LE", "7", *self._arguments,
                 f"{self.listen}:{self.port}"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        until(lambda: self.process.poll() is not None or self.text().count("NET-SNMP version") > before, f"{self.program} starts")
        assert self.process.poll() is None, self.text()

    def stop(self, kill: bool = False) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(PATIENCE_S)

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class Snmpd(Daemon):
    """A master agent; `master`: its socket."""

    program = "snmpd"

    def __init__(self, directory: Path, settings: str = "", master: str = "") -> None:
        self.master = master or str(directory / "master")
        super().__init__(directory, f"rocommunity public 127.0.0.1\nmaster agentx\nagentXSocket {self.master}\n{settings}",
                         "-I", "-smux,ifTable,ifXTable")

    def walk(self, oid: str, *, bulk: bool = False) -> dict[str, str]:
        """Values by identifier, as snmpwalk prints them."""
        lines = self.ask("snmpbulkwalk" if bulk else "snmpwalk", oid).stdout.splitlines()
        return dict(line.split(" = ", 1) for line in lines if "No Such" not in line)

    def ask(self, command: str, *arguments: str, community: str = "public") -> subprocess.CompletedProcess[str]:
        return subprocess.run([command, "-v2c", "-c", community, "-On", "-m", "", "-t", "5", "-r", "2", f"127.0.0.1:{self.port}",
                               *arguments], capture_output=True, text=True, timeout=60, check=False)


class Snmptrapd(Daemon):
    """Who is told. engine: identifier of the engine whose traps of version 3 it accepts, in hexadecimal digits."""

    program = "snmptrapd"

    def __init__(self, directory: Path, engine: str = "") -> None:
        users = f'createUser tester SHA-256 "{AUTH}" AES "{PRIV}"\n'
        if engine:
            users += f'createUser -e 0x{engine} tester SHA-256 "{AUTH}" AES "{PRIV}"\n'
        super().__init__(directory, f'{users}authUser log tester priv\nauthCommunity log "{COMMUNITY}"\n'
                         f"authCommunity log {PLAIN}\n",
                         "-F", "%#V|%v\\n", "-Oqn")

    def received(self) -> list[str]:
        """A line for each notification."""
        return re.findall(r"^\|(\.1\.3\.6\.1\.2\.1\.1\.3\.0 .*)", self.text(), re.MULTILINE)
