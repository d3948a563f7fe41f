"""`trafmon one-way` as its users run it, and what it leaves, for tests."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from tests.oracles.one_way_packets import FLOW, Followed, nanoseconds
from tmon_common.observations.one_way import MAX_HOPS, VERDICTS

LIMIT_S = 240
COUNTED = ("packets", "octets", *VERDICTS, "reordered")


def one_way(*arguments: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "trafmon", "one-way", *map(str, arguments)], check=False, capture_output=True,
                          text=True, timeout=LIMIT_S, **options)


def rows(out: Path, kind: str) -> list[dict[str, str]]:
    return [row for path in sorted(out.glob(f"spool/{kind}.*.csv")) for row in csv.DictReader(path.open(newline=""))]


def counters(out: Path) -> dict[tuple, Counter]:
    """Flow, as in tests.oracles.one_way_packets -> what was counted of it, all intervals together."""
    flows = _flows(out)
    found = defaultdict(Counter)
    for row in rows(out, "one_way_counters"):
        counts = found[flows[row["probe"], row["run"], row["flow"]]]
        counts.update({name: int(row[name]) for name in COUNTED})
        counts.update({("lost_after", n): int(row[f"lost_after_{n:02d}"]) for n in range(1, MAX_HOPS + 1)})
    return {flow: +counts for flow, counts in found.items()}


def distributions(out: Path) -> dict[tuple, tuple[int, ...]]:
    """(flow, from, to) -> population, sum, minimum, maximum of the delays, ns, all intervals together."""
    flows = _flows(out)
    found = defaultdict(list)
    for row in rows(out, "one_way_delay_histogram"):
        if row["population"] != "0":
            found[flows[row["probe"], row["run"], row["flow"]], row["from_hop"], row["to_hop"]].append(row)
    return {key: (sum(int(r["population"]) for r in mine), *(of(nanoseconds(r[name]) for r in mine) for name, of in (
        ("sum", sum), ("minimum", min), ("maximum", max)))) for key, mine in found.items()}


def expected_distributions(packets: list[Followed], hops: Sequence[str], back: Callable[[tuple], bool]) -> dict[tuple, tuple]:
    """The same from the truth: of the whole way, and of each part of it, in the direction of the flow."""
    found = {}
    for flow, mine in by_flow(packets).items():
        way = list(range(len(hops)))[:: -1 if back(flow) else 1]
        for first, second in {*pairwise(way), (way[0], way[-1])}:
            delays = [p.times_ns[second] - p.times_ns[first] for p in mine if None not in (p.times_ns[first], p.times_ns[second])]
            if delays:
                found[flow, hops[first], hops[second]] = len(delays), sum(delays), min(delays), max(delays)
    return found


def _flows(out: Path) -> dict[tuple, tuple]:
    return {(r["probe"], r["run"], r["flow"]): tuple(r[c] for c in FLOW) for r in rows(out, "flow_definition")}


def expected_counters(packets: list[Followed], back: Callable[[tuple], bool]) -> dict[tuple, Counter]:
    """The same from the truth: verdicts, losses, reordering. back: does a flow go from the last hop to the first?"""
    found = defaultdict(Counter)
    for flow, mine in by_flow(packets).items():
        counts = found[flow]
        for packet in mine:
            counts.update(["packets", packet.verdict])
            counts["octets"] += packet.octets
            if packet.lost_after:
                counts["lost_after", packet.lost_after] += 1
        counts["reordered"] = _reordered(mine, -1 if back(flow) else 0)
    return {flow: +counts for flow, counts in found.items()}


def by_flow(packets: list[Followed]) -> dict[tuple, list[Followed]]:
    found = defaultdict(list)
    for packet in packets:
        found[packet.flow].append(packet)
    return found


def _reordered(packets: list[Followed], first: int) -> int:
    """Of one flow: packets that arrive after one that left later (RFC 4737 section 3.3), of those that passed both ends."""
    times = [(p.times_ns[first], p.times_ns[-1 - first]) for p in packets if p.delay_ns is not None]
    return sum(any(left > mine[0] and arrived < mine[1] for left, arrived in times) for mine in times)
