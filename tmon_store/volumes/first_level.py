"""The first level: counters of flows summed up by the two hosts and their service, per hour or per day.

Three steps within one statement: every counter gets its flow's service (`_decided`); equal pairs of hosts and services are summed,
client first, so that both directions meet even where a class has a flow for each (`_summed`); the sums are placed in the
organisation and turned so that its own host comes first (`_placed`), which makes no two rows one.
"""

from __future__ import annotations

import sqlalchemy as sa

from tmon_store import tables
from tmon_store.schema import Table
from tmon_store.volumes.ends import ownness, relation
from tmon_store.volumes.expressions import Scope, choice, number, word
from tmon_store.volumes.known import ip_info, protocol_port
from tmon_store.volumes.schema import CLIENT, FTP_DATA_FLOW, PROBE, SERVER, VOLUMES
from tmon_store.volumes.service import rank_of, server_end, service_name

_WHO = ("start", "probe", "flow_class", "interface", "protocol", "service")
_COUNTS = ("octets", "octets_rev", "packets", "packets_rev")


def removals(source: str, scope: Scope) -> list[sa.Executable]:
    """What takes the volumes of a day from one source away."""
    return [_removal(table, source, scope) for table in VOLUMES.values()]


def statements(source: str, scope: Scope) -> list[sa.Executable]:
    """What replaces the volumes of a day, from one source."""
    made: list[sa.Executable] = []
    for granularity, table in VOLUMES.items():
        rows = _placed(source, _summed(_decided(source, granularity, scope)))
        made += [_removal(table, source, scope), sa.insert(tables.sql(table)).from_select(table.names, rows)]
    return made


def counted(source: str, granularity: str) -> sa.Select:
    """Counters of flows in the form of `ip_counters`: flow_key, start, octets, octets_rev, packets, packets_rev."""
    if source == PROBE:
        c = tables.rollup("ip_counters", granularity).c
        return sa.select(c.flow_key, c.start, *(c[f"{name}_sum"].label(name) for name in _COUNTS))
    c = tables.rollup("netflow", granularity).c
    nothing = number(0)
    return sa.select(c.flow_key, c.start, c.octets, nothing.label("octets_rev"), c.packets, nothing.label("packets_rev"))


def _removal(table: Table, source: str, scope: Scope) -> sa.Delete:
    c = tables.sql(table).c
    return sa.delete(tables.sql(table)).where(c.start >= scope.day, c.start < scope.next_day, c.source == word(source),
                                              _of_class(c.flow_class, scope))


def _of_class(column: sa.ColumnElement, scope: Scope) -> sa.ColumnElement:
    return sa.or_(scope.flow_class == word(""), column == scope.flow_class)


def _decided(source: str, granularity: str, scope: Scope) -> sa.Subquery:
    """Counters of the day with their flow and its service. forward: 1: the source comes first."""
    counters = counted(source, granularity)
    start = counters.selected_columns.start
    counters = counters.where(start >= scope.day, start < scope.next_day).subquery("counters")
    f, data = tables.flow.c, tables.sql(FTP_DATA_FLOW)
    src, dst = protocol_port.alias("src_known"), protocol_port.alias("dst_known")
    flows = sa.select(
        counters, f.probe, f.flow_class, f.interface, f.src_addr, f.dst_addr, f.protocol, f.src_port, f.dst_port, f.bidirectional,
        data.c.server_addr.label("ftp_server"),
        sa.func.coalesce(data.c.session_flow_key, counters.c.flow_key).label("counted_flow"),
        src.c.service.label("src_service"), dst.c.service.label("dst_service"),
        rank_of(f.src_port, src.c.precedence).label("src_rank"), rank_of(f.dst_port, dst.c.precedence).label("dst_rank"),
    ).select_from(
        counters.join(tables.flow, f.flow_key == counters.c.flow_key)
        .outerjoin(data, sa.and_(data.c.flow_key == counters.c.flow_key, data.c.start == scope.day))
        .outerjoin(src, sa.and_(src.c.protocol == f.protocol, src.c.port == f.src_port))
        .outerjoin(dst, sa.and_(dst.c.protocol == f.protocol, dst.c.port == f.dst_port)),
    ).where(f.flow_class.is_not(None), _of_class(f.flow_class, scope)).subquery("flows")
    ended = sa.select(flows, server_end(flows.c).label("server_end")).subquery("ended")
    e = ended.c
    forward = choice((e.server_end == word("dst"), number(1)), (e.server_end == word("src"), number(0)),
                     (e.src_addr > e.dst_addr, number(0)), otherwise=number(1))
    return sa.select(*(e[n] for n in _WHO if n != "service"), service_name(e).label("service"),
                     e.src_addr, e.dst_addr, e.counted_flow,
                     choice((e.server_end.is_not(None), number(1)), otherwise=number(0)).label("told"),
                     forward.label("forward"), *(e[n] for n in _COUNTS)).subquery("decided")


def _summed(decided: sa.Subquery) -> sa.Subquery:
    """One row for each pair of hosts and service. told: 1: `one` is the client, `other` the server."""
    d = decided.c
    forward = d.forward == number(1)

    def turned(there: str, back: str, name: str) -> sa.ColumnElement:
        return choice((forward, d[there]), otherwise=d[back]).label(name)

    rows = sa.select(
        *(d[n] for n in (*_WHO, "told", "counted_flow")),
        turned("src_addr", "dst_addr", "one"), turned("dst_addr", "src_addr", "other"),
        turned("octets", "octets_rev", "octets_out"), turned("octets_rev", "octets", "octets_in"),
        turned("packets", "packets_rev", "packets_out"), turned("packets_rev", "packets", "packets_in")).subquery("turned")
    r = rows.c
    group = [r[n] for n in (*_WHO, "told", "one", "other")]
    sums = [sa.func.sum(r[n]).label(n) for n in ("octets_out", "octets_in", "packets_out", "packets_in")]
    return sa.select(*group, *sums, sa.func.count(r.counted_flow.distinct()).label("flows")).group_by(*group).subquery("summed")


def _placed(source: str, summed: sa.Subquery) -> sa.Select:
    """Rows as they are kept."""
    s, one, other = summed.c, ip_info.alias("one_known"), ip_info.alias("other_known")
    swapped = ownness(one) < ownness(other)
    told = s.told == number(1)
    host_role = choice((~told, sa.null()), (swapped, word(SERVER)), otherwise=word(CLIENT))

    def by_end(host: sa.ColumnElement, peer: sa.ColumnElement) -> sa.ColumnElement:
        return choice((swapped, peer), otherwise=host)

    return sa.select(
        s.start, word(source), s.probe, s.flow_class, s.interface, by_end(s.one, s.other), by_end(s.other, s.one), host_role,
        s.protocol, s.service, *(by_end(one.c[n], other.c[n]) for n in ("activity", "location", "country")),
        *(by_end(other.c[n], one.c[n]) for n in ("activity", "location", "country")), relation(one, other),
        *(by_end(s[f"{unit}_{a}"], s[f"{unit}_{b}"]) for unit in ("octets", "packets") for a, b in (("out", "in"), ("in", "out"))),
        s.flows,
    ).select_from(summed.outerjoin(one, one.c.address == s.one).outerjoin(other, other.c.address == s.other))
