"""Tables for a terminal or a pipe, and how figures are written in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def print_table(console: Console, title: str, heads: list[str], rows: list[tuple], extra: list[tuple[str, list[str]]]) -> None:
    """A titled table; heads that end in > are right-aligned; extra columns stand first."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table: Table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False, padding=(0, 2, 0, 0),
                         header_style="bold")
    for head, _ in extra:
        table.add_column(head, overflow="fold")
    for head in heads:
        right = head.endswith(">")
        table.add_column(head.removesuffix(">"), justify="right" if right else "left", overflow="fold", no_wrap=right)
    wrap: Callable[[str], Text] = Text
    for i, row in enumerate(rows):
        table.add_row(*(wrap(values[i]) for _, values in extra), *(wrap(cell) for cell in row))
    if not rows:
        table.add_row("none")
    console.print()
    console.print(Text(title, style="bold cyan"))
    console.print(table)


class Sources:
    """Which probes and classes there are; columns that would say the same in every row are left out."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.pairs = set(pairs)
        self._several_probes = len({p for p, _ in self.pairs}) > 1
        self._several_classes = len({c for _, c in self.pairs}) > 1

    def of(self, rows: Iterable[Any]) -> list[tuple[str, list[str]]]:
        rows = list(rows)
        classes = [("Class", [printable(r.flow_class) for r in rows])] if self._several_classes else []
        return self.probes_of(rows) + classes

    def probes_of(self, rows: Iterable[Any]) -> list[tuple[str, list[str]]]:
        return [("Probe", [printable(r.probe) for r in rows])] if self._several_probes else []


def printable(value: object) -> str:
    """Text without control characters: names come from other machines and must not drive the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))


def human_octets(octets: int) -> str:
    """Octets with three digits or so and a decimal unit: 999 B, 1.23 kB, 45.6 MB."""
    if octets < 1000:
        return f"{octets} B"
    value = float(octets)
    for unit in ("kB", "MB", "GB", "TB", "PB", "EB"):
        value /= 1000
        if value < 999.5 or unit == "EB":
            break
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{digits}f} {unit}"


def human_duration(ns: float | None) -> str:
    """A length of time with three digits or so: 87 ns, 870 µs, 12.3 ms, 4.56 s, 5.00 h, 3.20 d; a dash for None."""
    if ns is None:
        return "-"
    if abs(ns) < 999.5:
        return f"{round(ns)} ns"
    lengths = ((2 * 86_400e9, 86_400e9, "d"), (2 * 3600e9, 3600e9, "h"), (1e9, 1e9, "s"), (1e6, 1e6, "ms"), (1e3, 1e3, "µs"))
    value, unit = next(((ns / n, u) for least, n, u in lengths if ns >= least), (ns, "ns"))
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"


def signed_duration(ns: float | None) -> str:
    """As human_duration, also below zero."""
    return f"-{human_duration(-ns)}" if ns is not None and round(ns) < 0 else human_duration(ns)


def human_rate(bits: int) -> str:
    """bit/s with three digits or so and a decimal unit."""
    return human_octets(bits).replace("B", "bit/s")


def share(part: float, whole: float) -> str:
    if not whole:
        return "-"
    percent = 100 * part / whole
    return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"
