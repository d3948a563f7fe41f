"""Traffic by service: the port that is one, by the table of known ports, as in the volumes of days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_store import protocol_port as known_ports
from tmon_store import tables
from tmon_store.questions.pieces import CLASS, PROBE, listed, per_flow, with_flow
from tmon_store.questions.question import Column, Form, Question
from tmon_store.volumes.known import protocol_port
from tmon_store.volumes.service import rank_of, server_end, service_name

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend
    from tmon_store.questions.question import Scope

KIND, PORTS = "ip_counters", "protocol_port"
_KEY = ("probe", "flow_class", "service")
_ENDS = ("probe", "flow_class", "protocol", "src_port", "dst_port", "bidirectional")


def services(store: Backend, scope: Scope) -> list[tuple]:
    """Each service: flows are put together by their ports, then by what these are."""
    c, f = tables.rollup(KIND, scope.span.granularity).c, tables.flow.c
    flows = per_flow(scope, KIND, {n: sa.func.sum(c[f"{n}_sum"] + c[f"{n}_rev_sum"]) for n in ("packets", "octets")})
    ends = [f[n] for n in _ENDS]
    sums = [sa.func.count().label("flows"), *(sa.func.sum(flows.c[n]).label(n) for n in ("packets", "octets"))]
    ports = with_flow(flows, *ends, *sums)
    named = _named(ports.group_by(*ends).subquery("ports"), _known(scope)).c
    key = [named[n] for n in _KEY]
    sums = sa.select(*key, *(sa.func.sum(named[n]).label(n) for n in ("flows", "packets", "octets"))).group_by(*key)
    rows = sums.subquery("services")
    order = [rows.c.octets.desc(), rows.c.packets.desc()]
    return store.query(listed(rows, [*_KEY, "flows", "packets", "octets"], order, scope, _KEY))


def _named(ports: sa.Subquery, known: sa.FromClause) -> sa.Subquery:
    """Rows with the name of their service."""
    src, dst, p = known.alias("src_known"), known.alias("dst_known"), ports.c
    nobody = sa.literal_column("NULL", sa.String())  # data of FTP is found by the volumes only
    ranked = sa.select(
        ports, *(nobody.label(n) for n in ("src_addr", "dst_addr", "ftp_server")), src.c.service.label("src_service"),
        dst.c.service.label("dst_service"), rank_of(p.src_port, src.c.precedence).label("src_rank"),
        rank_of(p.dst_port, dst.c.precedence).label("dst_rank"),
    ).select_from(ports.outerjoin(src, sa.and_(src.c.protocol == p.protocol, src.c.port == p.src_port))
                  .outerjoin(dst, sa.and_(dst.c.protocol == p.protocol, dst.c.port == p.dst_port))).subquery("ranked")
    ended = sa.select(ranked, server_end(ranked.c).label("server_end")).subquery("ended")
    e = ended.c
    return sa.select(e.probe, e.flow_class, service_name(e).label("service"), e.flows, e.packets, e.octets).subquery("named")


def _known(scope: Scope) -> sa.FromClause:
    """The table of known ports; where the database has none yet, what it would hold."""
    if PORTS in scope.present:
        return protocol_port
    first, *others = (f"SELECT {protocol} {{}}, {port} {{}}, '{service}' {{}}, {precedence} {{}}"
                      for protocol, port, service, precedence in known_ports.rows())
    names = [f"AS {column.name}" for column in protocol_port.c]
    rows = " UNION ALL ".join([first.format(*names), *(row.format("", "", "", "") for row in others)])
    return sa.text(rows).columns(*(sa.column(c.name, c.type) for c in protocol_port.c)).subquery("known")


QUESTIONS = (
    Question(
        "services", "Traffic of services", "How much of each service: the name of the port that is known, or `tcp/8081`; of "
        "protocols without ports their own name. Data connections of FTP stand under their ports here, under `ftp` in the volumes.",
        (PROBE, CLASS, Column("service", Form.TEXT, "service", "Service"),
         Column("flows", Form.COUNT, "flows, as probes numbered them", "Flows"),
         Column("packets", Form.COUNT, "IP packets of both directions", "Packets"),
         Column("octets", Form.OCTETS, "octets of both directions", "Octets")), services, (KIND, PORTS), partly=True),
)
