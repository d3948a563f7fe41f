"""What `trafmon show` and `trafmon analyse` tell of a whole database: answers of `tmon_store.questions`, and what is their own.

A packet counts in every flow class it belongs to, and at every probe that sees it: sums over classes or probes are never made
here, each answer is per probe and class.
"""

# ruff: noqa: S608  no part of a statement comes from outside; limits are integers

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tmon_store.present import has_table
from tmon_store.questions import traffic
from tmon_store.questions.errors import counted
from tmon_store.questions.question import Scope
from tmon_store.questions.signs import FRAGMENTS, SIGNS

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend


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


def whole(limit: int | None = None) -> Scope:
    """All that is held, from days."""
    scope = Scope(datetime.now(UTC).replace(tzinfo=None))
    return scope if limit is None else replace(scope, limit=limit)


def totals(store: Backend) -> Totals:
    """Flows and time span. The span is that of the IP counters, in whole minutes."""
    flows, probes = store.query("SELECT count(*), count(DISTINCT probe) FROM flow")[0]
    first, last = store.query("SELECT min(start), max(start) FROM ip_counters_1min")[0]
    return Totals(flows, probes, first, last)


def by_class(store: Backend) -> list[Traffic]:
    """Traffic of each probe and class, most octets first."""
    return [Traffic(p, c or "", flows, packets, octets) for p, c, flows, packets, octets in traffic.classes(store, whole())]


def by_protocol(store: Backend) -> list[Traffic]:
    """Traffic of each transport protocol (part: its number, None where flows do not hold it) per probe and class."""
    return [Traffic(p, c or "", flows, packets, octets, protocol)
            for p, c, protocol, flows, packets, octets in traffic.protocols(store, whole())]


def talkers(store: Backend, limit: int = 10) -> list[Traffic]:
    """Addresses (part) with most octets, sent and received together, per probe and class."""
    return [Traffic(p, c or "", flows, packets, octets, address)
            for p, c, address, flows, *_, packets, octets in traffic.talkers(store, whole(limit))]


def conversations(store: Backend, limit: int = 10) -> list[Conversation]:
    """Flows with most octets, both directions together; flows that differ by their number alone are one here."""
    what = ("probe", "flow_class", "interface", "src_addr", "dst_addr", "protocol", "src_port", "dst_port")
    return [Conversation(p, c or "", *rest[:-5], *rest[-4:], rest[-5])
            for _, p, c, *rest in traffic.conversations(store, whole(limit), what)]


_WORTH_A_LOOK = (FRAGMENTS, *(s for s in SIGNS if s.kind in ("tcp_counters", "icmp_counters")))


def happenings(store: Backend) -> list[Happening]:
    """Fragments, resets, zero windows, ICMP errors: those that occurred, per probe and class."""
    return [Happening(p, c or "", sign.text, count, flows, of) for sign in _WORTH_A_LOOK
            for p, c, count, of, flows in counted(store, sign, whole())]


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
