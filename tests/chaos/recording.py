"""What a scenario left behind, read: the spool, the ledgers of the drivers, the wire."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import dpkt

from tests.chaos.numbered import KINDS, number_of, unaltered
from tmon_common.pdu.header import probe_number

_PROBE_AT = slice(4, 8)  # of a PDU


@dataclass
class Ledger:
    """Of one run of a driver. added: rows by kind; settled: of these, those that were in the spool or given up for sure."""

    name: str
    probe: str
    run: int
    added: Counter[str]
    settled: Counter[str]
    retries: int


def ledger_of(path: Path) -> Ledger:
    """A last line that was cut by the end of its driver does not count."""
    entries = [json.loads(line) for line in path.read_bytes().rpartition(b"\n")[0].splitlines()]
    last = entries[-1]
    settled = next((e for e in reversed(entries) if e["idle"]), None)
    return Ledger(path.stem, last["probe"], last["run"], Counter(last["added"]), Counter(settled["added"] if settled else {}),
                  last["retries"])


@dataclass
class Found:
    """Numbered rows in the spool. rows: numbers by (probe, run, kind); altered: rows that do not hold what their number says."""

    rows: dict[tuple[str, int, str], Counter[int]] = field(default_factory=dict)
    altered: int = 0
    parts: int = 0

    @property
    def duplicates(self) -> int:
        return sum(n - 1 for numbers in self.rows.values() for n in numbers.values())

    @property
    def distinct(self) -> int:
        return sum(map(len, self.rows.values()))


def spool_rows(directory: Path, kind: str) -> Iterator[Mapping[str, str]]:
    """Of all complete files of a kind. ValueError for a line of the wrong length."""
    for path in sorted((directory / "spool").glob(f"{kind}.*.csv")):
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                if None in row or None in row.values():
                    raise ValueError(f"{path.name}: a line of the wrong length: {row}")
                yield row


def numbered_rows(directory: Path) -> Found:
    """Every row of the drivers."""
    found = Found(parts=len(list((directory / "spool").glob("*.part"))))
    for kind in KINDS:
        for row in spool_rows(directory, kind.name):
            number = number_of(kind, row)
            if number is None or row["probe"] == "collector":
                continue
            found.rows.setdefault((row["probe"], int(row["run"]), kind.name), Counter())[number] += 1
            found.altered += not unaltered(kind, row, number)
    return found


def declared(directory: Path) -> dict[tuple[str, int], Counter[str]]:
    """Rows given up, by (probe, run) and kind, as the events of the probes say."""
    found: dict[tuple[str, int], Counter[str]] = {}
    for row in spool_rows(directory, "event"):
        if row["code"] == "observations_given_up":
            details = json.loads(row["details"])
            found.setdefault((row["probe"], int(row["run"])), Counter())[details["kind"]] += details["rows"]
    return found


@dataclass(frozen=True)
class Wire:
    """What one probe sent, as the recorder saw it. octets: IP headers included; least_gap_ns: None with fewer than two."""

    pdus: int
    octets: int
    least_gap_ns: int | None


def wire_of(path: Path, probe: str) -> Wire:
    """From a pcap of what went to the collector, timestamps in ns."""
    times, octets = [], 0
    number = probe_number(probe).to_bytes(4)
    with path.open("rb") as file:
        for time, frame in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(frame).data
            if bytes(ip.data.data)[_PROBE_AT] == number:
                times.append(round(time * 1_000_000_000))
                octets += ip.len
    return Wire(len(times), octets, min((b - a for a, b in pairwise(times)), default=None))


def called_gap_ns(path: Path) -> int | None:
    """Shortest time between two calls of a driver's socket."""
    times = [int(line.split()[0]) for line in path.read_text().splitlines()]
    return min((b - a for a, b in pairwise(times)), default=None)
