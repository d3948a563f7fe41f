"""A probe of a recording and a collector, both with an agent that answers Prometheus."""

from __future__ import annotations

import re
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from tests.pipeline.probe_process import LIMIT_S, Probe, Program, free_port, recording, start_collector, until
from tmon_common.config.read import read

PACKETS, FLOWS = 2000, 50
CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="{flow_class}">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port"/>
      <analysis kind="ip_counters" interval="1s"/>
      <analysis kind="tcp_connection"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="collector" address="127.0.0.1" port="{port}">
      <spool directory="spool" rotate="1h"/>
      <agent metrics_port="{collector_port}"/>
    </collector>
  </collectors>
  <probes>
    <probe name="probe" seal="crc">
      <interface name="lan" capture="replay" pace="own"><file path="waiting.pcap"/></interface>
      <publish collector="collector" max_build="200ms" initial_timeout="300ms"/>
      <agent metrics_port="{probe_port}"/>
    </probe>
    <probe name="bare" seal="crc"><interface name="lan" device="lo"/><publish collector="collector"/></probe>
  </probes>
</trafmon>
"""


class Site:
    """Made; `run_probe` and `run_collector` start the programs."""

    def __init__(self, directory: Path, **values: object) -> None:
        self.directory = directory
        self.values = {"flow_class": "all", "port": free_port(), "probe_port": 0, "collector_port": 0, **values}
        recording(directory / "waiting.pcap", PACKETS, FLOWS)
        self.put("tmon.xml")
        self.configuration = read(directory / "tmon.xml")
        self._stack = ExitStack()

    def put(self, name: str, **values: object) -> None:
        """A version of the configuration, whole at once."""
        part = self.directory / "part"
        part.write_text(CONFIGURATION.format(**self.values | values))
        part.rename(self.directory / name)

    def run_collector(self) -> Program:
        self.collector = self._stack.enter_context(start_collector(self.directory))
        return self.collector

    def run_probe(self) -> Probe:
        self.probe = self._stack.enter_context(Probe(self.directory, self.configuration, "-l", "probe")).until_capturing()
        return self.probe

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)
        for path in Path("/dev/shm").glob(f"{self.probe.segment.name}*" if hasattr(self, "probe") else "none"):
            path.unlink()


def agents(program: Program) -> list[int]:
    """Processes of agents among those of a program that live."""
    return [pid for pid in program.relatives() if b"tmon_agent" in command_line(pid)]


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def until_answering(program: Program, times: int = 1) -> str:
    """Where the agent of a program told, for the n-th time, that it has metrics."""
    found: list[str] = []

    def told() -> bool:
        found[:] = re.findall(r"metrics of \S+ \S+ at (http://\S+)/metrics", program.messages)
        return len(found) >= times

    until(told, "the agent answers", 2 * LIMIT_S)
    return found[times - 1]


def page(address: str, path: str = "/metrics", **fields: str) -> str:
    request = urllib.request.Request(address + path, headers=fields)
    with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
        return answer.read().decode()


def samples(address: str) -> dict[tuple[str, tuple], float]:
    """{(name, its labels): value}."""
    return {(s.name, tuple(sorted(s.labels.items()))): s.value
            for family in text_string_to_metric_families(page(address)) for s in family.samples}


def descriptors(pid: int) -> dict[int, str]:
    """What each open descriptor of a process is."""
    return {int(fd.name): str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()}
