"""Configurations, rows and a simulated collector for tests of thresholds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tmon_collector.thresholds.engine import ThresholdEngine
from tmon_common.config.model import (
    Analysis,
    Collector,
    Configuration,
    Filter,
    FlowClass,
    GranularFlow,
    Interface,
    Probe,
    Publication,
    Threshold,
    Thresholds,
)
from tmon_common.events import Event
from tmon_common.observations import ABSENT, FLOW_DEFINITION, KINDS

SECOND = 1_000_000_000
T0 = 1_700_000_040 * SECOND
"""A multiple of a minute."""
RUN = T0 // 1_000_000
HOSTS = GranularFlow("hosts", frozenset(("interface", "src_addr", "dst_addr", "protocol")))
CLASSES = tuple(FlowClass(name, Filter(), (HOSTS,), (Analysis("ip_counters"), Analysis("round_trip"))) for name in ("web", "rest"))
WORST_WAIT_S = 200


def configuration(*thresholds: Threshold, classes: Sequence[FlowClass] = CLASSES, probes: Sequence[str] = ("p1",),
                  live: bool = True, heartbeat_s: int = 10, **parameters) -> Configuration:
    """One collector, `c`, to which all probes publish; they have an interface `lan`."""
    interface = Interface("lan", device="eth0") if live else Interface("lan", files=(Path("x.pcap"),))
    publication = Publication("c", "127.0.0.1", 1, heartbeat_ns=heartbeat_s * SECOND)
    return Configuration(
        Path("none"), collectors=(Collector("c", "", 1, Path()),), classes=tuple(classes),
        probes=tuple(Probe(p, (interface,), (publication,), classes=tuple(c.name for c in classes)) for p in probes),
        thresholds=Thresholds(thresholds, **{"grace_ns": 10 * SECOND, **parameters}))


def threshold(metric: str = "packet_rate", limit: float = 10.0, back: float = 8.0, **more) -> Threshold:
    return Threshold("t", "web", metric, limit, back, **{"flow": HOSTS.name, **more})


def definitions(flows: Iterable[tuple[int, str, int]]) -> tuple[np.ndarray, list[str]]:
    """Rows of flow_definition and their strings; flows: (number, class, last octets of the source address)."""
    flows = list(flows)
    strings = ["lan", *dict.fromkeys(c for _, c, _ in flows)]
    rows = np.zeros(len(flows), FLOW_DEFINITION.dtype)
    words = rows.view(np.int64).reshape(len(rows), FLOW_DEFINITION.words)
    words[:] = ABSENT
    for row, (number, flow_class, source) in zip(rows, flows, strict=True):
        row["flow"], row["flow_class"], row["interface"] = number, strings.index(flow_class), 0
        row["src_addr"], row["dst_addr"] = (0, 0xFFFF << 32 | source), (0, 0xFFFF << 32 | 0x0A000001)
        row["protocol"], row["bidirectional"], row["first_seen"] = 6, 1, T0
    return words, strings


def rows_of(kind: str, rows: Iterable[dict]) -> tuple[np.ndarray, list[str]]:
    """Rows and their strings; columns that are not given are 0, or empty where they may be."""
    declared, rows, strings = KINDS[kind], list(rows), {}
    values = np.zeros(len(rows), declared.dtype)
    for column in declared.expanded:
        if column.nullable:
            values[column.name] = ABSENT
    for value, row in zip(values, rows, strict=True):
        for name, given in row.items():
            value[name] = strings.setdefault(given, len(strings)) if isinstance(given, str) else given
        for column in declared.expanded:
            if column.type.name == "STRING" and column.name not in row and not column.nullable:
                value[column.name] = strings.setdefault("-", len(strings))
    return values.view(np.int64).reshape(len(rows), declared.words), list(strings)


class Simulation:
    """An engine on simulated time that is ticked every second. now_s: since T0."""

    def __init__(self, made: Configuration, start_s: float = 0) -> None:
        self.probes = [p.name for p in made.probes]
        self.made, self.now_s = made, start_s
        self.wall_s = 0.0  # by how much the wall clock was set ahead
        self.events: list[Event] = []
        self.silent: set[str] = set()
        self._heard: dict[str, int] = {}
        self.engine = ThresholdEngine(made, "c", T0 + int(start_s * SECOND))

    @property
    def now_ns(self) -> int:
        """Monotonic: not that of the wall."""
        return int(self.now_s * SECOND) + 77 * SECOND

    def define(self, *flows: tuple[int, str, int], probe: str = "p1", run: int = RUN) -> None:
        words, strings = definitions(flows)
        self.engine.define(words, probe, run, strings, self.now_ns)

    def take(self, kind: str, *rows: dict, probe: str = "p1", run: int = RUN) -> None:
        words, strings = rows_of(kind, rows)
        self.engine.take(kind, words, probe, run, strings, self.now_ns)

    def packets(self, interval: int, packets: int, flow: int = 1, seconds: int = 60, **more) -> None:
        """A row of ip_counters."""
        start = T0 + interval * seconds * SECOND
        self.take("ip_counters", {"flow": flow, "start": start, "end": start + seconds * SECOND, "packets": packets}, **more)

    def until(self, second: float) -> list[Event]:
        """Time passes; the events that this brings."""
        before = len(self.events)
        while self.now_s < second:
            self.now_s += 1
            self._heard.update({p: self.now_ns for p in self.probes if p not in self.silent})
            self.events += self.engine.tick(self.now_ns, T0 + int((self.now_s + self.wall_s) * SECOND), self._heard)
        return self.events[before:]

    def restarted(self) -> Simulation:
        """Another engine that knows what this one has in its state."""
        import json

        other = Simulation(self.made, self.now_s)
        other.engine.restore(json.loads(json.dumps(self.engine.state())))
        return other


def told(events: Iterable[Event]) -> list[tuple[str, int]]:
    """(crossed or back, number of the minute since T0)."""
    return [(e.code.removeprefix("threshold_"), (dict(e.values)["start"] - T0 // SECOND) // 60) for e in events]
