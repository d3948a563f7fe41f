"""One flow over time: what it moved, how quickly it was answered, and every kind of error, interval by interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_store import tables
from tmon_store.questions.percentiles import percentile_buckets, percentile_ns
from tmon_store.questions.pieces import number, of_flow, within
from tmon_store.questions.question import MAX_ROWS, Column, Form, Question
from tmon_store.questions.span import floor

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend
    from tmon_store.questions.question import Scope

_ICMP = ("destination_unreachable", "packet_too_big", "time_exceeded", "parameter_problem", "redirect", "source_quench")
_FTP = ("logins_refused", *(f"{what}_{how}" for what in ("retrievals", "stores", "listings")
                            for how in ("aborted", "refused", "failed")))
COUNTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "packets": ("ip_counters", ("packets_sum",)),
    "packets_rev": ("ip_counters", ("packets_rev_sum",)),
    "octets": ("ip_counters", ("octets_sum",)),
    "octets_rev": ("ip_counters", ("octets_rev_sum",)),
    "tcp_resets": ("tcp_counters", ("rst_sum", "rst_rev_sum")),
    "tcp_zero_windows": ("tcp_counters", ("zero_windows_sum", "zero_windows_rev_sum")),
    "icmp_errors": ("icmp_counters", tuple(f"{name}{way}_sum" for name in _ICMP for way in ("", "_rev"))),
    "ftp_errors": ("ftp_counters", tuple(f"{name}_sum" for name in _FTP)),
    "round_trips": ("round_trip_histogram", ("population", "population_rev")),
    "unanswered": ("round_trip_histogram", ("unanswered", "unanswered_rev")),
    "error_answers": ("round_trip_histogram", ("errors", "errors_rev")),
    "followed": ("one_way_counters", ("packets",)),
    "lost": ("one_way_counters", ("lost",)),
    "dropped": ("one_way_counters", ("dropped",)),
    "reordered": ("one_way_counters", ("reordered",)),
}
"""Column of the answer: counted kind, and which of its columns are added up."""
BUCKET, CONNECTION = "round_trip_bucket", "tcp_connection"
KINDS = (*dict.fromkeys(kind for kind, _ in COUNTS.values()), BUCKET, CONNECTION)


def story(store: Backend, scope: Scope) -> list[tuple]:
    """A row for each interval in which anything was counted."""
    counts: dict[datetime, dict[str, int]] = defaultdict(dict)
    for kind in KINDS:
        if kind in scope.present and kind not in (BUCKET, CONNECTION):
            for start, values in _counted(store, scope, kind):
                counts[start] |= values
    if CONNECTION in scope.present:
        for start, octets in _repeated(store, scope):
            row = counts[floor(start, scope.span.step)]
            row["retransmitted_octets"] = row.get("retransmitted_octets", 0) + octets
    trips = {start: found for start, *found in _trips(store, scope)} if BUCKET in scope.present else {}
    names = [c.name for c in _COLUMNS[1:]]
    rows = []
    for start in sorted(counts)[:scope.limit]:
        times = dict(zip(("p50_ns", "p95_ns"), trips.get(start, (None, None)), strict=True))
        rows.append((start, *(times[n] if n in times else counts[start].get(n, 0) for n in names)))
    return rows


def _counted(store: Backend, scope: Scope, kind: str) -> Iterator[tuple[datetime, dict[str, int]]]:
    c = tables.rollup(kind, scope.span.granularity).c
    names = [name for name, (of, _) in COUNTS.items() if of == kind]
    sums = [sa.func.sum(sum((c[n] for n in COUNTS[name][1][1:]), c[COUNTS[name][1][0]])) for name in names]
    for start, *values in store.query(sa.select(c.start, *sums).where(*_of_flow(c, scope)).group_by(c.start)):
        yield start, dict(zip(names, values, strict=True))


def _repeated(store: Backend, scope: Scope) -> list[tuple[datetime, int]]:
    """Of each connection: when it began, octets that were sent again."""
    c = tables.record(CONNECTION).c
    again = sum((sa.func.coalesce(c[n], number(0)) for n in ("retransmitted_octets", "retransmitted_octets_rev")), number(0))
    asked = sa.select(c.start, again).where(*_of_flow(c, scope), c.ended_by != "interim", again > number(0))
    return store.query(asked.limit(MAX_ROWS))


def _trips(store: Backend, scope: Scope) -> Iterator[tuple]:
    """start, median, 95th percentile of all metrics, ns."""
    c = tables.rollup(BUCKET, scope.span.granularity).c
    counts = sa.select(c.start, c.bucket, sa.func.sum(c["count"] + c.count_rev).label("count"))
    counts = counts.where(*_of_flow(c, scope)).group_by(c.start, c.bucket).subquery("counts")
    marks = percentile_buckets(counts, ("start",), (50, 95))
    for start, *buckets in store.query(sa.select(*marks.c)):
        yield start, *(percentile_ns(bucket, 0, (1 << 63) - 1) for bucket in buckets)


def _of_flow(c: sa.ColumnCollection, scope: Scope) -> list[sa.ColumnElement]:
    return [*within(c.start, scope), c.flow_key.in_(sa.select(tables.flow.c.flow_key).where(*of_flow(scope)))]


_COLUMNS = (
    Column("start", Form.TIME, "start of the interval, UTC", "Start (UTC)"),
    Column("packets", Form.COUNT, "packets from source to destination", "Packets →"),
    Column("packets_rev", Form.COUNT, "and back", "←"),
    Column("octets", Form.OCTETS, "octets from source to destination", "Octets →"),
    Column("octets_rev", Form.OCTETS, "and back", "←"),
    Column("round_trips", Form.COUNT, "round trips of all metrics", "Round trips"),
    Column("p50_ns", Form.DURATION, "their median, within 2 %", "Median"),
    Column("p95_ns", Form.DURATION, "95 % take no longer, within 2 %", "p95"),
    Column("unanswered", Form.COUNT, "requests without an answer", "Unanswered"),
    Column("error_answers", Form.COUNT, "answers with an error code", "Error answers"),
    Column("retransmitted_octets", Form.OCTETS, "octets repeated by TCP connections that began in the interval", "Repeated"),
    Column("tcp_resets", Form.COUNT, "segments with RST", "Resets"),
    Column("tcp_zero_windows", Form.COUNT, "segments that advertise a window of zero", "Zero windows"),
    Column("icmp_errors", Form.COUNT, "ICMP errors and redirects about it", "ICMP errors"),
    Column("ftp_errors", Form.COUNT, "logins and transfers of FTP refused, aborted, failed", "FTP errors"),
    Column("followed", Form.COUNT, "packets followed by one-way measurement", "Followed"),
    Column("lost", Form.COUNT, "of these, lost", "Lost"),
    Column("dropped", Form.COUNT, "of these, dropped: nobody knows", "Dropped"),
    Column("reordered", Form.COUNT, "of these, overtaken", "Reordered"),
)
QUESTIONS = (
    Question(
        "story", "A flow over time", "One flow (`--flow`, the number that other answers give), interval by interval; flows that "
        "are the same but for their number are one. Intervals without anything have no row.", _COLUMNS, story, KINDS, course=True,
        limit=None, partly=True, needs_flow=True),
)
