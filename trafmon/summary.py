"""What was found, for a person at a terminal (or in a pipe): traffic by class and protocol, talkers, conversations, files."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trafmon.console_table import Sources, human_octets, print_table, printable, share
from trafmon.summary_analyses import Analyses, print_analyses
from trafmon.summary_one_way import OneWay, print_one_way

if TYPE_CHECKING:
    from rich.console import Console

    from tmon_common.config.store_model import Store
    from tmon_store.report import Conversation, Traffic

PLAIN_WIDTH = 130
"""Columns where the output is no terminal."""

PROTOCOLS = {0: "hopopt", 1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre", 50: "esp",
             51: "ah", 58: "icmpv6", 59: "no next", 88: "eigrp", 89: "ospf", 103: "pim", 112: "vrrp", 115: "l2tp", 132: "sctp",
             136: "udplite"}
"""Names of the IP protocols one meets (IANA protocol numbers)."""


def summarise(database: Store | Path, files: Mapping[str, Path], console: Console | None = None, limit: int = 10) -> None:
    """Print what the database holds, then where the files are (what they are: path).

    A database without traffic gives zeros. StoreError if it cannot be opened.
    """
    from rich.console import Console

    from tmon_store import report
    from tmon_store.open import open_store

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
        analyses = Analyses.of(store, limit)
        one_way = OneWay.of(store, limit)
    finally:
        store.close()

    packets, octets = sum(c.packets for c in classes), sum(c.octets for c in classes)
    sources = Sources((c.probe, c.flow_class) for c in classes)
    counted = bool(classes) or not (analyses.found or one_way.fates)  # a configuration may do without ip_counters
    console.print()
    console.print(line("Flows found", f"{totals.flows:,}"), highlight=False)
    if counted and len(sources.pairs) <= 1:
        console.print(line("IP traffic", f"{packets:,} packets, {human_octets(octets)}"), highlight=False)
    if totals.first is not None:
        console.print(line("Time (UTC)", f"{totals.first:%Y-%m-%d %H:%M} to {totals.last:%Y-%m-%d %H:%M}"), highlight=False)
    elif counted:
        console.print(line("Time (UTC)", "no traffic"), highlight=False)

    if counted:
        _print_traffic(console, sources, classes, protocols, talkers, conversations)
    print_analyses(console, analyses, sources)
    if one_way.fates:
        print_one_way(console, one_way)
    if happenings:
        print_table(console, "Worth a look", ["What", "Count>", "Share>", "Flows>"],
               [(h.what, f"{h.count:,}", share(h.count, h.of), f"{h.flows:,}") for h in happenings], sources.of(happenings))
    if warnings:
        print_table(console, "Events that make figures incomplete", ["Time (UTC)", "Severity", "What"],
               [(f"{w.time:%Y-%m-%d %H:%M:%S}", w.severity, printable(w.text)) for w in warnings], sources.probes_of(warnings))
    console.print()
    for what, path in files.items():
        console.print(line(what, printable(path)), highlight=False, soft_wrap=True)


def _print_traffic(console: Console, sources: Sources, classes: list[Traffic], protocols: list[Traffic], talkers: list[Traffic],
                   conversations: list[Conversation]) -> None:
    """What the IP counters tell."""
    whole = {(c.probe, c.flow_class): c.octets for c in classes}
    print_table(console, "Traffic per flow class", ["Class", "Flows>", "Packets>", "Octets>"],
                [(printable(c.flow_class), f"{c.flows:,}", f"{c.packets:,}", human_octets(c.octets)) for c in classes],
                sources.probes_of(classes))
    print_table(console, "Traffic per protocol", ["Protocol", "Flows>", "Packets>", "Octets>", "Share>"],
                [(protocol_name(p.part), f"{p.flows:,}", f"{p.packets:,}", human_octets(p.octets),
                  share(p.octets, whole.get((p.probe, p.flow_class), 0)))
                 for p in protocols], sources.of(protocols))
    print_table(console, "Top talkers (sent and received)", ["Address", "Flows>", "Packets>", "Octets>", "Share>"],
                [(printable(t.part), f"{t.flows:,}", f"{t.packets:,}", human_octets(t.octets),
                  share(t.octets, whole.get((t.probe, t.flow_class), 0)))
                 for t in talkers], sources.of(talkers))
    print_table(console, "Top conversations", ["Source", "Destination", "Service", "Packets →>", "←>", "Octets →>", "←>"],
                [(endpoint(c.src_addr, c.src_port), endpoint(c.dst_addr, c.dst_port), service(c), f"{c.packets:,}",
                  f"{c.packets_rev:,}", human_octets(c.octets), human_octets(c.octets_rev)) for c in conversations],
                sources.of(conversations))


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


def line(what: str, text: str) -> Any:
    """A heading and what it is."""
    from rich.text import Text

    return Text.assemble((f"{what:<14}", "bold"), text)
