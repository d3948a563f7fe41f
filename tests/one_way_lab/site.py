"""Probes at the three places, two collectors, and their configuration: the real programs.

Class `all` follows datagrams over four hops and through the translator, class `near` packets, fragments as they are, over link 1.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.one_way_lab.topology import COLLECTORS, SITES, Lab
from tests.pipeline.probe_process import Probe, Program, start_collector, until
from tmon_common.config.read import read

MAX_TRANSIT_NS = 500_000_000
HOPS = {"all": ("a", "b_in", "b_out", "c"), "near": ("a", "b_in")}
POINTS = {"a": ("a", "lan"), "b_in": ("b", "inside"), "b_out": ("b", "outside"), "c": ("c", "lan")}
INTERVAL_NS = 2_000_000_000
MOMENT_NS = 500_000_000
"""By then a probe has sent what it had observed: it hands over what it has five times a second of packet time, and sends after
max_build."""

_PUBLISH = 'max_build="100ms" initial_timeout="200ms" timeout_increment="100ms" heartbeat="300ms"'
_IMPATIENT = ' final_timeout="1s" break_border="0s"'
_CLASS = """<flow_class name="{name}">
      <filter><match field="protocol" in="tcp udp icmp"/></filter>
      <flow name="way" fields="src_addr dst_addr protocol src_port dst_port" direction="unidirectional"/>
      <one_way direction="both" nat="{nat}" per="{per}" resolution="{resolution}" max_transit="500ms" interval="2s" late_slots="0"
               exceptions="individual">
        {hops}
        <latency from="a" to="{last}"/>
      </one_way>
    </flow_class>"""
_CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    {classes}
  </flow_classes>
  <collectors>
    {collectors}
  </collectors>
  <probes>
    {probes}
  </probes>
</trafmon>
"""


def configuration(impatient: str = "") -> str:
    """The XML. Devices are those of the topology. impatient: a probe that gives PDUs up after a second, whenever it observed."""
    classes = "\n    ".join(
        _CLASS.format(name=name, nat=nat, per=per, resolution=resolution, last=HOPS[name][-1], hops="\n        ".join(
            '<hop name="{}"><at probe="{}" interface="{}"/></hop>'.format(hop, *POINTS[hop]) for hop in HOPS[name]))
        for name, nat, per, resolution in (("all", "yes", "datagram", "1us"), ("near", "no", "packet", "1ns")))
    collectors = "\n    ".join(f'<collector name="{name}" address="{address}"><spool directory="{name}" rotate="1s"/></collector>'
                               for name, address in COLLECTORS.items())
    publish = {site: "".join(f'\n      <publish collector="{name}" {_PUBLISH}{_IMPATIENT if site == impatient else ""}/>'
                             for name in COLLECTORS) for site in SITES}
    devices = {"a": (("lan", "eth0"),), "b": (("inside", "to_a"), ("outside", "to_c")), "c": (("lan", "eth0"),)}
    probes = "\n    ".join(
        f'<probe name="{site}" seal="crc">'
        + "".join(f'\n      <interface name="{name}" device="{device}" capture="afpacket"/>' for name, device in devices[site])
        + publish[site] + "\n    </probe>" for site in SITES)
    return _CONFIGURATION.format(classes=classes, collectors=collectors, probes=probes)


class Site:
    """`with Site(lab, directory) as site`: all are at work. Behind it nothing is left."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab, self.directory = lab, directory
        self.probes: dict[str, Probe] = {}
        self.collectors: dict[str, Program] = {}
        self.messages: list[str] = []
        self._exits = ExitStack()
        self._started = 0
        self._impatient: set[str] = set()

    def __enter__(self) -> Self:
        (self.directory / "tmon.xml").write_text(configuration())
        with self._exits:
            for site in SITES:
                self.start_probe(site)
            for name in COLLECTORS:
                self.start_collector(name)
            for probe in self.probes.values():
                probe.until_capturing()
            self._exits = self._exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def start_probe(self, site: str, *, impatient: bool = False) -> Probe:
        """It does not capture yet, see `Probe.until_capturing`."""
        (self._impatient.add if impatient else self._impatient.discard)(site)
        path = self.directory / ("impatient.xml" if impatient else "tmon.xml")
        path.write_text(configuration(site if impatient else ""))
        probe = Probe(self.directory, read(path), "-c", str(path), site, probe=site, name=self._log(site),
                      command=self.lab.host(site).command)
        self.probes[site] = self._exits.enter_context(probe)
        return probe

    def start_collector(self, name: str) -> None:
        """It listens."""
        collector = start_collector(self.directory, name, name=self._log(name), command=self.lab.centre.command)
        self.collectors[name] = self._exits.enter_context(collector)

    def kill_probe(self, site: str) -> None:
        """All of its processes, at once."""
        probe = self.probes[site]
        for pid in probe.relatives():
            os.kill(pid, signal.SIGKILL)
        probe.process.wait()
        until(lambda: not probe.relatives(), "nothing is left of the killed probe")

    def kill_collector(self, name: str) -> None:
        """With what it had in memory."""
        self.collectors[name].process.kill()
        self.collectors[name].process.wait()

    def until_sent(self, *sites: str) -> None:
        """All that these probes had observed was sent once at least."""
        now_ns = time.time_ns()
        for site in sites:
            until(lambda probe=self.probes[site]: probe.numbers()["packet_time_ns"] > now_ns + MOMENT_NS, f"{site} has sent")

    def until_delivered(self, *sites: str) -> None:
        """All that these probes had observed is at both collectors."""
        self.until_sent(*sites)
        for site in sites:
            until(lambda probe=self.probes[site]: probe.numbers()["pdus_waiting"] == 0, f"{site} has delivered")

    def stop_probes(self, *sites: str) -> None:
        """In good order: both collectors have everything, but for what an impatient one gave up, which says so by its status. What
        a probe has not taken from the kernel by then, nobody measures: so that comes first."""
        self.until_sent(*sites)
        for site in sites:
            self.probes[site].process.terminate()
        for site in sites:
            status = self.probes[site].wait()
            assert status == (site in self._impatient), f"probe {site} ends with {status}: {self.probes[site].messages}"

    def stop_collectors(self) -> None:
        for name, collector in self.collectors.items():
            collector.process.terminate()
            status = collector.wait()
            assert status == 0, f"collector {name} ends with {status}: {collector.messages}"

    def told(self) -> str:
        """What all programs said."""
        return "".join(f"--- {path.name}\n{path.read_text()}" for path in sorted(self.directory.glob("*.messages")))

    def _log(self, name: str) -> str:
        self._started += 1
        return f"{self._started:02}-{name}"
