"""Probes at both ends, a collector, a loader that goes on, and their configuration: the real programs, with every analysis."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.keys import key_file
from tests.linkemu import Namespace
from tests.pipeline.probe_process import ROOT, Probe, Program, free_port, start_collector, until
from tests.soak.ledger import EAST, WEST
from tests.soak.topology import CENTRE, DEVICE, Lab
from tests.soak.traffic import bursts, streams
from tests.soak.watchers import AGENT, MONITORING, make_secrets
from tmon_common.config.model import Configuration
from tmon_common.config.read import read

COLLECTOR, LOADER = "collector", "loader"
HOSTS = {WEST: "office", EAST: "servers"}
INTERVAL_S, ROTATE_S, LOAD_EVERY_S = 5, 5, 5
STOP_WITHIN_S = 60.0
SETTLE_WITHIN_S = 60.0
MOMENT_NS = 1_000_000_000
"""Packet time that goes by, also without packets, before what came until then counts as seen."""

_CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="info"/>
  <histograms>
    <histogram name="sizes" bounds="64 128 256 512 1024 1280 1500"/>
    <histogram name="delays" unit="ns" bounds="100us 200us 500us 1ms 2ms 5ms 10ms 50ms 100ms 1s"/>
  </histograms>
  <flow_classes>
    <flow_class name="all">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port" obsolescence="10s"/>
      <analysis kind="ip_counters" interval="{interval}s"/>
      <analysis kind="ip_sizes" interval="{interval}s" histogram="sizes"/>
      <analysis kind="udp_counters" interval="{interval}s"/>
      <analysis kind="tcp_counters" interval="{interval}s"/>
      <analysis kind="icmp_counters" interval="{interval}s"/>
      <analysis kind="tcp_connection">
        <option name="half_open_timeout" value="5s"/><option name="linger" value="2s"/>
      </analysis>
      <analysis kind="round_trip" interval="{interval}s" histogram="delays" records="yes">
        <option name="timeout" value="3s"/>
      </analysis>
      <analysis kind="dns_transaction"><option name="timeout" value="3s"/></analysis>
    </flow_class>
    <flow_class name="ftp_control">
      <filter><match field="protocol" is="tcp"/><match field="port" is="21"/></filter>
      <flow name="session" fields="interface src_addr dst_addr protocol src_port dst_port" obsolescence="10s"/>
      <analysis kind="ftp" interval="{interval}s"/>
    </flow_class>
    <flow_class name="bursts">
      <filter><match field="protocol" is="udp"/><match field="dst_port" is="{burst_port}"/></filter>
      <flow name="all" fields="" direction="unidirectional" obsolescence="10s"/>
      <analysis kind="ip_counters" interval="{interval}s"/>
    </flow_class>
    <flow_class name="streams">
      <filter><match field="protocol" is="udp"/><match field="dst_port" in="{stream_ports}"/></filter>
      <flow name="stream" fields="src_addr dst_addr src_port dst_port" direction="unidirectional" obsolescence="10s"/>
      <one_way direction="both" resolution="1us" max_transit="1s" max_lifetime="1min" interval="{interval}s" late_slots="1"
               exceptions="individual">
        <hop name="office"><at probe="west" interface="lan"/></hop>
        <hop name="servers"><at probe="east" interface="lan"/></hop>
        <latency from="office" to="servers" histogram="delays"/>
      </one_way>
    </flow_class>
  </flow_classes>
  <thresholds grace="10s" max_flows="16k">
    <threshold name="burst" class="bursts" metric="packet_rate" above="{above}/s" back="1/s"/>
    <threshold name="busy_flow" class="all" metric="octet_rate" above="1Gbit/s" per="probe flow"/>
    <threshold name="way_slow" class="streams" metric="one_way_delay" above="900ms"/>
    <threshold name="dns_slow" class="all" metric="dns_latency" above="3x" at_least="2s" baseline="ewma" history="3"/>
  </thresholds>
  <collectors>
    <collector name="collector" port="{port}"><spool directory="spool" rotate="{rotate}s"/>{agent}</collector>
  </collectors>
  <probes>
    {probes}
  </probes>
  {monitoring}
  <store backend="duckdb" database="trafmon.duckdb"><archive directory="archive"/></store>
</trafmon>
"""
_PROBE = """<probe name="{name}" ring_slots="8k" ring_octets="4MiB">
      <interface name="lan" device="{device}" capture="afpacket" offloads="off"/>
      <publish collector="collector" address="{address}" max_build="500ms" initial_timeout="500ms" heartbeat="3s"/>
      {agent}
    </probe>"""


def configuration(port: int) -> str:
    """The XML. Times are short, so that a minute sees much end and begin; rings are small, so that they go round."""
    probes = "\n    ".join(_PROBE.format(name=name, device=DEVICE, address=CENTRE[host], agent=AGENT)
                           for name, host in HOSTS.items())
    return _CONFIGURATION.format(
        agent=AGENT, monitoring=MONITORING, interval=INTERVAL_S, rotate=ROTATE_S, port=port, probes=probes, burst_port=bursts.PORT,
        above=bursts.PACKETS // (4 * INTERVAL_S), stream_ports=" ".join(map(str, (*streams.PORTS_THERE, *streams.PORTS_BACK))))


class Site:
    """`with Site(lab, directory) as site`: all are at work. Behind it nothing is left of them but files."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab, self.directory = lab, directory
        self.probes: dict[str, Probe] = {}
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        self.configuration = self._configure()
        with self._exits:
            self.collector = self._exits.enter_context(start_collector(self.directory, name=COLLECTOR,
                                                                       command=self.lab.centre.command))
            for name, host in HOSTS.items():
                self.probes[name] = self._exits.enter_context(
                    Probe(self.directory, self.configuration, "-l", name, probe=name, name=name,
                          command=getattr(self.lab, host).command))
            for probe in self.probes.values():
                probe.until_capturing()
            self.loader = self._exits.enter_context(self._start_loader())
            self._exits = self._exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    @property
    def programs(self) -> dict[str, Program]:
        return {**self.probes, COLLECTOR: self.collector, LOADER: self.loader}

    @property
    def agents(self) -> dict[str, Namespace]:
        """Where each answers, by its program."""
        return {**{name: getattr(self.lab, host) for name, host in HOSTS.items()}, COLLECTOR: self.lab.centre}

    @property
    def secrets(self) -> str:
        """Of SNMP: the file's text."""
        return (self.directory / "snmp.secrets").read_text()

    @property
    def spool(self) -> Path:
        return self.directory / "spool"

    @property
    def database(self) -> Path:
        return self.directory / "trafmon.duckdb"

    def until_seen(self) -> None:
        """Whatever has been sent, probes have measured."""
        seen_ns = time.time_ns() + MOMENT_NS
        for name, probe in self.probes.items():
            until(lambda probe=probe: probe.numbers()["packet_time_ns"] > seen_ns, f"{name} has seen everything", SETTLE_WITHIN_S)

    def stop(self) -> list[str]:
        """In order: probes have measured and delivered everything, the collector has written it, the loader has loaded it. Gives
        what was not as it should be."""
        complaints: list[str] = []
        self._end(complaints, *self.probes)
        self._end(complaints, COLLECTOR)
        until(lambda: not list(self.spool.glob("*.csv")), "the loader has loaded everything", SETTLE_WITHIN_S)
        self._end(complaints, LOADER)
        return complaints

    def _end(self, complaints: list[str], *names: str) -> None:
        for name in names:
            self.programs[name].process.terminate()
        complaints += [f"{name} ended with {status}" for name in names if (status := self.programs[name].wait(STOP_WITHIN_S))]

    def left_behind(self) -> list[str]:
        """Processes and shared memory of programs that have ended."""
        left = [f"{name}: processes {sorted(alive)}" for name, program in self.programs.items() if (alive := program.relatives())]
        return left + [f"{name}: {probe.segment}" for name, probe in self.probes.items() if probe.segment.exists()]

    def _configure(self) -> Configuration:
        path = self.directory / "tmon.xml"
        path.write_text(configuration(free_port()))
        for name in HOSTS:
            key_file(self.directory, name)
        make_secrets(path)
        return read(path)

    def _start_loader(self) -> Program:
        script = ROOT / "scripts" / "trafmon_loader.py"
        return Program("trafmon_loader", self.directory, "-l", "-q", "--follow", str(LOAD_EVERY_S), name=LOADER,
                       command=lambda argv: [argv[0], str(script), *argv[3:]])
