"""Programs as an agent sees them, made by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tmon_agent.service import Setting
from tmon_agent.view import View
from tmon_common.clock import FakeClock
from tmon_common.config.model import Agent, Configuration
from tmon_common.event_board import BoardEvent

START_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
PROBE_IDENTITY = {
    "probe": "edge", "host": "host1", "configuration": "/etc/trafMon/xml/tmon.xml", "run": START_NS // 1_000_000, "pid": 1234,
    "version": "0123456789ab",
    "interfaces": [{"name": "lan", "device": "eth0", "live": True}, {"name": "wan", "device": 'e"1\\', "live": True}],
    "fathers": [[0, 1]], "analyses": ["tcp_connections", "odd name"], "links": ["central", "second"]}
PROBE_NUMBERS = {
    "packets_seen": 21_000, "octets_seen": 1 << 40, "kernel_drops": 15, "flows": 12, "child_cpu_ns": 1_500_000_000,
    "interface_0_packets_seen": 20_000, "interface_1_packets_seen": 1000, "interface_1_device_gone": 1,
    "interface_0_last_packet_ns": START_NS + 250_000_000, "interface_1_last_packet_ns": 0,
    "father_0_ring_slots": 1024, "father_0_ring_filled": 3, "tcp_connections": 7, "odd name": 1,
    "collector_0_pdus_sent": 30, "collector_0_long_retry": 0, "collector_1_pdus_sent": 31, "collector_1_long_retry": 1}
COLLECTOR_IDENTITY = {
    "collector": "central", "host": "host2", "configuration": "/etc/trafMon/xml/tmon.xml", "run": START_NS // 1_000_000,
    "pid": 1235, "version": "0123456789ab", "probes": ["edge", "core"], "kinds": ["ip_counters", "event"], "reasons": ["corrupt"],
    "one_way_classes": ["video"]}
COLLECTOR_NUMBERS = {
    "datagrams": 40, "octets": 4000, "rows": 100, "in_trouble": 0, "probe_0_state": 1, "probe_1_state": 0, "probe_0_pdus": 30,
    "probe_0_clock_offset_ns": -2_500_000, "probe_0_clock_known": 1, "kind_0_rows": 90, "kind_1_rows": 10,
    "rejected_corrupt_datagrams": 3, "one_way_0_packets": 8}


@dataclass
class MadeSource:
    """Stands for tmon_agent.source.Source."""

    identity: dict
    numbers: dict
    told: list[BoardEvent] = field(default_factory=list)
    ended: bool = False
    closed: bool = False

    def snapshot(self):
        return dict(self.numbers)

    def events(self, after):
        return [e for e in self.told if e.sequence > after], 0

    def close(self):
        self.closed = True


def setting(kind="probe", name="", **agent):
    return Setting(kind, name or {"probe": "edge", "collector": "central"}[kind], Agent(**agent),
                   Configuration(path=Path("/etc/trafMon/xml/tmon.xml"), probes=(), collectors=()))


def probe_source(**numbers):
    return MadeSource(dict(PROBE_IDENTITY), PROBE_NUMBERS | numbers)


def collector_source(**numbers):
    return MadeSource(dict(COLLECTOR_IDENTITY), COLLECTOR_NUMBERS | numbers)


def view_of(source, kind="probe", clock=None, **agent):
    """source: None where the program does not run."""
    def found(_setting):
        if source is None:
            raise FileNotFoundError
        return source

    return View(setting(kind, **agent), clock or FakeClock(START_NS + 10 * SECOND), open_source=found)
