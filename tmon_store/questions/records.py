"""What failed: transfers of FTP, questions to the DNS; and what the programs tell of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_store import tables
from tmon_store.questions.pieces import CLASS, PROBE, Micro, in_order, of_flow, within
from tmon_store.questions.question import ALL, Column, Form, Question

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend
    from tmon_store.questions.question import Scope

TRANSFER, DNS, EVENT = "ftp_transfer", "dns_transaction", "event"
_TRANSFER = ("start", "client_addr", "server_addr", "user", "command", "path", "octets", "announced_octets", "duration", "outcome",
             "reply_code")


def transfers(store: Backend, scope: Scope) -> list[tuple]:
    """Those that were not completed, the latest first."""
    c, f = tables.record(TRANSFER).c, tables.flow.c
    asked = sa.select(f.probe, f.flow_class, *(c[n] for n in _TRANSFER)).join_from(
        tables.record(TRANSFER), tables.flow, f.flow_key == c.flow_key)
    asked = asked.where(*within(c.start, scope), *of_flow(scope, ends=(c.client_addr, c.server_addr)), c.outcome != "completed")
    return store.query(asked.order_by(Micro(c.start).desc(), *in_order((f.probe, f.flow_class, f.run, c.transfer, c.flow_key)))
                       .limit(scope.limit))


def dns_failures(store: Backend, scope: Scope) -> list[tuple]:
    """Names that could not be had, by server and reason; those asked most first."""
    c, f = tables.record(DNS).c, tables.flow.c
    reason = sa.func.coalesce(c.rcode, sa.literal_column("'no response'"))
    rows = sa.select(f.probe, f.flow_class, c.server_addr, c.query_name, c.query_type, reason.label("reason"), c.client_addr,
                     c.retries, c.time).join_from(tables.record(DNS), tables.flow, f.flow_key == c.flow_key)
    rows = rows.where(*within(c.time, scope), *of_flow(scope, ends=(c.client_addr, c.server_addr)),
                      sa.or_(c.rcode.is_(None), c.rcode != "NOERROR")).subquery("failures")
    r = rows.c
    group = (r.probe, r.flow_class, r.server_addr, r.query_name, r.query_type, r.reason)
    asked = sa.select(*group, sa.func.count(), sa.func.count(r.client_addr.distinct()), sa.func.sum(r.retries), sa.func.min(r.time),
                      sa.func.max(r.time)).group_by(*group)
    return store.query(asked.order_by(sa.func.count().desc(), *in_order(group)).limit(scope.limit))


def events(store: Backend, scope: Scope) -> list[tuple]:
    """The latest first."""
    c = tables.record(EVENT).c
    asked = sa.select(c.time, c.probe, c.component, c.severity, c.code, c.subject, c.text, c.details).where(*within(c.time, scope))
    asked = asked.where(*([c.probe == scope.probe] if scope.probe is not None else []))
    ties = in_order((c.probe, c.run, c.component, c.code, c.subject, c.text, c.details))
    return store.query(asked.order_by(Micro(c.time).desc(), *ties).limit(scope.limit))


QUESTIONS = (
    Question(
        "failed-transfers", "FTP transfers that failed", "Transfers that were not completed, the latest first ([ftp.md](ftp.md)).",
        (PROBE, CLASS, Column("start", Form.MOMENT, "when the command was sent, UTC", "Start (UTC)"),
         Column("client_addr", Form.TEXT, "client", "Client"), Column("server_addr", Form.TEXT, "server", "Server"),
         Column("user", Form.TEXT, "user", "User"), Column("command", Form.TEXT, "RETR, STOR, ...", "Command"),
         Column("path", Form.TEXT, "file", "Path"), Column("octets", Form.OCTETS, "that were moved", "Octets"),
         Column("announced_octets", Form.OCTETS, "that the server told of", "of"),
         Column("duration_ns", Form.DURATION, "of the data", "Took"), Column("outcome", Form.TEXT, "how it ended", "Outcome"),
         Column("reply_code", Form.NUMBER, "of the server's final reply", "Reply")), transfers, (TRANSFER,), ALL),
    Question(
        "dns-failures", "DNS queries that failed", "Names that servers did not resolve, by response code or `no response`; those "
        "asked for most often first.",
        (PROBE, CLASS, Column("server_addr", Form.TEXT, "server", "Server"), Column("query_name", Form.TEXT, "name", "Name"),
         Column("query_type", Form.TEXT, "A, AAAA, ...", "Type"),
         Column("reason", Form.TEXT, "response code, or no response", "Reason"),
         Column("queries", Form.COUNT, "queries, repeated ones apart", "Queries"),
         Column("clients", Form.COUNT, "addresses that asked", "Clients"),
         Column("retries", Form.COUNT, "repeated queries", "Repeated"),
         Column("first", Form.MOMENT, "first time, UTC", "First (UTC)"),
         Column("last", Form.MOMENT, "last time, UTC", "Last (UTC)")),
        dns_failures, (DNS,), ALL),
    Question(
        "events", "Events", "What happened to probes and collectors, the latest first ([events.md](events.md)).",
        (Column("time", Form.MOMENT, "when it was noticed, UTC", "Time (UTC)"), PROBE,
         Column("component", Form.TEXT, "father, child or collector", "Component"),
         Column("severity", Form.TEXT, "info, warning or error", "Severity"), Column("code", Form.TEXT, "what happened", "Code"),
         Column("subject", Form.TEXT, "to what", "Subject"), Column("text", Form.TEXT, "the same for people", "What"),
         Column("details", Form.TEXT, "values, a JSON object", "Details")), events, (EVENT,), frozenset({"time", "probe"}),
        limit=50),
)
