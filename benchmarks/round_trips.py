"""What the analysis of round trips costs a packet: `python -m benchmarks.round_trips`. Packets that neither ask nor answer; and DNS
queries and responses alternating, by how many queries wait for their response at a time."""

from __future__ import annotations

import time
from pathlib import Path

import dpkt
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.circumstances import machine
from tmon_common.config.model import SECOND, Analysis, Configuration, GranularFlow, Histogram, Interface, Probe
from tmon_probe import records as r
from tmon_probe.child.analysers.round_trip import RoundTrip
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task
from tmon_probe.child.flows import Spec
from tmon_probe.demand import DNS
from tmon_probe.records import PACKET

BATCH, BATCHES, FIRST_BATCHES = 8192, 120, 20
STEP_NS = 1_000_000  # from batch to batch
HEADERS = 28
FLOWS = 1000
WAITING = (8192, 100_000, 1_000_000)
DELAYS = Histogram("delays", "ns", tuple(n * 1_000_000 for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)))


def analyser() -> tuple[RoundTrip, Context]:
    options = (("metrics", "icmp_echo dns snmp ntp"), ("timeout", "600s"), ("max_requests", "4M"))
    analysis = Analysis("round_trip", 60 * SECOND, DELAYS.name, options)
    probe = Probe("p", (Interface("i"),), ())
    context = Context(Configuration(Path("none"), (probe,), histograms=(DELAYS,)), probe, [].append,
                      services=RoundTrip.demand(analysis).services)
    flow = GranularFlow("hosts", frozenset(("src_addr", "dst_addr")))
    return RoundTrip([Task(0, Spec("all", 0, flow), analysis)], context), context


class Traffic:
    """A batch of DNS messages in an area, changed in place. Query n: of client n modulo FLOWS, with an id and port of its own."""

    def __init__(self, service: int) -> None:
        message = np.frombuffer(bytes(dpkt.dns.DNS(qd=[dpkt.dns.DNS.Q(name="www.example.org", type=1)])), np.uint8)
        octets = HEADERS + len(message)
        self._starts = np.arange(BATCH) * octets
        self._area = np.zeros((1, 1 << (BATCH * octets).bit_length()), np.uint8)
        for start in self._starts:
            self._area[0, start + HEADERS : start + octets] = message
        self._records = np.zeros(BATCH, PACKET)
        self._records["flags"], self._records["service"] = r.HAS_UDP | r.HAS_PORTS | r.SERVICE, service
        self._records["class_mask"], self._records["bytes_offset"], self._records["bytes_length"] = 1, self._starts, octets
        self._records["payload_at"], self._records["payload_octets"] = HEADERS, len(message)
        self._flow = np.zeros((1, BATCH), np.int32)

    def fill(self, places: np.ndarray, numbers: np.ndarray, answers: bool, time_ns: int) -> None:
        """Packets at these places of the batch: the queries of these numbers, or their responses."""
        at, identifier = self._starts[places] + HEADERS, numbers % 65536
        self._area[0, at], self._area[0, at + 1], self._area[0, at + 2] = identifier >> 8, identifier & 255, 0x81 if answers else 1
        client, port = 0xFFFF0A000000 + numbers % FLOWS, 1024 + numbers // 65536
        server, service = np.full(len(numbers), 0xFFFF0B000001), np.full(len(numbers), 53)
        ends = (server, client, service, port) if answers else (client, server, port, service)
        for name, value in zip(("src_lo", "dst_lo", "src_port", "dst_port"), ends, strict=True):
            self._records[name][places] = value
        self._records["time_ns"][places] = time_ns
        self._flow[0, places] = numbers % FLOWS

    def batch(self) -> FlowBatch:
        return FlowBatch(self._records, 0, BATCH, self._flow, np.zeros((1, BATCH), np.uint8), np.arange(1, FLOWS + 1),
                         np.zeros(BATCH, np.int16), self._area, np.zeros((1, 1), np.uint8))


def of_dns(waiting: int) -> float:
    """ns a packet, half of them queries, half responses, while so many queries wait."""
    found, context = analyser()
    traffic, sent, answered, now, spent = Traffic(context.service_bits(DNS)), 0, 0, 0, 0.0
    every, half = np.arange(BATCH), BATCH // 2
    while sent < waiting:
        traffic.fill(every, np.arange(sent, sent + BATCH), False, now)
        found.process(traffic.batch())
        sent, now = sent + BATCH, now + STEP_NS
    for n in range(BATCHES):
        traffic.fill(every[::2], np.arange(sent, sent + half), False, now)
        traffic.fill(every[1::2], np.arange(answered, answered + half), True, now)
        sent, answered, now = sent + half, answered + half, now + STEP_NS
        batch, start = traffic.batch(), time.process_time()
        found.process(batch)
        found.flush(now)
        spent += time.process_time() - start if n >= FIRST_BATCHES else 0
    if found.counters()["answers_unmatched"]:
        raise AssertionError("every response answers a query")
    return spent / (BATCHES - FIRST_BATCHES) / BATCH * 1e9


def of_others() -> float:
    """ns a packet, TCP segments."""
    found, context = analyser()
    batch = Traffic(context.service_bits(DNS)).batch()
    batch.records["flags"] = r.HAS_TCP | r.HAS_PORTS
    for _ in range(3):
        found.process(batch)
    start = time.process_time()
    for _ in range(10 * BATCHES):
        found.process(batch)
    return (time.process_time() - start) / (10 * BATCHES) / BATCH * 1e9


def main() -> None:
    table = Table("traffic", "ns a packet", box=box.SIMPLE)
    table.add_row("neither asks nor answers", f"{of_others():.1f}")
    for waiting in WAITING:
        table.add_row(f"DNS, {waiting:,} queries wait", f"{of_dns(waiting):.0f}")
    console = Console()
    console.print(machine())
    console.print(table)


if __name__ == "__main__":
    main()
