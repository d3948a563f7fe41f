"""Ready-made questions about round trips, TCP connections and FTP transfers, as those of `report`: per probe and class."""

# ruff: noqa: S608  no part of a statement comes from outside; limits are integers

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tmon_store.present import has_table
from tmon_store.questions.round_trips import HISTOGRAM, by_responder
from tmon_store.report import whole

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend


@dataclass(frozen=True)
class RoundTrips:
    """Of one metric with one server, both directions of flows together. Times in ns, None without an answer; median and p95 within
    2 %."""

    probe: str
    flow_class: str
    metric: str
    server: str
    population: int
    minimum: int | None
    mean: int | None
    median: int | None
    p95: int | None
    maximum: int | None
    unanswered: int
    errors: int


@dataclass(frozen=True)
class Ends:
    """TCP connections that ended in one way. octets, retransmitted: of both directions."""

    probe: str
    flow_class: str
    ended_by: str
    connections: int
    octets: int
    retransmitted: int


@dataclass(frozen=True)
class Transfer:
    """A transfer of FTP. start: UTC, microseconds; duration: ns."""

    probe: str
    flow_class: str
    start: datetime
    client: str
    server: str
    user: str | None
    command: str
    path: str | None
    octets: int | None
    duration: int | None
    outcome: str
    reply_code: int | None


def round_trips(store: Backend, limit: int = 10) -> list[RoundTrips]:
    """The metrics and servers with most round trips and unanswered requests."""
    if not has_table(store, f"{HISTOGRAM}_1day"):
        return []
    return [RoundTrips(p, c or "", *rest, low, mean, median, p95, high, unanswered, errors)
            for p, c, *rest, low, mean, median, p95, _, high, unanswered, errors in by_responder(store, whole(limit))]


def connections(store: Backend) -> list[Ends]:
    """TCP connections by how they ended; rows in between (interim) are left out."""
    if not has_table(store, "tcp_connection"):
        return []
    known = "coalesce(c.{0}, 0) + coalesce(c.{0}_rev, 0)"
    return [Ends(p, c or "", ended_by, int(n), int(octets), int(again)) for p, c, ended_by, n, octets, again in store.query(
        f"SELECT f.probe, f.flow_class, c.ended_by, count(*), sum({known.format('octets')}),"
        f" sum({known.format('retransmitted_octets')})"
        " FROM tcp_connection c JOIN flow f ON f.flow_key = c.flow_key"
        " WHERE c.ended_by <> 'interim' GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3")]


def transfers(store: Backend, limit: int = 10) -> list[Transfer]:
    """The largest transfers of FTP, in order of time."""
    if not has_table(store, "ftp_transfer"):
        return []
    found = store.query(
        "SELECT f.probe, f.flow_class, c.start, c.client_addr, c.server_addr, c.user, c.command, c.path, c.octets, c.duration,"
        " c.outcome, c.reply_code FROM ftp_transfer c JOIN flow f ON f.flow_key = c.flow_key"
        f" ORDER BY coalesce(c.octets, 0) DESC, c.start, 1, 2, c.transfer LIMIT {int(limit)}")
    return sorted((Transfer(p, c or "", *rest) for p, c, *rest in found), key=lambda t: t.start)
