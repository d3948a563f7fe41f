"""What became of the rows of a scenario, and whether that is as promised."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.recording import Ledger, Wire, called_gap_ns, declared, ledger_of, numbered_rows, spool_rows, wire_of

CLOCK_TOLERANCE = 0.001
"""Part of the gap by which datagrams may be closer on the wire. The gap counts from the moment when the call that sent the last one
has returned, and a datagram passes the recorder within its call: so it is kept on the wire, whatever else keeps a process
waiting. But the recorder's clock is UTC, which is slewed by 500 ppm at most (adjtimex(2)), the probe's is not."""

LIVE_KEYS = {"ip_counters": ("flow", "start"), "flow_definition": ("flow",), "event": ("time", "code", "text")}
"""What tells rows of a live probe apart, by kind; other kinds it does not make here."""


@dataclass
class Result:
    """Figures of one scenario. faults: what was not as promised, in words.

    died            rows that a killed probe had not delivered
    called_gap_ns   shortest time between two calls of a driver's socket; None for a live probe
    wire            of all probes, see recording.Wire
    """

    added: int = 0
    found: int = 0
    lost: int = 0
    given_up: int = 0
    died: int = 0
    duplicates: int = 0
    altered: int = 0
    retries: int = 0
    refused: int = 0
    collectors_killed: int = 0
    link_lost: int = 0
    link_duplicated: int = 0
    link_held_back: int = 0
    link_corrupted: int = 0
    called_gap_ns: int | None = None
    wires: list[Wire] = field(default_factory=list)
    delivered_s: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def pdus(self) -> int:
        """On the wire, heartbeats included."""
        return sum(wire.pdus for wire in self.wires)

    @property
    def octets_per_row(self) -> float:
        """On the wire from probe to collector, IP headers, retries and heartbeats included."""
        return sum(wire.octets for wire in self.wires) / max(1, self.found)

    @property
    def wire_gap_ns(self) -> int | None:
        return min((wire.least_gap_ns for wire in self.wires if wire.least_gap_ns is not None), default=None)

    def count_link(self, totals: dict[str, Any]) -> None:
        """What the link did in both directions."""
        for way in ("west_to_east", "east_to_west"):
            of_way = totals[way]
            self.link_lost += of_way["lost"] + of_way["queue_drop"]
            self.link_duplicated += of_way["duplicated"]
            self.link_held_back += of_way["held_back"]
            self.link_corrupted += of_way["corrupted"]

    def judge_wire(self, directory: Path, probes: list[str], gap_ns: int) -> None:
        self.wires = [wire_of(directory / "wire.pcap", probe) for probe in probes]
        for what, least_ns in (("calls of the socket", self.called_gap_ns), ("datagrams on the wire", self.wire_gap_ns)):
            if least_ns is not None and least_ns < gap_ns * (1 - CLOCK_TOLERANCE):
                self.faults.append(f"{what} {least_ns} ns apart, less than the gap of {gap_ns} ns")

    def judge_programs(self, collectors: list[str], senders: str) -> None:
        """By what they told."""
        for told in (*collectors, senders):
            if "Traceback" in told:
                self.faults.append("a traceback: " + told[told.index("Traceback"):][-600:])
        self.refused = sum(int(n) for told in collectors for n in re.findall(r"(\d+) (?:corrupt|foreign|unknown_probe|unsealed|"
                                                                             r"no_key|version|type|short)\b", told))

    def judge_rows(self, directory: Path, ledgers: list[Ledger], killed: list[str]) -> None:
        """Of drivers: by run and kind, what was added against what is in the spool."""
        found, given_up = numbered_rows(directory), declared(directory)
        self.found, self.duplicates, self.altered = found.distinct, found.duplicates, found.altered
        for ledger in ledgers:
            self.added += ledger.added.total()
            self.retries += ledger.retries
            of_run = given_up.get((ledger.probe, ledger.run), Counter())
            self.given_up += of_run.total()
            for kind, count in ledger.added.items():
                there = found.rows.pop((ledger.probe, ledger.run, kind), Counter())
                self._judge_kind(ledger, kind, count, there, of_run[kind], killed=ledger.name in killed)
        if found.rows:
            self.faults.append(f"rows that nobody added: {[(*key, len(numbers)) for key, numbers in found.rows.items()]}")
        if self.duplicates:
            self.faults.append(f"{self.duplicates} duplicates")
        if found.altered:
            self.faults.append(f"{found.altered} rows altered")
        if found.parts:
            self.faults.append(f"{found.parts} files never completed")

    def _judge_kind(self, ledger: Ledger, kind: str, count: int, there: Counter[int], given_up: int, *,
                    killed: bool) -> None:
        missing = [n for n in range(count) if n not in there]
        if strange := [n for n in there if n >= count]:
            self.faults.append(f"{ledger.name}: {len(strange)} rows of {kind} that were not added")
        if killed:
            self.died += len(missing) - given_up
            if wrong := [n for n in missing if n < ledger.settled[kind]]:
                self.faults.append(f"{ledger.name}: {len(wrong)} rows of {kind} lost though they were settled")
            return
        self.lost += len(missing)
        if len(missing) != given_up:
            self.faults.append(f"{ledger.name}: {len(missing)} rows of {kind} lost, {given_up} declared as given up")

    def judge_live_rows(self, directory: Path, numbers: list[dict[str, int]], datagrams: int) -> None:
        """Of a live probe: rows that it made against rows in the spool, datagrams sent past it against packets counted."""
        self.added = sum(n["rows"] for n in numbers)
        self.retries = sum(n["pdus_retried"] for n in numbers)
        self.given_up = sum(of_run.total() for of_run in declared(directory).values())
        keys: Counter[tuple[str, ...]] = Counter()
        packets = 0
        for kind, names in LIVE_KEYS.items():
            for row in spool_rows(directory, kind):
                if row["probe"] != "collector":
                    keys[kind, row["run"], *(row[name] for name in names)] += 1
                    packets += int(row["packets"]) if kind == "ip_counters" else 0
        self.found, self.duplicates = len(keys), keys.total() - len(keys)
        self.lost = self.added - self.found
        drops = sum(n["kernel_drops"] for n in numbers)
        if self.duplicates:
            self.faults.append(f"{self.duplicates} duplicates")
        if self.lost != self.given_up:
            self.faults.append(f"{self.lost} rows lost, {self.given_up} declared as given up")
        if not self.given_up and packets + drops != datagrams:
            self.faults.append(f"{packets} packets in the rows and {drops} dropped by the kernel, {datagrams} sent")

    def judge_proofs(self, proves: tuple[str, ...]) -> None:
        self.faults += [f"{name} is 0: nothing was proved" for name in proves if not getattr(self, name)]


def driven(result: Result, directory: Path, names: list[str], killed: list[str]) -> None:
    """The part of a verdict that ledgers and records of drivers give."""
    ledgers = [ledger_of(directory / f"{name}.ledger") for name in names]
    gaps = [gap for name in names if (gap := called_gap_ns(directory / f"{name}.sends")) is not None]
    result.called_gap_ns = min(gaps, default=None)
    result.judge_rows(directory, ledgers, killed)
