"""Where a scenario plays: namespaces, the link between them, a recorder at the probes' side, the collector. Nothing of it stays.

```
 lan ── veth ──│eth1  probes  eth0│── veth ──│ link │── veth ──│eth0  collector│
 (traffic, live scenarios only)          recorder
```
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from tests.chaos.scenarios import PUBLISH, Scenario
from tests.keys import key_file
from tests.linkemu import Impairment, LinkConfig, LinkProcess, Namespace, Network
from tests.pipeline.probe_process import Program, start_collector

PROBE_ADDRESS, COLLECTOR_ADDRESS = "10.9.0.1", "10.9.0.2"
LAN_ADDRESS, WATCHED_ADDRESS = "10.9.1.1", "10.9.1.2"
PORT, DEVICE, WATCHED = 9777, "eth0", "eth1"
STOP_LIMIT_S = 20.0

CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="all">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port"/>
      <analysis kind="ip_counters" interval="1s"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="collector" address="{address}" port="{port}"><spool directory="spool" rotate="2s"/></collector>
  </collectors>
  <probes>
    {probes}
  </probes>
</trafmon>
"""
_PROBE = """<probe name="{name}" seal="{seal}">
      <interface name="lan" device="{device}" filter="udp"/>
      <publish collector="collector" {publish}/>
    </probe>"""


class Clocks:
    """Wall clocks of single programs, stepped by libfaketime; monotonic time is left alone."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._offsets_s: dict[str, float] = {}

    @staticmethod
    def library() -> str | None:
        """Path of libfaketime; None: the Debian package `faketime` is not installed."""
        return next((str(path) for path in sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)

    def command(self, who: str, argv: Sequence[str]) -> list[str]:
        """`argv` under the clock of `who`."""
        path = self._path(who)
        if who not in self._offsets_s:
            self.step(who, 0)
        return ["env", f"LD_PRELOAD={self.library()}", f"FAKETIME_TIMESTAMP_FILE={path}", "FAKETIME_NO_CACHE=1",
                "FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1", *argv]

    def step(self, who: str, by_s: float) -> None:
        self._offsets_s[who] = self._offsets_s.get(who, 0) + by_s
        part = self._path(who).with_suffix(".part")
        part.write_text(f"{self._offsets_s[who]:+f}\n")
        part.replace(self._path(who))

    @staticmethod
    def forget(pid: int) -> None:
        """What libfaketime left of a process that was killed."""
        for path in Path("/dev/shm").glob(f"*faketime_*_{pid}"):
            path.unlink(missing_ok=True)

    def _path(self, who: str) -> Path:
        return self._directory / f"{who}.clock"


class Stage:
    """`with Stage(directory, scenario, seed) as stage`: everything but the sending side is at work, the collector listens."""

    def __init__(self, directory: Path, scenario: Scenario, seed: int) -> None:
        self.directory, self.scenario, self._seed = directory, scenario, seed
        self.probes = ["probe", *(f"probe{n}" for n in range(1, scenario.probes))]
        self.clocks = Clocks(directory)
        self.collectors: list[Program] = []
        self.collectors_killed = 0
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        with self._exits:
            self._build()
            self._exits = self._exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def _build(self) -> None:
        self._configure()
        network = self._exits.enter_context(Network())
        self.probe_side, self.collector_side = network.namespace("probes"), network.namespace("collector")
        for side in (self.probe_side, self.collector_side):
            for scope in ("all", "default"):
                side.sysctl(f"ipv6/conf/{scope}/disable_ipv6", 1)
        middle = network.link_namespace((self.probe_side, DEVICE), (self.collector_side, DEVICE))
        sides = ((self.probe_side, PROBE_ADDRESS), (self.collector_side, COLLECTOR_ADDRESS))
        for side, address in sides:
            side.ip(f"addr add {address}/24 dev {DEVICE}")
        acquaint(*sides, DEVICE, DEVICE)
        if self.scenario.live:
            self.lan = network.namespace("lan")
            network.veth((self.lan, WATCHED), (self.probe_side, WATCHED))
            self.lan.ip(f"addr add {LAN_ADDRESS}/24 dev {WATCHED}")
            self.probe_side.ip(f"addr add {WATCHED_ADDRESS}/24 dev {WATCHED}")
            acquaint((self.lan, LAN_ADDRESS), (self.probe_side, WATCHED_ADDRESS), WATCHED, WATCHED)
        link = self.scenario.link
        of_link = LinkConfig(self.directory / "link", west_to_east=link, east_to_west=link, seed=self._seed)
        self.link = self._exits.enter_context(LinkProcess(middle, of_link))
        self._start_recorder()
        self._exits.callback(self._end_collectors)
        self.start_collector()

    def _configure(self) -> None:
        publish = " ".join(f'{name}="{value}"' for name, value in {**PUBLISH, **self.scenario.publish}.items())
        probes = "\n    ".join(_PROBE.format(name=name, seal=self.scenario.seal, device=WATCHED, publish=publish)
                               for name in self.probes)
        text = CONFIGURATION.format(address=COLLECTOR_ADDRESS, port=PORT, probes=probes)
        (self.directory / "tmon.xml").write_text(text)
        if self.scenario.seal == "aead":
            for name in self.probes:
                key_file(self.directory, name)

    def _start_recorder(self) -> None:
        record = ["tcpdump", "-Z", "root", "-B", "8192", "--time-stamp-precision=nano", "-U",
                  "-w", str(self.directory / "wire.pcap"), "-i", DEVICE, "-Q", "out", "udp", "and", "dst", "port", str(PORT)]
        self._recorder = self.probe_side.start(record, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self._exits.callback(self.stop_recorder)
        if "listening on" not in self._recorder.stderr.readline():
            raise OSError("tcpdump does not start")

    def stop_recorder(self) -> None:
        """wire.pcap is complete."""
        if self._recorder.poll() is None:
            self._recorder.send_signal(signal.SIGINT)
            try:
                self._recorder.communicate(timeout=STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._recorder.kill()
                self._recorder.communicate()

    # ---- what happens

    def impair(self, link: Impairment | tuple[Impairment, Impairment]) -> None:
        """Both ways alike, or (to the collector, back)."""
        self.link.impair(*link if isinstance(link, tuple) else (link,))

    def start_collector(self, *_: object) -> None:
        """Returns once it listens."""
        self.collectors.append(start_collector(self.directory, name=f"collector{len(self.collectors)}",
                                               command=self.command(self.collector_side, "collector")))

    def stop_collector(self, *_: object) -> None:
        """Everything that it wrote is in complete files."""
        self.collectors[-1].process.terminate()
        self.collectors[-1].wait(STOP_LIMIT_S)

    def kill_collector(self, *_: object) -> None:
        """And start another."""
        self.collectors[-1].process.kill()
        self.collectors[-1].process.wait()
        self.collectors_killed += 1
        self.start_collector()

    def command(self, side: Namespace, who: str) -> Callable[[Sequence[str]], list[str]]:
        """What puts a program there, under its own clock if the scenario steps clocks."""
        if self.scenario.clocks:
            return lambda argv: side.command(self.clocks.command(who, argv))
        return side.command

    def _end_collectors(self) -> None:
        for collector in self.collectors:
            end(collector)


def acquaint(left: tuple[Namespace, str], right: tuple[Namespace, str], left_device: str, right_device: str) -> None:
    """Both know the other's hardware address: ARP over a bad link is none of our business."""
    for (side, _), device, (other, address), other_device in ((left, left_device, right, right_device),
                                                              (right, right_device, left, left_device)):
        told = subprocess.run(["ip", "-n", other.name, "-j", "link", "show", other_device], capture_output=True, check=True)
        side.ip(f"neigh replace {address} lladdr {json.loads(told.stdout)[0]['address']} dev {device} nud permanent")


def end(program: Program) -> None:
    """It and its children, by their ids."""
    with suppress(AssertionError):
        program.__exit__()
    Clocks.forget(program.process.pid)


