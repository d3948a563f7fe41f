"""The command benchmarks/thresholds: what thresholds cost a collector, a row, by what they are."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import circumstances
from tmon_collector.thresholds.online import Thresholds
from tmon_common.clock import FakeClock
from tmon_common.config.model import (
    SECOND,
    Analysis,
    Baseline,
    Configuration,
    Filter,
    FlowClass,
    GranularFlow,
    Interface,
    Probe,
    Publication,
    Threshold,
)
from tmon_common.config.model import Thresholds as Parameters
from tmon_common.observations import ABSENT, FLOW_DEFINITION, IP_COUNTERS, ROUND_TRIP_BUCKET, Kind, Rows

FLOWS, SOURCES, INTERVALS, ROWS_OF_A_PDU = 20_000, 1_000, 20, 50
START_NS = 1_700_000_040 * SECOND
RUN_MS = START_NS // 1_000_000
RATE = Threshold("rate", "all", "packet_rate", 1e9, 1e9, flow="hosts")
BY_SOURCE = replace(RATE, per=("probe", "src_addr"))
ROUND_TRIP = Threshold("rtt", "all", "round_trip", 1e9, 1e9, service="dns", percentile=95, flow="hosts")
CASES: dict[str, tuple[Kind, tuple[Threshold, ...]]] = {
    "one rate": (IP_COUNTERS, (RATE,)),
    "16 rates of one class": (IP_COUNTERS, (RATE,) * 16),
    f"a rate by source address, {SOURCES} series": (IP_COUNTERS, (BY_SOURCE,)),
    "the same against a median of 60 intervals": (IP_COUNTERS, (replace(BY_SOURCE, baseline=Baseline("median", 60, 10)),)),
    "two percentiles": (ROUND_TRIP_BUCKET, (ROUND_TRIP,) * 2),
}


def main() -> int:
    logging.disable()
    table = Table(box=box.SIMPLE)
    for column in ("", "rows per CPU second", "definitions per CPU second"):
        table.add_column(column, justify="left" if not column else "right")
    for name, (kind, thresholds) in CASES.items():
        rows, definitions = measure(kind, thresholds)
        table.add_row(name, f"{rows:,.0f}", f"{definitions:,.0f}")
    Console().print(table)
    print(circumstances.machine())
    return 0


def measure(kind: Kind, thresholds: Sequence[Threshold], flows: int = FLOWS, intervals: int = INTERVALS) -> tuple[float, float]:
    """(rows, flow definitions) that are taken per second of CPU time, comparing included."""
    clock = FakeClock(START_NS)
    named = tuple(replace(t, name=f"{t.name}{i}") for i, t in enumerate(thresholds))
    with tempfile.TemporaryDirectory() as directory:
        watched = Thresholds(_configuration(named), Path(directory), lambda _: None, clock, "c")
        observers = {name: one for name, [one] in watched.observers().items()}
        definitions_s = _give(observers[FLOW_DEFINITION.name], _definitions(flows))
        rows_s = 0.0
        clock.advance(60 * SECOND)
        for interval in range(intervals):
            rows = _rows(kind, flows, START_NS + interval * 60 * SECOND)
            rows_s += _give(observers[kind.name], rows)
            start = time.process_time()
            for _ in range(60):  # a tick each second; one of them compares what came
                clock.advance(SECOND)
                watched.heard_ns = {"p": clock.monotonic_ns()}
                watched.tick(clock.wall_ns())
            rows_s += time.process_time() - start
        counted = watched.statistics
        watched.close()
    if counted.rows_late or counted.rows_undefined or counted.intervals_compared < (intervals - 1) * len(named):
        msg = f"not all was compared: {counted}"
        raise RuntimeError(msg)
    return flows * intervals / rows_s, flows / definitions_s


def _give(observer, rows: Rows) -> float:
    """As a collector does, PDU by PDU. CPU time, s."""
    words, start = rows.words, time.process_time()
    for first in range(0, len(words), ROWS_OF_A_PDU):
        observer(rows.kind.name, words[first : first + ROWS_OF_A_PDU], "p", RUN_MS, rows.strings)
    return time.process_time() - start


def _configuration(thresholds: tuple[Threshold, ...]) -> Configuration:
    flow_class = FlowClass("all", Filter(), (GranularFlow("hosts", frozenset(("src_addr", "dst_addr"))),),
                           (Analysis("ip_counters"), Analysis("round_trip")))
    probe = Probe("p", (Interface("i", device="eth0"),), (Publication("c", "127.0.0.1", 1),), classes=("all",))
    return Configuration(Path("none"), (probe,), classes=(flow_class,), thresholds=Parameters(thresholds))


def _definitions(flows: int) -> Rows:
    values = np.zeros(flows, FLOW_DEFINITION.dtype)
    values.view(np.int64)[:] = ABSENT
    values["flow"], values["flow_class"], values["bidirectional"] = np.arange(flows), 0, 1
    values["src_addr"][:, 0], values["src_addr"][:, 1] = 0, 0xFFFF << 32 | np.arange(flows) % SOURCES
    values["dst_addr"] = 1
    return Rows(FLOW_DEFINITION, values, ["all"])


def _rows(kind: Kind, flows: int, start_ns: int) -> Rows:
    random = np.random.default_rng(start_ns)
    values = np.zeros(flows, kind.dtype)
    values["flow"], values["start"], values["end"] = np.arange(flows), start_ns, start_ns + 60 * SECOND
    if kind is IP_COUNTERS:
        values["packets"] = random.integers(0, 100, flows)
        return Rows(kind, values, [])
    values["metric"], values["bucket"] = random.integers(0, 2, flows), random.integers(300, 500, flows)
    values["count"] = 1
    return Rows(kind, values, ["dns", "icmp_echo"])
