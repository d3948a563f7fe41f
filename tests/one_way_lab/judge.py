"""Compares what a collector wrote with what became of each packet by the links. Says all that is wrong, some of it in words."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.one_way_lab.site import HOPS, MAX_TRANSIT_NS, POINTS
from tests.one_way_lab.truth import CLOCKS_NS, Packet, Truth

RESOLUTION_NS = {"all": 1_000, "near": 1}
SHOWN = 2
"""Complaints that are told in full."""
FIELDS = ("src_addr", "dst_addr", "protocol", "src_port", "dst_port")
VERDICTS = ("complete", "lost", "dropped", "missed", "injected")
Blindness = Callable[[Packet], Iterable[frozenset[int]]]
"""Which hops (positions) may have seen nothing of a packet: each of these is right."""
SEEING: tuple[frozenset[int], ...] = (frozenset(),)


@dataclass(frozen=True)
class Row:
    """Of one_way_packet. flow: what it is by its definition; times, last: at each hop, ns or None."""

    flow: tuple[str, ...]
    signature: int
    octets: int
    verdict: str
    lost_after: int
    copies: int
    clash: bool
    path: str
    delay_ns: int | None
    times: tuple[int | None, ...]
    last: tuple[int | None, ...]


def rows_of(spool: Path, kind: str) -> list[dict[str, str]]:
    """Of all complete files."""
    found = []
    for path in sorted(spool.glob(f"{kind}.*.csv")):
        with path.open(newline="") as file:
            found += csv.DictReader(file)
    return found


def packet_rows(spool: Path) -> dict[str, list[Row]]:
    """By class."""
    flows = {(r["probe"], r["run"], r["flow"]): tuple(r[name] for name in ("flow_class", *FIELDS))
             for r in rows_of(spool, "flow_definition")}
    found: dict[str, list[Row]] = {name: [] for name in HOPS}
    for r in rows_of(spool, "one_way_packet"):
        flow = flows[r["probe"], r["run"], r["flow"]]
        name = flow[0]
        hops = range(1, len(HOPS[name]) + 1)
        found[name].append(Row(
            flow, int(r["signature"]), int(r["octets"]), r["verdict"], int(r["lost_after"] or 0), int(r["copies"]),
            r["clash"] == "1", r["path"], ns(r["one_way_delay"]), tuple(ns(r[f"time_at_{n:02}"]) for n in hops),
            tuple(ns(r[f"last_at_{n:02}"]) for n in hops)))
    return found


def ns(text: str) -> int | None:
    """Nanoseconds of decimal seconds; None of nothing."""
    if not text:
        return None
    sign = -1 if text.startswith("-") else 1
    seconds, _, fraction = text.lstrip("-").partition(".")
    return sign * (int(seconds) * 10**9 + int(fraction.ljust(9, "0")[:9] or 0))


@dataclass
class Findings:
    """wrong: by what is wrong, the cases in words; judged: packets looked at one by one, by class, case and verdict;
    slow: packets left out, as they took as long as max_transit, or nearly."""

    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    judged: Counter = field(default_factory=Counter)
    slow: int = 0
    alike: int = 0

    def __str__(self) -> str:
        lines = [f"{len(texts)} times {what}:\n    " + "\n    ".join(texts[:SHOWN]) for what, texts in sorted(self.wrong.items())]
        return "\n".join([*lines, f"judged: {dict(self.judged)}, slow: {self.slow}, alike: {self.alike}"])


def judge(truth: Truth, found: Mapping[str, list[Row]], blind: Blindness = lambda _: SEEING) -> Findings:
    """Every packet of both classes, one by one where it has a content of its own."""
    findings = Findings()
    for name, packets in (("all", truth.all), ("near", truth.near)):
        by_signature: dict[int, list[Row]] = defaultdict(list)
        for row in found[name]:
            by_signature[row.signature].append(row)
        for signature, of_one in packets.items():
            _judge_one(name, of_one, by_signature.pop(signature, []), blind, findings)
        findings.wrong["there was no such packet"] += [f"{row}" for of_one in by_signature.values() for row in of_one]
    findings.wrong = {what: texts for what, texts in findings.wrong.items() if texts}
    return findings


def _judge_one(name: str, packets: list[Packet], rows: list[Row], blind: Blindness, findings: Findings) -> None:
    """All packets of one signature."""
    if any(p.took_ns > MAX_TRANSIT_NS * 9 // 10 for p in packets):
        findings.slow += len(packets)
        return
    if len(packets) > 1:
        findings.alike += len(packets)
        _judge_alike(name, packets, rows, blind, findings)
        return
    packet = packets[0]
    right = {packet.verdict(_of_class(name, hops)) for hops in blind(packet)}
    if len(rows) > 1 and _split(name, packet, blind):
        findings.alike += 1
        if not {row.verdict for row in rows} <= {"dropped", "lost"}:
            findings.wrong[f"{name}: copies of a packet nobody saw begin"].append(f"{packet}: {rows}")
        return
    if len(rows) > 1:
        findings.wrong[f"{name}: more than one row"].append(f"{packet}: {rows}")
        return
    if not rows:
        if None not in right:
            findings.wrong[f"{name}: no row"].append(f"{packet}; expected {right}")
        return
    row = rows[0]
    findings.judged[name, packet.case, row.verdict] += 1
    if (row.verdict, row.lost_after) not in right:
        findings.wrong[f"{name}: {row.verdict} {row.lost_after or ''}, expected {right}"].append(f"{packet}: {row}")
        return
    for what in _wrong_in(name, packet, row, [h for hops in blind(packet) for h in _of_class(name, hops)]):
        findings.wrong[f"{name}: {what}"].append(f"{packet}: {row}")


def _split(name: str, packet: Packet, blind: Blindness) -> bool:
    """May its copies look like packets? Where the place that it came from was blind, and the next one saw several."""
    way = list(reversed(range(len(packet.seen))) if packet.back else range(len(packet.seen)))
    behind = packet.seen[way[1]]
    return behind is not None and behind.copies > 1 and any(way[0] in _of_class(name, hops) for hops in blind(packet))


def _judge_alike(name: str, packets: list[Packet], rows: list[Row], blind: Blindness, findings: Findings) -> None:
    """Who is who, nobody can tell; but every observation is there once."""
    if any(hops for p in packets for hops in blind(p)):
        return
    if not all(p.whole for p in packets):
        return
    of_each = packets if name == "near" else packets[:1]  # of class all, each tells the copies of all
    passed = sum(seen.copies for p in of_each for seen in p.seen if seen)
    observed = sum(sum(t is not None for t in row.times) + row.copies for row in rows)
    if passed != observed:
        findings.wrong[f"{name}: observations of equal packets"].append(
            f"{passed} passed, rows tell of {observed}: {packets} {rows}")


def _wrong_in(name: str, packet: Packet, row: Row, maybe_blind: list[int]) -> Iterable[str]:
    """Of a row with the right verdict."""
    if row.octets != packet.octets:
        yield "octets"
    if row.clash:
        yield "a clash that is none"
    path = ">".join("/".join(POINTS[hop]) for hop, at in zip(HOPS[name], row.times, strict=True) if at is not None)
    if row.path != path:
        yield f"path {row.path}, where times tell {path}"
    copies = 0
    for hop, (seen, first, last) in enumerate(zip(packet.seen, row.times, row.last, strict=True)):
        if (first is None) != (seen is None) and hop not in maybe_blind:
            yield f"{'no' if first is None else 'a'} time at hop {hop + 1}"
            return
        if first is None:
            continue
        copies += seen.copies - 1
        for what, time_ns, bounds in (("first", first, seen.first_ns), ("last", first if last is None else last, seen.last_ns)):
            if not bounds[0] - CLOCKS_NS - RESOLUTION_NS[name] <= time_ns <= bounds[1] + CLOCKS_NS:
                yield f"{what} time at hop {hop + 1} out of bounds"
        if (last is None) != (packet.whole):
            yield f"last time of hop {hop + 1}"
    if packet.whole and row.copies != copies:
        yield f"copies {row.copies}, expected {copies}"
    if row.delay_ns != _delay_ns(packet, row):
        yield "delay is not the difference of the times"


def _delay_ns(packet: Packet, row: Row) -> int | None:
    start, end = (-1, 0) if packet.back else (0, -1)
    arrived = row.times[end] if row.last[end] is None else row.last[end]
    return None if row.times[start] is None or arrived is None else arrived - row.times[start]


def _of_class(name: str, hops: Iterable[int]) -> list[int]:
    """Positions are those of class all, of which the others have the first."""
    return [hop for hop in hops if hop < len(HOPS[name])]
