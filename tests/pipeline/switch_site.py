"""Two probes and a collector that share one configuration, as programs: what a switch is tried on."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tests.pipeline.probe_process import START_LIMIT_S, Program, free_port, recording, rows, start_collector, until
from tmon_common.config.read import read
from tmon_probe import health

PACKETS, FLOWS = 2000, 50
PROBES = ("east", "west")

CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<trafmon{attributes}>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="{flow_class}">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port"/>
      <analysis kind="ip_counters" interval="1s"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="collector" address="127.0.0.1" port="{port}"><spool directory="spool" rotate="1h"/></collector>
  </collectors>
  <probes>
{probes}
  </probes>
</trafmon>
"""
PROBE = """    <probe name="{name}" seal="crc">
      <interface name="lan" capture="replay" pace="own"><file path="waiting.pcap"/></interface>
      <publish collector="collector" max_build="200ms" initial_timeout="300ms"/>
    </probe>"""


class Site:
    """Everything in one directory, running: a recording of PACKETS packets of one instant, and one an hour later."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        self.next = directory / "tmon-new.xml"
        recording(directory / "waiting.pcap", PACKETS, FLOWS)
        (directory / "tmon.xml").write_text(self.version("first"))
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self.collector = self._stack.enter_context(start_collector(self.directory))
            self.probes = {name: self._stack.enter_context(Program("tmon_probe", self.directory, "-l", name, name=name))
                           for name in PROBES}
            self._stack = self._stack.pop_all()
        self.programs = [self.collector, *self.probes.values()]
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)

    def version(self, flow_class: str, start: float | None = None, probes: tuple[str, ...] = PROBES) -> str:
        """A configuration; start: seconds since 1970-01-01 UTC."""
        at = "" if start is None else f' startAt="{datetime.fromtimestamp(start, UTC).isoformat()}"'
        return CONFIGURATION.format(attributes=at, flow_class=flow_class, port=self.port,
                                    probes="\n".join(PROBE.format(name=n) for n in probes))

    def put(self, text: str) -> None:
        """The next version, whole at once."""
        part = self.directory / "part"
        part.write_text(text)
        part.rename(self.next)

    def numbers(self, probe: str) -> dict[str, int]:
        """Its statistics now; empty while it has none."""
        try:
            reader = health.attach(read(self.directory / "tmon.xml"), probe)
        except FileNotFoundError:
            return {}
        try:
            return reader.snapshot()
        finally:
            reader.close()

    def until_all_seen(self) -> None:
        """Every probe has read what it has now to read."""
        for name, program in self.probes.items():
            def seen(name: str = name, program: Program = program) -> bool:
                assert program.process.poll() is None, program.messages
                return self.numbers(name).get("packets_seen") == PACKETS
            until(seen, f"{name} has seen all", START_LIMIT_S)

    def until_told(self, what: str, times: int = 1, programs: list[Program] | None = None, limit_s: float = START_LIMIT_S) -> None:
        """By every program so often."""
        for program in programs or self.programs:
            def told(program: Program = program) -> bool:
                assert program.process.poll() is None, program.messages
                return program.messages.count(what) >= times
            until(told, f"{program.process.args} tells {what!r} {times} times", limit_s)

    def stop(self) -> None:
        """Probes first; exit status 0, no process left."""
        for program in [*self.probes.values(), self.collector]:
            program.process.terminate()
            assert 0 == program.wait(), program.messages
            assert "Traceback" not in program.messages
            until(lambda p=program: not p.relatives(), "no process is left", 3)

    def packets_by_run(self, probe: str) -> list[int]:
        """Packets that the collector has written, of each run in order."""
        counted: dict[str, int] = {}
        for row in rows(self.directory, "ip_counters"):
            if row["probe"] == probe:
                counted[row["run"]] = counted.get(row["run"], 0) + int(row["packets"]) + int(row["packets_rev"])
        return [counted[run] for run in sorted(counted, key=float)]

    def events(self, code: str, probe: str) -> list[dict[str, str]]:
        return [r for r in rows(self.directory, "event") if (r["code"], r["probe"]) == (code, probe)]


def zombies(program: Program) -> list[str]:
    """Children that nobody has waited for."""
    children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children").read_text().split()
    return [c for c in children if Path(f"/proc/{c}/stat").read_text().rpartition(")")[2].split()[0] == "Z"]


def cpus(program: Program) -> set[int]:
    return os.sched_getaffinity(program.process.pid)


def now() -> float:
    return time.time()
