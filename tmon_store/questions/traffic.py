"""Who talks to whom, how much, with what, when: from the counters of IP packets. Octets are those of IP, headers included.

A packet counts in every flow class that it belongs to, and at every probe that sees it: nothing is summed over classes or probes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_store import tables
from tmon_store.questions.pieces import (
    CLASS,
    DESCRIPTION,
    FLOW_COLUMNS,
    PROBE,
    described,
    in_order,
    listed,
    number,
    of_flow,
    per_flow,
    with_flow,
    within,
)
from tmon_store.questions.question import ALL, Column, Form, Question

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend
    from tmon_store.questions.question import Scope

KIND = "ip_counters"
_FLOWS = Column("flows", Form.COUNT, "flows, as probes numbered them", "Flows")
_PACKETS = Column("packets", Form.COUNT, "IP packets of both directions", "Packets")
_OCTETS = Column("octets", Form.OCTETS, "octets of both directions", "Octets")
_NAMES = ("packets", "packets_rev", "octets", "octets_rev")


def _counters(scope: Scope) -> sa.Subquery:
    """flow_key, packets, packets_rev, octets, octets_rev."""
    c = tables.rollup(KIND, scope.span.granularity).c
    return per_flow(scope, KIND, {name: sa.func.sum(c[f"{name}_sum"]) for name in _NAMES})


def _both(rows: sa.FromClause) -> dict[str, sa.ColumnElement]:
    """Aggregates over flows."""
    c = rows.c
    return {"flows": sa.func.count(), "packets": sa.func.sum(c.packets + c.packets_rev),
            "octets": sa.func.sum(c.octets + c.octets_rev)}


def _grouped(store: Backend, scope: Scope, names: tuple[str, ...]) -> list[tuple]:
    rows = _counters(scope)
    group = [tables.flow.c[name] for name in names]
    sums = with_flow(rows, *group, *(v.label(n) for n, v in _both(rows).items())).group_by(*group).subquery("grouped")
    return store.query(listed(sums, [*names, *_both(rows)], [sums.c.octets.desc(), sums.c.packets.desc()], scope, names))


def classes(store: Backend, scope: Scope) -> list[tuple]:
    """Each probe and class."""
    return _grouped(store, scope, ("probe", "flow_class"))


def protocols(store: Backend, scope: Scope) -> list[tuple]:
    """Each transport protocol."""
    return _grouped(store, scope, ("probe", "flow_class", "protocol"))


def talkers(store: Backend, scope: Scope) -> list[tuple]:
    """Each address at either end: every flow stands there twice, but for one from an address to itself."""
    counters, f = _counters(scope), tables.flow.c
    flows = with_flow(counters, f.probe, f.flow_class, f.src_addr, f.dst_addr, *(counters.c[n] for n in _NAMES)).subquery("flows")
    either = sa.union_all(sa.select(number(1).label("source")), sa.select(number(0))).subquery("ends")
    c, of_source = flows.c, either.c.source == number(1)
    itself = c.src_addr.is_not_distinct_from(c.dst_addr)
    ends = sa.select(
        c.probe, c.flow_class, sa.case((of_source, c.src_addr), else_=c.dst_addr).label("address"),
        *(sa.case((itself, c[name] + c[f"{name}_rev"]), (of_source == (way == "sent"), c[name]), else_=c[f"{name}_rev"])
          .label(f"{name}_{way}") for way in ("sent", "received") for name in ("packets", "octets")),
        (c.packets + c.packets_rev).label("packets"), (c.octets + c.octets_rev).label("octets"),
    ).join_from(flows, either, sa.or_(of_source, sa.not_(itself))).subquery("each")
    e = ends.c
    key, counts = ("probe", "flow_class", "address"), ("packets_sent", "octets_sent", "packets_received", "octets_received")
    sums = sa.select(*(e[n] for n in key), sa.func.count().label("flows"),
                     *(sa.func.sum(e[n]).label(n) for n in (*counts, "packets", "octets")))
    wanted = [e.address.in_(scope.addresses)] if scope.addresses else []
    sums = sums.where(e.address.is_not(None), *wanted).group_by(*(e[n] for n in key)).subquery("talkers")
    s = sums.c
    return store.query(listed(sums, [*key, "flows", *counts, "octets"], [s.octets.desc(), s.packets.desc()], scope,
                              ("address", "probe", "flow_class")))


def conversations(store: Backend, scope: Scope) -> list[tuple]:
    """Each description of flows."""
    rows = _counters(scope)
    found = described(rows, {"flows": sa.func.count(), **{n: sa.func.sum(rows.c[n]) for n in _NAMES}})
    c = found.c
    return store.query(listed(found, ["flow", *DESCRIPTION, "flows", *_NAMES],
                              [(c.octets + c.octets_rev).desc(), (c.packets + c.packets_rev).desc()], scope, DESCRIPTION))


def traffic(store: Backend, scope: Scope) -> list[tuple]:
    """Each interval, probe and class."""
    rollup, f = tables.rollup(KIND, scope.span.granularity), tables.flow.c
    c, group = rollup.c, (rollup.c.start, f.probe, f.flow_class)
    asked = sa.select(*group, sa.func.count(f.flow_key.distinct()).label("flows"),
                      *(sa.func.sum(c[f"{name}_sum"]).label(name) for name in _NAMES))
    asked = asked.join_from(rollup, tables.flow, f.flow_key == c.flow_key).where(*within(c.start, scope), *of_flow(scope))
    rows = store.query(asked.group_by(*group).order_by(*in_order(group)).limit(scope.limit))
    seconds = int(scope.span.step.total_seconds())
    return [(*row, (row[-2] + row[-1]) * 8 // seconds) for row in rows]


QUESTIONS = (
    Question(
        "classes", "Traffic of flow classes", "How much each probe saw of each flow class.",
        (PROBE, CLASS, _FLOWS, _PACKETS, _OCTETS), classes, (KIND,), limit=None),
    Question(
        "protocols", "Traffic of transport protocols", "How much of each transport protocol; empty where flows of the class do not "
        "hold it.",
        (PROBE, CLASS, Column("protocol", Form.PROTOCOL, "transport protocol", "Protocol"), _FLOWS, _PACKETS, _OCTETS), protocols,
        (KIND,)),
    Question(
        "talkers", "Top talkers", "The addresses that sent and received most octets.",
        (PROBE, CLASS, Column("address", Form.TEXT, "address", "Address"), _FLOWS,
         Column("packets_sent", Form.COUNT, "packets that it sent", "Packets sent"),
         Column("octets_sent", Form.OCTETS, "octets that it sent", "Octets sent"),
         Column("packets_received", Form.COUNT, "packets that it received", "Received"),
         Column("octets_received", Form.OCTETS, "octets that it received", "Received"),
         Column("octets", Form.OCTETS, "octets of all its flows; of those with itself, once", "Octets")), talkers, (KIND,)),
    Question(
        "conversations", "Top conversations", "The flows with most octets, both directions together; flows that differ by their "
        "number alone are one here.",
        (*FLOW_COLUMNS, _FLOWS, Column("packets", Form.COUNT, "packets from source to destination", "Packets →"),
         Column("packets_rev", Form.COUNT, "and back", "←"),
         Column("octets", Form.OCTETS, "octets from source to destination", "Octets →"),
         Column("octets_rev", Form.OCTETS, "and back", "←")), conversations, (KIND,)),
    Question(
        "traffic", "Traffic over time", "Packets, octets and rate in each interval, by probe and class. Intervals without a packet "
        "have no row.",
        (Column("start", Form.TIME, "start of the interval, UTC", "Start (UTC)"), PROBE, CLASS, _FLOWS,
         Column("packets", Form.COUNT, "packets from source to destination", "Packets →"),
         Column("packets_rev", Form.COUNT, "and back", "←"),
         Column("octets", Form.OCTETS, "octets from source to destination", "Octets →"),
         Column("octets_rev", Form.OCTETS, "and back", "←"),
         Column("bit_rate", Form.RATE, "of both directions, over the whole interval", "Rate")), traffic, (KIND,),
        ALL | {"by"}, course=True, limit=None),
)
