"""Results as a table on standard output: packets per second of CPU and of wall time, beside the fastest meter."""

from __future__ import annotations

from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Cost

WIDTH = 160


@dataclass(frozen=True)
class Line:
    """cost: the whole run, None if the program is not installed or failed (`note` says so). start: the same on an empty capture.

    meter       a complete flow meter: the fastest of these is what the others are compared with
    """

    name: str
    cost: Cost | None = None
    start: Cost | None = None
    meter: bool = False
    note: str = ""

    @property
    def net(self) -> Cost:
        """Without the start-up."""
        return self.cost.without(self.start)


@dataclass(frozen=True)
class Row:
    """ns_per_packet: of CPU time, None if the program is not installed or failed (`note` says so)."""

    name: str
    ns_per_packet: float | None
    note: str = ""


def print_rows(rows: list[Row], title: str, unit_ns: float | None, unit: str = "cat") -> None:
    """Also as multiples of unit_ns, what a packet costs the program `unit`; None if that is not known."""
    table = Table(title=title, title_justify="left", pad_edge=False, box=box.SIMPLE)
    table.add_column("")
    for heading in ("CPU ns / packet", f"times {unit}"):
        table.add_column(heading, justify="right")
    table.add_column("", no_wrap=True)
    for row in rows:
        ns = row.ns_per_packet
        table.add_row(row.name, f"{ns:,.0f}" if ns is not None else "", f"{ns / unit_ns:.2f}" if ns is not None and unit_ns else "",
                      row.note)
    Console(width=WIDTH, highlight=False).print(table)


def print_throughput(lines: list[Line], packets: int, title: str) -> None:
    """ratio: packets per CPU second, of those of the fastest meter of other people."""
    console = Console(width=WIDTH, highlight=False)
    table = Table(title=title, title_justify="left", pad_edge=False, box=box.SIMPLE)
    table.add_column("program", no_wrap=True)
    for heading in ("packets / CPU s", "packets / s", "CPU s", "ns / packet", "start-up CPU s", "ratio"):
        table.add_column(heading, justify="right")
    table.add_column("", no_wrap=True)
    fastest = min((line.net.cpu_s for line in lines if line.cost and line.meter), default=None)
    for line in lines:
        if line.cost is None:
            table.add_row(line.name, "", "", "", "", "", "", line.note)
            continue
        net = line.net
        ratio = f"{fastest / net.cpu_s:.2f}" if fastest else ""
        per_second = f"{packets / net.wall_s:,.0f}" if 8 * net.wall_s > net.cpu_s else "-"  # start-up that sleeps, as argus does
        table.add_row(line.name, f"{packets / net.cpu_s:,.0f}", per_second, f"{net.cpu_s:.3f}",
                      f"{1e9 * net.cpu_s / packets:,.0f}", f"{line.start.cpu_s:.3f}", ratio, line.note)
    console.print(table)


def print_flows(rows: list[tuple[int, int, dict[str, float]]]) -> None:
    """rows: flows, packets, CPU seconds of each process without start-up."""
    table = Table(title="CPU ns per packet by number of flows", title_justify="left", pad_edge=False, box=box.SIMPLE)
    for heading in ("flows", "packets", *rows[0][2]):
        table.add_column(heading, justify="right")
    for flows, packets, seconds in rows:
        table.add_row(f"{flows:,}", f"{packets:,}", *(f"{1e9 * s / packets:,.0f}" for s in seconds.values()))
    Console(width=WIDTH, highlight=False).print(table)
