"""Which flows carried the data of FTP transfers on a day.

A passive data connection goes from one high port to another; only who has read the dialogue of the control connection knows what it
is. A transfer tells where its data connection was to go (`data_port` of client or server), between which hosts, and from when to
when. The flow of a class that goes there, and was first seen in that time, is it, at any probe and from any exporter.
"""

from __future__ import annotations

import sqlalchemy as sa

from tmon_store.tables import flow, record, sql
from tmon_store.volumes.expressions import Scope, choice, earlier, later
from tmon_store.volumes.schema import FTP_DATA_FLOW

SLACK_S = 60
"""A data connection may be opened before the command, and another's clock may differ, by so much."""
MAX_TRANSFER_DAYS = 7
"""Transfers that last longer are not looked for in the days after these."""
_FIRST_FREE_PORT = 1024
_TCP = 6
_PASSIVE = ("passive", "extended_passive", "long_passive")


def statements(scope: Scope) -> list[sa.Executable]:
    """What replaces the rows of a day in `ftp_data_flow`, for all flow classes."""
    table = sql(FTP_DATA_FLOW)
    return [sa.delete(table).where(table.c.start == scope.day), sa.insert(table).from_select(FTP_DATA_FLOW.names, _found(scope))]


def _found(scope: Scope) -> sa.Select:
    """One row for each flow: of several transfers that it may belong to, the first."""
    ends = _data_ends(scope).subquery("ends")
    matches = sa.union_all(*(_flows_at(ends, to, frm) for to, frm in (("dst", "src"), ("src", "dst")))).subquery("matches")
    m = matches.c
    order = sa.func.row_number().over(partition_by=m.flow_key, order_by=(m.start, m.session, m.transfer, m.client_port))
    first = sa.select(matches, order.label("nth")).subquery("first_match")
    f = first.c
    sessions = sa.union_all(*(_control_flows(first, to, frm) for to, frm in (("dst", "src"), ("src", "dst")))).subquery("sessions")
    s = sessions.c
    newest = sa.select(s.data_key, s.session_key, sa.func.row_number().over(
        partition_by=s.data_key, order_by=(s.first_seen.desc(), s.session_key.desc())).label("nth")).subquery("newest")
    return (sa.select(scope.day.label("day"), f.flow_key, newest.c.session_key, f.server_addr, f.server_port)
            .select_from(first.outerjoin(newest, sa.and_(newest.c.data_key == f.flow_key, newest.c.nth == 1))).where(f.nth == 1))


def _data_ends(scope: Scope) -> sa.Select:
    """Transfers around the day: the end of the data connection whose address and port are known, and the host at the other.

    Without an announcement the connection comes from the server's data port (RFC 959 section 3.3).
    """
    t = record("ftp_transfer").c
    day, next_day = (sa.cast(time, sa.DateTime()) for time in (scope.day, scope.next_day))
    at_server = sa.or_(t.data_port.is_(None), t.mode.in_([sa.literal_column(f"'{mode}'") for mode in _PASSIVE]))
    return sa.select(
        choice((at_server, t.server_addr), otherwise=t.client_addr).label("listener"),
        choice((t.data_port.is_(None), t.server_port - 1), otherwise=t.data_port).label("port"),
        choice((at_server, t.client_addr), otherwise=t.server_addr).label("other"),
        t.client_addr, t.client_port, t.server_addr, t.server_port, t.session, t.transfer, t.start,
        earlier(t.start, SLACK_S).label("earliest"), later(t.end, SLACK_S).label("latest"),
    ).where(
        t.start >= earlier(day, SLACK_S + MAX_TRANSFER_DAYS * 86400),
        t.start < later(next_day, SLACK_S),
        t.end >= earlier(day, SLACK_S))


def _flows_at(ends: sa.Subquery, to: str, frm: str) -> sa.Select:
    """Flows whose `to` end is the known one. Where the far port is a well-known one, it is another service that the host uses."""
    e, f = ends.c, flow.c
    far = f[f"{frm}_port"]
    return sa.select(
        f.flow_key, f.probe, f.run, f.flow_class, e.client_addr, e.client_port, e.server_addr, e.server_port, e.session, e.transfer,
        e.start).where(
        f.protocol == sa.literal_column(str(_TCP)), f[f"{to}_addr"] == e.listener, f[f"{to}_port"] == e.port,
        f[f"{frm}_addr"] == e.other, f.first_seen >= e.earliest, f.first_seen <= e.latest,
        sa.or_(far.is_(None), far >= sa.literal_column(str(_FIRST_FREE_PORT)), far == e.server_port - 1))


def _control_flows(data: sa.Subquery, to: str, frm: str) -> sa.Select:
    """Flows of the control connection in the class and run of the data flow; not those that were seen later only."""
    d, f = data.c, flow.c
    return sa.select(d.flow_key.label("data_key"), f.flow_key.label("session_key"), f.first_seen).where(
        d.nth == 1, f.protocol == sa.literal_column(str(_TCP)), f.probe == d.probe, f.run == d.run, f.flow_class == d.flow_class,
        f[f"{to}_addr"] == d.server_addr, f[f"{to}_port"] == d.server_port, f[f"{frm}_addr"] == d.client_addr,
        f[f"{frm}_port"] == d.client_port, f.first_seen <= later(d.start, SLACK_S))
