"""Which flows carried the data of FTP transfers on a day.

A passive data connection goes from one high port to another; only who has read the dialogue of the control connection knows what it
is. A transfer tells where its data connection was to go (`data_port` of client or server), between which hosts, and from when to
when. The flow of a class that goes there, and was first seen in that time, is it, at any probe and from any exporter.
"""

from __future__ import annotations

import sqlalchemy as sa

from tmon_store.tables import flow, record, sql
from tmon_store.volumes.expressions import Scope, choice, earlier, later, number, word
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
    """One row for each data flow: of several transfers that it may belong to, the first. Of the session's flows that the class and
    run of the data flow have, the newest."""
    ends = _ends(scope).subquery("ends")
    matches = sa.union_all(*(_flows_at(ends, to, frm) for to, frm in (("dst", "src"), ("src", "dst")))).subquery("matches")
    m = matches.c
    data = m.is_data == number(1)
    session = sa.func.first_value(choice((data, sa.null()), otherwise=m.flow_key)).over(
        partition_by=(m.probe, m.run, m.flow_class, m.start, m.session, m.transfer, m.client_port, m.client_addr, m.server_addr),
        order_by=(m.is_data, m.first_seen.desc(), m.flow_key.desc()))
    nth = sa.func.row_number().over(partition_by=(m.is_data, m.flow_key), order_by=(m.start, m.session, m.transfer, m.client_port))
    ranked = sa.select(m.flow_key, session.label("session_flow_key"), m.server_addr, m.server_port, m.is_data,
                       nth.label("nth")).subquery("ranked")
    r = ranked.c
    return sa.select(scope.day.label("day"), r.flow_key, r.session_flow_key, r.server_addr, r.server_port).where(
        r.is_data == number(1), r.nth == number(1))


def _ends(scope: Scope) -> sa.CompoundSelect:
    """Of the transfers around the day, the data connection and the control connection, each by the end whose address and port are
    known and the host at the other.

    Without an announcement the data connection comes from the server's data port (RFC 959 section 3.3).
    """
    t = record("ftp_transfer").c
    day, next_day = (sa.cast(time, sa.DateTime()) for time in (scope.day, scope.next_day))
    at_server = sa.or_(t.data_port.is_(None), t.mode.in_([word(mode) for mode in _PASSIVE]))
    common = (t.client_addr, t.client_port, t.server_addr, t.server_port, t.session, t.transfer, t.start)
    around = (t.start >= earlier(day, SLACK_S + MAX_TRANSFER_DAYS * 86400), t.start < later(next_day, SLACK_S),
              t.end >= earlier(day, SLACK_S))
    return sa.union_all(
        sa.select(number(1).label("is_data"), choice((at_server, t.server_addr), otherwise=t.client_addr).label("listener"),
                  choice((t.data_port.is_(None), t.server_port - number(1)), otherwise=t.data_port).label("port"),
                  choice((at_server, t.client_addr), otherwise=t.server_addr).label("other"),
                  earlier(t.start, SLACK_S).label("earliest"), later(t.end, SLACK_S).label("latest"), *common).where(*around),
        sa.select(number(0), t.server_addr, t.server_port, t.client_addr, sa.cast(sa.null(), sa.DateTime()),
                  later(t.start, SLACK_S), *common).where(*around))


def _flows_at(ends: sa.Subquery, to: str, frm: str) -> sa.Select:
    """Flows whose `to` end is the known one. Where the far port of a data connection is a well-known one, the listener only uses
    another service of that host."""
    e, f = ends.c, flow.c
    far = f[f"{frm}_port"]
    is_data = sa.and_(e.is_data == number(1), f.first_seen >= e.earliest,
                      sa.or_(far.is_(None), far >= number(_FIRST_FREE_PORT), far == e.server_port - number(1)))
    return sa.select(
        e.is_data, f.flow_key, f.first_seen, f.probe, f.run, f.flow_class, e.client_addr, e.client_port, e.server_addr,
        e.server_port, e.session, e.transfer, e.start).where(
        f.protocol == number(_TCP), f[f"{to}_addr"] == e.listener, f[f"{to}_port"] == e.port, f[f"{frm}_addr"] == e.other,
        f.first_seen <= e.latest, sa.or_(is_data, sa.and_(e.is_data == number(0), far == e.client_port)))
