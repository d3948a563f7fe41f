"""The command benchmarks/states: what a packet costs the child, and how much memory a connection takes, by how many there are."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import circumstances, lone_chain
from benchmarks.lone_chain import Found, Load
from benchmarks.pipeline import COUNTERS, STATEFUL
from benchmarks.reach import Reach, print_reaches
from benchmarks.table import WIDTH

CONNECTIONS = (1_000, 10_000, 100_000, 1_000_000)
PACKETS = 1_600_000
MOST_TIMES, MOST_OCTETS = 2, 512
SETS = {"flow registry": (), "counters": COUNTERS, **{name: (name,) for name in STATEFUL}, "stateful": STATEFUL,
        "everything": (*COUNTERS, *STATEFUL), "one-way": ("one_way",)}
"""What is measured, by name: analyses that one class asks for."""


def main() -> int:
    options = _parser().parse_args()
    log = options.directory / "messages"
    options.directory.mkdir(parents=True, exist_ok=True)
    results: dict[str, list[Found]] = {}
    for name, analyses in _chosen(options.analyses).items():
        _say(name)
        try:
            results[name] = [_best(Load(analyses, count, options.packets), log, options.repeat) for count in options.connections]
        except RuntimeError as error:
            print(f"{name}: left out: {error}", file=sys.stderr)
    if not results:
        return 1
    _print(results, options.connections)
    if len(options.connections) > 1:
        print_reaches(reaches(results, options.connections))
    print(f"best of {options.repeat}; {circumstances.machine()}")
    return 0


def reaches(results: dict[str, list[Found]], connections: list[int]) -> list[Reach]:
    """Costs with the most connections beside those with the fewest, and octets of a connection's state."""
    few, many = connections[0], connections[-1]
    found = [Reach(f"{name}: cost of a packet, {many:,} connections, times {few:,}", r[-1].moving_ns / r[0].moving_ns, MOST_TIMES)
             for name, r in results.items()]
    registry = results.get("flow registry")
    if registry and "tcp_connection" in results:
        octets = results["tcp_connection"][-1].resident_octets - registry[-1].resident_octets
        found.append(Reach(f"tcp_connection: octets of a connection, {many:,}, without its flow", octets, MOST_OCTETS))
    return found


def _chosen(asked: list[str] | None) -> dict[str, tuple[str, ...]]:
    return SETS if not asked else {text: SETS.get(text, tuple(text.split())) for text in asked}


def _best(load: Load, log: Path, repeat: int) -> Found:
    """The least of every figure."""
    found = [lone_chain.measure(load, log) for _ in range(repeat)]
    return Found(**{f.name: min(getattr(one, f.name) for one in found) for f in fields(Found)})


def _print(results: dict[str, list[Found]], connections: list[int]) -> None:
    table = Table(title="CPU ns of a packet and of a published row, octets of a connection", title_justify="left", pad_edge=False,
                  box=box.SIMPLE)
    table.add_column("")
    headings = ("connections", "packet", "times first", "opening packet", "ageing, ms", "rows", "row", "resident", "in arrays")
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, found in results.items():
        for count, one in zip(connections, found, strict=True):
            table.add_row(name if one is found[0] else "", f"{count:,}", f"{one.moving_ns:,.0f}",
                          f"{one.moving_ns / found[0].moving_ns:.2f}", f"{one.opening_ns:,.0f}", f"{one.ageing_ns / 1e6:.1f}",
                          f"{one.rows:,}", f"{one.publication_ns:,.0f}" if one.rows else "", f"{one.resident_octets:,.0f}",
                          f"{one.array_octets:,.0f}", end_section=one is found[-1])
    Console(width=WIDTH, highlight=False).print(table)


def _say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("benchmarks/states", description=__doc__)
    parser.add_argument("--analyses", action="append", metavar="NAMES",
                        help=f"of a class, separated by spaces, or one of: {', '.join(SETS)} (all of these); may be given often")
    parser.add_argument("--connections", type=int, nargs="+", default=list(CONNECTIONS), metavar="N",
                        help=f"how many there are ({' '.join(map(str, CONNECTIONS))})")
    parser.add_argument("--packets", type=int, default=PACKETS, metavar="N", help=f"once all are open ({PACKETS})")
    parser.add_argument("--repeat", type=int, default=3, metavar="K", help="processes for each figure, the least counts (3)")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "trafmon-states", metavar="DIR",
                        help="where messages are put")
    return parser
