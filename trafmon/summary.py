"""What was found, for a person at a terminal (or in a pipe): traffic by class and protocol, talkers, conversations, files."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from tmon_store.report import Conversation

PLAIN_WIDTH = 100
"""Columns where the output is no terminal."""

PROTOCOLS = {0: "hopopt", 1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre", 50: "esp",
             51: "ah", 58: "icmpv6", 59: "no next", 88: "eigrp", 89: "ospf", 103: "pim", 112: "vrrp", 115: "l2tp", 132: "sctp",
             136: "udplite"}
"""Names of the IP protocols one meets (IANA protocol numbers)."""


def summarise(database: Path, files: Mapping[str, Path], console: Console | None = None, limit: int = 10) -> None:
    """Print what the database holds, then where the files are (what they are: path).

    A database without traffic gives zeros. StoreError if it cannot be opened.
    """
    from rich.console import Console

    from tmon_store import report
    from tmon_store.load import open_store

    console = console or Console()
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    store = open_store(database, read_only=True)
    try:
        totals = report.totals(store)
        classes, protocols = report.by_class(store), report.by_protocol(store)
        talkers, conversations = report.talkers(store, limit), report.conversations(store, limit)
        happenings = report.happenings(store)
        warnings = report.warnings(store, limit)
    finally:
        store.close()

    packets, octets = sum(c.packets for c in classes), sum(c.octets for c in classes)
    whole = {(c.probe, c.flow_class): c.octets for c in classes}
    sources = _Sources((c.probe, c.flow_class) for c in classes)
    console.print()
    console.print(_line("Flows found", f"{totals.flows:,}"), highlight=False)
    if len(sources.pairs) <= 1:
        console.print(_line("IP traffic", f"{packets:,} packets, {human_octets(octets)}"), highlight=False)
    if totals.first is not None:
        console.print(_line("Time (UTC)", f"{totals.first:%Y-%m-%d %H:%M} to {totals.last:%Y-%m-%d %H:%M}"), highlight=False)
    else:
        console.print(_line("Time (UTC)", "no traffic"), highlight=False)

    _print(console, "Traffic per flow class", ["Class", "Flows>", "Packets>", "Octets>"],
           [(printable(c.flow_class), f"{c.flows:,}", f"{c.packets:,}", human_octets(c.octets)) for c in classes],
           sources.probes_of(classes))
    _print(console, "Traffic per protocol", ["Protocol", "Flows>", "Packets>", "Octets>", "Share>"],
           [(protocol_name(p.part), f"{p.flows:,}", f"{p.packets:,}", human_octets(p.octets),
             _share(p.octets, whole.get((p.probe, p.flow_class), 0)))
            for p in protocols], sources.of(protocols))
    _print(console, "Top talkers (sent and received)", ["Address", "Flows>", "Packets>", "Octets>", "Share>"],
           [(printable(t.part), f"{t.flows:,}", f"{t.packets:,}", human_octets(t.octets),
             _share(t.octets, whole.get((t.probe, t.flow_class), 0)))
            for t in talkers], sources.of(talkers))
    _print(console, "Top conversations", ["Source", "Destination", "Service", "Packets →>", "←>", "Octets →>", "←>"],
           [(endpoint(c.src_addr, c.src_port), endpoint(c.dst_addr, c.dst_port), service(c), f"{c.packets:,}", f"{c.packets_rev:,}",
             human_octets(c.octets), human_octets(c.octets_rev)) for c in conversations], sources.of(conversations))
    if happenings:
        _print(console, "Worth a look", ["What", "Count>", "Share>", "Flows>"],
               [(h.what, f"{h.count:,}", _share(h.count, h.of), f"{h.flows:,}") for h in happenings], sources.of(happenings))
    if warnings:
        _print(console, "Events that make figures incomplete", ["Time (UTC)", "Severity", "What"],
               [(f"{w.time:%Y-%m-%d %H:%M:%S}", w.severity, printable(w.text)) for w in warnings], sources.probes_of(warnings))
    console.print()
    for what, path in files.items():
        console.print(_line(what, printable(path)), highlight=False, soft_wrap=True)


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


def protocol_name(number: int | None) -> str:
    """Name of an IP protocol; its number if it has none here, a dash if the flow does not hold it."""
    return "-" if number is None else PROTOCOLS.get(number, str(number))


def endpoint(addr: str | None, port: int | None) -> str:
    """Address and port as usually written together."""
    text = "-" if addr is None else printable(addr)
    if port is None:
        return text
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def service(conversation: Conversation) -> str:
    """Protocol, with the name of the service that the lower port is registered for, if the machine knows it."""
    name = protocol_name(conversation.protocol)
    ports = sorted(p for p in (conversation.src_port, conversation.dst_port) if p is not None)
    if name in ("tcp", "udp"):
        for port in ports:
            try:
                return f"{socket.getservbyport(port, name)}/{name}"
            except OSError:
                continue
    return name


def printable(value: object) -> str:
    """Text without control characters: names come from other machines and must not drive the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))


class _Sources:
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


def _share(part: int, whole: int) -> str:
    if not whole:
        return "-"
    percent = 100 * part / whole
    return "< 0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def _line(what: str, text: str) -> Any:
    from rich.text import Text

    return Text.assemble((f"{what:<14}", "bold"), text)


def _print(console: Console, title: str, heads: list[str], rows: list[tuple], extra: list[tuple[str, list[str]]]) -> None:
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
        table.add_row(*["none"], *["0" if h.endswith(">") else "" for h in heads[1:]])
    console.print()
    console.print(Text(title, style="bold cyan"))
    console.print(table)
