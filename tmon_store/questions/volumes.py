"""Volumes of days, by activity and location of the organisation: the views of `tmon_store.volumes`, as questions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tmon_store.questions.pieces import CLASS, PROBE
from tmon_store.questions.question import Column, Form, Question
from tmon_store.volumes import views
from tmon_store.volumes.schema import VOLUMES

if TYPE_CHECKING:
    import sqlalchemy as sa

    from tmon_store.backends.backend import Backend
    from tmon_store.questions.question import Scope

_TABLES = tuple(table.name for table in VOLUMES.values())
_NARROWED = frozenset({"time", "by", "probe", "class", "one address", "activity", "location", "service", "source"})


def _view(view: Callable[[views.Chosen], sa.Select], *, over_time: bool = False) -> Callable[[Backend, Scope], list[tuple]]:
    def ask(store: Backend, scope: Scope) -> list[tuple]:
        span = scope.span
        chosen = views.Chosen(
            span.granularity, span.since, span.until, scope.source, scope.probe or "", scope.flow_class or "", scope.activity or "",
            scope.location or "", scope.addresses[0] if scope.addresses else "", scope.service or "", over_time)
        return store.query(view(chosen).limit(scope.limit))
    return ask


_START = Column("start", Form.TIME, "start of the hour or day, UTC", "Start (UTC)")
_ACTIVITY = Column("activity", Form.TEXT, "activity of the organisation that the host belongs to", "Activity")
_LOCATION = Column("location", Form.TEXT, "its location", "Location")
_RELATION = Column("relation", Form.TEXT, "of the host to its peer: same or other activity and location, Internet", "Relation")
_HOST = Column("host", Form.TEXT, "host; of a conversation the organisation's own, or the client", "Host")
_ROLE = Column("host_role", Form.TEXT, "client or server of the service; empty where that cannot be told", "Role")
_PROTOCOL = Column("protocol", Form.PROTOCOL, "transport protocol", "Protocol")
_SERVICE = Column("service", Form.TEXT, "service; `ftp` with its data connections", "Service")
_MANAGER = (_ACTIVITY, _LOCATION, _RELATION, Column("peer_activity", Form.TEXT, "activity of the peers", "Peers' activity"),
            Column("peer_place", Form.TEXT, "location of own peers, country of those in the Internet", "Peers' place"))
_COUNTS = (Column("octets_out", Form.OCTETS, "octets from host to peer", "Octets →"),
           Column("octets_in", Form.OCTETS, "and back", "←"),
           Column("packets_out", Form.COUNT, "packets from host to peer", "Packets →"),
           Column("packets_in", Form.COUNT, "and back", "←"), Column("flows", Form.COUNT, "flows", "Flows"))
_GRANULARITIES = tuple(VOLUMES)

QUESTIONS = (
    Question(
        "volumes", "Volumes by activity and location", "The manager's view: traffic of each activity and location by its relation "
        "to the peers, and where these are ([volumes.md](volumes.md)). Traffic between own hosts is seen from both.",
        (PROBE, CLASS, *_MANAGER, *_COUNTS), _view(views.manager), _TABLES, _NARROWED, granularities=_GRANULARITIES),
    Question(
        "volumes-over-time", "Volumes by activity and location over time", "As `volumes`, by hour or day.",
        (_START, PROBE, CLASS, *_MANAGER, *_COUNTS), _view(views.manager, over_time=True), _TABLES, _NARROWED, course=True,
        limit=None, granularities=_GRANULARITIES),
    Question(
        "volumes-hosts", "Volumes by host and service", "The operator's view: what each host exchanges, by service and relation.",
        (PROBE, CLASS, _ACTIVITY, _LOCATION, _HOST, _ROLE, _PROTOCOL, _SERVICE, _RELATION, *_COUNTS), _view(views.operator),
        _TABLES, _NARROWED, granularities=_GRANULARITIES),
    Question(
        "volumes-conversations", "Volumes by conversation", "Pairs of hosts by service, each once.",
        (PROBE, CLASS, _HOST, Column("peer", Form.TEXT, "the other", "Peer"), _ROLE, _PROTOCOL, _SERVICE, _RELATION, *_COUNTS),
        _view(views.conversation), _TABLES, _NARROWED, granularities=_GRANULARITIES),
)
