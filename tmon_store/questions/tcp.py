"""Trouble of TCP: what is repeated, reset, or stands still. From single connections, and from counters of segments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_store import tables
from tmon_store.questions.percentiles import mean
from tmon_store.questions.pieces import (
    CLASS,
    DESCRIPTION,
    FLOW_COLUMNS,
    PROBE,
    described,
    listed,
    number,
    of_flow,
    per_flow,
    within,
)
from tmon_store.questions.question import ALL, Column, Form, Question

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend
    from tmon_store.questions.question import Scope

COUNTERS, CONNECTION = "tcp_counters", "tcp_connection"
_COUNTED = ("segments", "data_segments", "rst", "zero_windows", "ece")
_SERVER = ("probe", "flow_class", "server_addr", "server_port")


def trouble(store: Backend, scope: Scope) -> list[tuple]:
    """Servers by the octets that their connections had to repeat. Rows of connections that go on are left out."""
    c, f = tables.record(CONNECTION).c, tables.flow.c

    def both(name: str) -> sa.ColumnElement:
        return sa.func.sum(sa.func.coalesce(c[name], number(0)) + sa.func.coalesce(c[f"{name}_rev"], number(0))).label(name)

    def ended(how: str) -> sa.ColumnElement:
        return sa.func.sum(sa.case((c.ended_by == sa.literal_column(f"'{how}'"), number(1)), else_=number(0))).label(how)

    group = (f.probe, f.flow_class, c.server_addr, c.server_port)
    asked = sa.select(
        *group, sa.func.count().label("connections"), ended("rst"), ended("timeout"), both("octets"), both("segments"),
        both("retransmitted_octets"), both("retransmitted_segments"), both("out_of_order_segments"), both("duplicate_acks"),
        both("zero_windows"), both("zero_window_time"),
        sa.func.sum(sa.case((c.syn_segments > number(1), c.syn_segments - number(1)), else_=number(0))).label("syn_repeated"),
        *(aggregate(c.handshake_server_rtt).label(name) for name, aggregate in (
            ("handshakes", sa.func.count), ("handshake_sum", sa.func.sum), ("handshake_longest", sa.func.max))))
    asked = asked.join_from(tables.record(CONNECTION), tables.flow, f.flow_key == c.flow_key).where(
        *within(c.start, scope), *of_flow(scope, ends=(c.client_addr, c.server_addr)), c.ended_by != "interim")
    sums = asked.group_by(*group).subquery("servers")
    s = sums.c
    names = ["connections", "rst", "timeout", "octets", "retransmitted_octets", "segments", "retransmitted_segments",
             "out_of_order_segments", "duplicate_acks", "zero_windows", "zero_window_time", "syn_repeated", "handshakes",
             "handshake_sum", "handshake_longest"]
    rows = []
    for *row, again, segments, repeated, late, acks, windows, closed, syn, handshakes, total, longest in store.query(listed(
            sums, [*_SERVER, *names], [s.retransmitted_octets.desc(), s.rst.desc(), s.connections.desc()], scope, _SERVER)):
        octets = row[-1]
        rows.append((*row, again, again / octets if octets else None, repeated, segments, late, acks, windows, closed, syn,
                     mean(total, handshakes) if handshakes else None, longest))
    return rows


def resets(store: Backend, scope: Scope) -> list[tuple]:
    """Flows with resets, closed windows and congestion echoes, by how many these are."""
    c = tables.rollup(COUNTERS, scope.span.granularity).c
    flows = per_flow(scope, COUNTERS, {n: sa.func.sum(c[f"{n}_sum"] + c[f"{n}_rev_sum"]) for n in _COUNTED})
    found = described(flows, {n: sa.func.sum(flows.c[n]) for n in _COUNTED})
    d = found.c
    signs = d.rst + d.zero_windows + d.ece
    return store.query(listed(found, ["flow", *DESCRIPTION, *_COUNTED], [signs.desc(), d.segments.desc()], scope, DESCRIPTION)
                       .where(signs > number(0)))


QUESTIONS = (
    Question(
        "tcp-trouble", "TCP trouble", "Servers whose connections repeated most: retransmissions, resets, closed windows, repeated "
        "SYNs, handshakes. Both directions together. Connections count that began in the time asked for and have ended.",
        (PROBE, CLASS, Column("server_addr", Form.TEXT, "server", "Server"), Column("server_port", Form.NUMBER, "its port", "Port"),
         Column("connections", Form.COUNT, "connections that ended", "Conn."),
         Column("reset", Form.COUNT, "of these, by RST", "Reset"),
         Column("timed_out", Form.COUNT, "of these, idle to the end", "Idle"),
         Column("octets", Form.OCTETS, "payload, repeated octets included", "Octets"),
         Column("retransmitted_octets", Form.OCTETS, "octets that had been seen before", "Repeated"),
         Column("retransmitted_share", Form.SHARE, "of the octets", "Share"),
         Column("retransmitted_segments", Form.COUNT, "segments with such octets", "Segments rep."),
         Column("segments", Form.COUNT, "segments", "Segments"),
         Column("out_of_order_segments", Form.COUNT, "segments that others had overtaken", "Late"),
         Column("duplicate_acks", Form.COUNT, "acknowledgements that tell of a gap", "Dup. ACKs"),
         Column("zero_windows", Form.COUNT, "times that a window was closed", "Closed w."),
         Column("zero_window_ns", Form.DURATION, "how long in all", "for"),
         Column("syn_repeated", Form.COUNT, "SYNs of clients beyond the first", "SYN rep."),
         Column("handshake_mean_ns", Form.DURATION, "SYN to SYN-ACK, mean", "Handshake"),
         Column("handshake_maximum_ns", Form.DURATION, "SYN to SYN-ACK, longest", "Max")), trouble, (CONNECTION,), ALL),
    Question(
        "tcp-resets", "TCP flows with resets, closed windows or congestion echoes", "Flows by the number of such segments, from "
        "the counters: without single connections.",
        (*FLOW_COLUMNS, Column("segments", Form.COUNT, "segments of both directions", "Segments"),
         Column("data_segments", Form.COUNT, "with payload", "With data"), Column("rst", Form.COUNT, "with RST", "Resets"),
         Column("zero_windows", Form.COUNT, "that advertise a window of zero", "Closed w."),
         Column("ece", Form.COUNT, "with ECE: congestion experienced", "ECE")), resets, (COUNTERS,)),
)
