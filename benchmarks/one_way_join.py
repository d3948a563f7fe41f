"""The command benchmarks/one_way: what reconciling costs a collector, an observation, by how many packets are in flight."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import circumstances
from tmon_collector.one_way.buffer import Buffer
from tmon_collector.one_way.orientation import Learned
from tmon_collector.one_way.packets import NO_OCTETS, Flows, Observed, chosen
from tmon_collector.one_way.settle import settle
from tmon_common.config.model import SECOND, Hop, OneWay, Point

HOPS, ROUND_NS, HOP_NS, JITTER_NS, LOST = 3, 60 * SECOND, 100_000_000, 20_000_000, 0.005
ROWS_OF_A_PDU = 250
START_NS = 1_700_000_040 * SECOND
OBSERVATIONS = 3_000_000
"""Small cases are measured over so many."""
REPEAT = 5
_BLIND: list[np.ndarray] = [np.array([[START_NS, START_NS + SECOND]])] * HOPS


class Case(NamedTuple):
    """packets: in flight when a round is settled. bits: of signatures. options: of the class. silent: a point without a word."""

    name: str
    packets: int
    flows: int = 100
    bits: int = 32
    options: tuple = ()
    silent: int = 0


class Cost(NamedTuple):
    """Of an observation: CPU time to buffer and to settle it. Of a packet: octets that wait, and more that settling needs."""

    buffering_ns: float
    settling_ns: float
    waiting: float
    settling: float
    clashes: float


def cases(largest: int) -> list[Case]:
    """By packets in flight, then what else may matter."""
    sizes = [size for size in (10**n for n in range(3, 8)) if size <= largest]
    middle = min(10**6, largest)
    return [*(Case(f"{size:,} in flight", size) for size in sizes),
            Case(f"{middle:,}: one flow", middle, 1), Case("ten packets a flow", middle, middle // 10),
            Case("24 bits", middle, bits=24),
            Case("16 bits, one flow", middle, 1, 16), Case("behind a translator", middle, options=(("nat", True),)),
            Case("both ways", middle, options=(("direction", "both"),)), Case("the second hop silent", middle, silent=2),
            Case("all packets of a flow equal", middle, bits=0)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=10**7, help="packets in flight, at most (10^7 take 6 GB)")
    arguments = parser.parse_args()
    table = Table(box=box.SIMPLE)
    for column in ("", "observations / CPU s", "ns to buffer", "ns to settle", "octets a packet", "more while settling", "clashes"):
        table.add_column(column, justify="right" if column else "left")
    for case in cases(arguments.largest):
        cost = measure(case)
        table.add_row(case.name, f"{1e9 / (cost.buffering_ns + cost.settling_ns):,.0f}", f"{cost.buffering_ns:.0f}",
                      f"{cost.settling_ns:.0f}", f"{cost.waiting:.1f}", f"{cost.settling:.0f}" if cost.settling else "",
                      f"{cost.clashes:.1%}")
    Console(width=140).print(table)
    print(circumstances.machine())
    return 0


def measure(case: Case) -> Cost:
    """The best of several rounds (of several times as many as have OBSERVATIONS): others on the machine only make them slower."""
    of = OneWay(tuple(Hop(f"hop{i}", (Point(i + 1, "probe", f"eth{i}"),)) for i in range(HOPS)), **dict(case.options))
    observed, flows = _traffic(case)
    many = len(observed.time_ns)
    rounds = max(1, OBSERVATIONS // many)
    pdus = [chosen(observed, slice(start, start + ROWS_OF_A_PDU)) for start in range(0, many, ROWS_OF_A_PDU)]
    costs, clashes = [], 0.0
    for _ in range(REPEAT + 1):
        buffers, starts = [], time.process_time()
        for _ in range(rounds):
            buffer = Buffer(2 * many)
            for pdu in pdus:
                buffer.append(pdu)
            buffers.append(buffer)
        waiting, before, buffered = buffers[0].octets, _resident(), time.process_time()
        for buffer in buffers:
            settled = settle(buffer, flows, of, Learned(), _BLIND, START_NS + ROUND_NS)
        end = time.process_time()
        if settled.kept or settled.undefined or len(buffer):
            msg = f"not all was settled: {settled.kept}, {settled.undefined}, {len(buffer)}"
            raise RuntimeError(msg)
        clashes = float(settled.packets.clash.mean())
        costs.append(((buffered - starts) / rounds / many * 1e9, (end - buffered) / rounds / many * 1e9, waiting / case.packets,
                      max(0, _resident(peak=True) - before) / case.packets if case.packets >= 10**6 else 0))
        del settled
    least = np.array(costs[1:]).min(axis=0)  # the first one compiles, and makes the system find memory
    return Cost(*least[:3].tolist(), float(np.array(costs).max(axis=0)[3]), clashes)


def _resident(peak: bool = False) -> int:
    """Octets of this process in memory; at most, since it was last asked without peak."""
    if not peak:
        Path("/proc/self/clear_refs").write_text("5")
    wanted = "VmHWM:" if peak else "VmRSS:"
    [kib] = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(wanted)]
    return int(kib) * 1024


def _traffic(case: Case) -> tuple[Observed, Flows]:
    """Packets of random flows at random times of a round, but its very end. Each hop is heard of every quarter of a second."""
    random = np.random.default_rng(1)
    many = case.packets
    sent = START_NS + np.sort(random.integers(0, ROUND_NS - SECOND, many))
    flow = random.integers(0, case.flows, many)
    signature = random.integers(0, 1 << case.bits, many)
    back = flow % 2 if "both" in dict(case.options).values() else np.zeros(many, np.int64)
    parts = []
    for hop in range(HOPS):
        seen = random.random(many) >= LOST
        passed = sent + np.where(back, HOPS - 1 - hop, hop) * HOP_NS + random.integers(0, JITTER_NS, many)
        parts.append((flow[seen] * HOPS + hop, np.full(seen.sum(), hop + 1), signature[seen], passed[seen]))
    definition, point, signature, time_ns = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(time_ns // (SECOND // 4) * HOPS + point, kind="stable")
    order = order[point[order] != case.silent]
    observed = Observed(definition[order].astype(np.int32), point[order].astype(np.uint8), signature[order].astype(np.uint32),
                        time_ns[order], np.full(len(order), NO_OCTETS, np.int32), None, None)
    numbers = np.arange(case.flows, dtype=np.int32)
    pair = numbers ^ 1
    flows = Flows(np.repeat(numbers, HOPS), np.where(pair < case.flows, pair, -1).astype(np.int32), numbers, pair)
    return observed, flows
