"""Ready-made questions to the database. SQL that every backend understands; both directions of a flow are summed where it says so.

A packet counts in every flow class it belongs to, and at every probe that sees it: sums over classes or probes are never made
here, each answer is per probe and class.
"""

# ruff: noqa: S608  no part of a statement comes from outside; limits are integers

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tmon_store.present import has_table

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

_BOTH = "sum(c.packets_sum + c.packets_rev_sum), sum(c.octets_sum + c.octets_rev_sum)"
_JOIN = "FROM ip_counters_1day c JOIN flow f ON f.flow_key = c.flow_key"


@dataclass(frozen=True)
class Totals:
    """Of the whole database. first, last: start of the first and of the last minute with traffic, UTC; None without any."""

    flows: int
    probes: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True)
class Traffic:
    """IP traffic of one (probe, flow class) or a part of it; both directions together. part: protocol number, or address."""

    probe: str
    flow_class: str
    flows: int
    packets: int
    octets: int
    part: int | str | None = None


@dataclass(frozen=True)
class Conversation:
    """Flows of one description, over the whole time. *_rev: from destination to source; flows: how many were numbered."""

    probe: str
    flow_class: str
    interface: str | None
    src_addr: str | None
    dst_addr: str | None
    protocol: int | None
    src_port: int | None
    dst_port: int | None
    packets: int
    packets_rev: int
    octets: int
    octets_rev: int
    flows: int


@dataclass(frozen=True)
class Happening:
    """Something worth a look: how often it was counted, in how many flows. of: what that is a part of (segments, messages)."""

    probe: str
    flow_class: str
    what: str
    count: int
    flows: int
    of: int


def totals(store: Backend) -> Totals:
    """Flows and time span. The span is that of the IP counters, in whole minutes."""
    flows, probes = store.query("SELECT count(*), count(DISTINCT probe) FROM flow")[0]
    first, last = store.query("SELECT min(start), max(start) FROM ip_counters_1min")[0]
    return Totals(flows, probes, first, last)


def by_class(store: Backend) -> list[Traffic]:
    """Traffic of each probe and class, most octets first."""
    return _traffic(store, "f.probe, f.flow_class", "NULL")


def by_protocol(store: Backend) -> list[Traffic]:
    """Traffic of each transport protocol (part: its number, None where flows do not hold it) per probe and class."""
    return _traffic(store, "f.probe, f.flow_class, f.protocol", "f.protocol")


def _traffic(store: Backend, group: str, part: str) -> list[Traffic]:
    return [Traffic(p, c or "", int(flows), int(packets), int(octets), part)
            for p, c, flows, packets, octets, part in store.query(
                f"SELECT f.probe, f.flow_class, count(DISTINCT f.flow_key), {_BOTH}, {part} {_JOIN} GROUP BY {group}"
                f" ORDER BY 5 DESC, 4 DESC, {group}")]


def talkers(store: Backend, limit: int = 10) -> list[Traffic]:
    """Addresses (part) with most octets, sent and received together, per probe and class."""
    ends = " UNION ALL ".join(
        f"SELECT f.probe, f.flow_class, f.{end}_addr AS addr, f.flow_key, c.packets_sum + c.packets_rev_sum AS packets,"
        f" c.octets_sum + c.octets_rev_sum AS octets {_JOIN} WHERE f.{end}_addr IS NOT NULL{but}"
        for end, but in (("src", ""), ("dst", " AND (f.src_addr IS NULL OR f.src_addr <> f.dst_addr)")))
    return [Traffic(p, c or "", int(flows), int(packets), int(octets), addr)
            for p, c, addr, flows, packets, octets in store.query(
                "SELECT probe, flow_class, addr, count(DISTINCT flow_key), sum(packets), sum(octets)"
                f" FROM ({ends}) t GROUP BY probe, flow_class, addr"
                f" ORDER BY 6 DESC, 5 DESC, addr, probe, flow_class LIMIT {int(limit)}")]


def conversations(store: Backend, limit: int = 10) -> list[Conversation]:
    """Flows with most octets, both directions together; flows that differ by their number alone are one here."""
    description = "f.probe, f.flow_class, f.interface, f.src_addr, f.dst_addr, f.protocol, f.src_port, f.dst_port"
    return [Conversation(p, c or "", interface, src, dst, protocol, sport, dport, *map(int, counts))
            for p, c, interface, src, dst, protocol, sport, dport, *counts in store.query(
                f"SELECT {description}, sum(c.packets_sum), sum(c.packets_rev_sum), sum(c.octets_sum), sum(c.octets_rev_sum),"
                f" count(DISTINCT f.flow_key) {_JOIN} GROUP BY {description}"
                f" ORDER BY sum(c.octets_sum) + sum(c.octets_rev_sum) DESC, {description} LIMIT {int(limit)}")]


_HAPPENINGS = (
    ("ip_counters", "packets", "fragments", "IP fragments"),
    ("tcp_counters", "segments", "rst", "TCP resets"),
    ("tcp_counters", "segments", "zero_windows", "TCP zero windows"),
    ("tcp_counters", "segments", "ece", "TCP congestion echoes (ECE)"),
    ("icmp_counters", "messages", "destination_unreachable", "ICMP destination unreachable"),
    ("icmp_counters", "messages", "packet_too_big", "ICMP packet too big"),
    ("icmp_counters", "messages", "time_exceeded", "ICMP time exceeded"),
    ("icmp_counters", "messages", "parameter_problem", "ICMP parameter problem"),
    ("icmp_counters", "messages", "redirect", "ICMP redirect"),
)
"""(kind, column of all, column, text) of what `happenings` tells."""


def happenings(store: Backend) -> list[Happening]:
    """Fragments, resets, zero windows, ICMP errors: those that occurred, per probe and class."""
    found = []
    for kind, whole, column, text in _HAPPENINGS:
        count = f"c.{column}_sum + c.{column}_rev_sum"
        rows = store.query(
            f"SELECT f.probe, f.flow_class, sum({count}), count(DISTINCT CASE WHEN {count} > 0 THEN f.flow_key END),"
            f" sum(c.{whole}_sum + c.{whole}_rev_sum) FROM {kind}_1day c JOIN flow f ON f.flow_key = c.flow_key"
            f" GROUP BY f.probe, f.flow_class HAVING sum({count}) > 0 ORDER BY 1, 2")
        found += [Happening(p, c or "", text, int(n), int(flows), int(of)) for p, c, n, flows, of in rows]
    return found


@dataclass(frozen=True)
class Told:
    """An event, see docs/events.md. time: UTC, whole microseconds."""

    probe: str
    time: datetime
    severity: str
    text: str


def warnings(store: Backend, limit: int = 10) -> list[Told]:
    """The latest events of severity warning and error, in order. A database loaded before there were events has none."""
    if not has_table(store, "event"):
        return []
    found = store.query("SELECT probe, time, severity, text FROM event WHERE severity <> 'info'"
                        f" ORDER BY time DESC, probe, text LIMIT {int(limit)}")
    return [Told(*row) for row in reversed(found)]
