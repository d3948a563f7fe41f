"""What is asked of volumes: the manager's, the operator's and the conversation's view, as statements for any engine.

A volume between two own hosts is kept once. Who asks for the traffic of an activity, a location or a host wants it from both sides:
`both_ends` gives such a row a second time, turned round. So sums over hosts, activities or locations count the traffic between own
hosts twice, as each has a share in it; sums within one activity, location or host, and conversations, count it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from tmon_store import tables
from tmon_store.volumes.expressions import choice, word
from tmon_store.volumes.schema import CLIENT, INTERNET, PROBE, SERVER, UNKNOWN, VOLUMES

_COUNTS = ("octets_out", "octets_in", "packets_out", "packets_in", "flows")
_ENDS = ("activity", "location", "country")
MANAGER = ("activity", "location", "relation", "peer_activity", "peer_place")
"""peer_place: location of an own peer, country of one in the Internet (Internet, where that is not known)."""
OPERATOR = ("activity", "location", "host", "host_role", "protocol", "service", "relation")
CONVERSATION = ("host", "peer", "host_role", "protocol", "service", "relation")


@dataclass(frozen=True)
class Chosen:
    """Which volumes: by hour ("1h") or day ("1day"), from `since` (UTC) up to before `until`, of one source; empty or None: all.

    host: a conversation that it is an end of, else volumes as seen from it. over_time: a row for each hour or day instead of sums.
    """

    granularity: str = "1day"
    since: datetime | None = None
    until: datetime | None = None
    source: str = PROBE
    probe: str = ""
    flow_class: str = ""
    activity: str = ""
    location: str = ""
    host: str = ""
    service: str = ""
    over_time: bool = False


def manager(chosen: Chosen) -> sa.Select:
    """Activity by location by relation, with whom: columns `MANAGER`, counts."""
    return _grouped(both_ends(chosen), MANAGER, chosen)


def operator(chosen: Chosen) -> sa.Select:
    """Host by service: columns `OPERATOR`, counts."""
    return _grouped(both_ends(chosen), OPERATOR, chosen)


def conversation(chosen: Chosen) -> sa.Select:
    """Pair of hosts by service, each once: columns `CONVERSATION`, counts."""
    volume = tables.sql(VOLUMES[chosen.granularity]).alias("v")
    v = volume.c
    rows = sa.select(volume).where(*_conditions(volume, chosen))
    for name in ("activity", "location"):
        if wanted := getattr(chosen, name):
            rows = rows.where(sa.or_(v[f"host_{name}"] == wanted, v[f"peer_{name}"] == wanted))
    if chosen.host:
        rows = rows.where(sa.or_(v.host == chosen.host, v.peer == chosen.host))
    return _sums(rows.subquery("conversations"), CONVERSATION, chosen)


def both_ends(chosen: Chosen) -> sa.Subquery:
    """Volumes as seen from each host that is not in the Internet.

    Columns: start, probe, flow_class, host, peer, activity, location, country, peer_activity, peer_location, peer_country,
    peer_place, host_role, protocol, service, relation, counts.
    """
    volume = tables.sql(VOLUMES[chosen.granularity])
    once, turned = volume.alias("once"), volume.alias("turned")
    t = turned.c
    other_role = choice((t.host_role == word(CLIENT), word(SERVER)), (t.host_role == word(SERVER), word(CLIENT)))
    return sa.union_all(
        _seen_from(once, "host", "peer", once.c.host_role).where(*_conditions(once, chosen)),
        _seen_from(turned, "peer", "host", other_role).where(
            *_conditions(turned, chosen), t.host != t.peer, sa.func.coalesce(t.peer_location, word(UNKNOWN)) != word(INTERNET)),
    ).subquery("ends")


def _seen_from(volume: sa.FromClause, host: str, peer: str, role: sa.ColumnElement) -> sa.Select:
    v = volume.c
    turn = {"out": "in", "in": "out"} if host == "peer" else {"out": "out", "in": "in"}
    place = choice((v[f"{peer}_location"] == word(INTERNET), sa.func.coalesce(v[f"{peer}_country"], word(INTERNET))),
                   otherwise=v[f"{peer}_location"])
    return sa.select(
        v.start, v.probe, v.flow_class, v[host].label("host"), v[peer].label("peer"),
        *(v[f"{host}_{n}"].label(n) for n in _ENDS), *(v[f"{peer}_{n}"].label(f"peer_{n}") for n in _ENDS),
        place.label("peer_place"), role.label("host_role"), v.protocol, v.service, v.relation,
        *(v[f"{unit}_{turn[way]}"].label(f"{unit}_{way}") for unit in ("octets", "packets") for way in ("out", "in")), v.flows)


def _conditions(volume: sa.FromClause, chosen: Chosen) -> list[sa.ColumnElement]:
    v = volume.c
    found = [v[n] == wanted for n in ("source", "probe", "flow_class", "service") if (wanted := getattr(chosen, n))]
    found += [v.start >= chosen.since] if chosen.since else []
    return found + ([v.start < chosen.until] if chosen.until else [])


def _grouped(ends: sa.Subquery, columns: tuple[str, ...], chosen: Chosen) -> sa.Select:
    asked = _sums(ends, columns, chosen)
    return asked.where(*(ends.c[n] == wanted for n in ("activity", "location", "host") if (wanted := getattr(chosen, n))))


def _sums(rows: sa.Subquery, columns: tuple[str, ...], chosen: Chosen) -> sa.Select:
    """Sums per probe, class and the columns; most octets first, or in order of time."""
    group = [rows.c[n] for n in (*(("start",) if chosen.over_time else ()), "probe", "flow_class", *columns)]
    counts = [sa.func.sum(rows.c[n]).label(n) for n in _COUNTS]
    order = [] if chosen.over_time else [(sa.func.sum(rows.c.octets_out) + sa.func.sum(rows.c.octets_in)).desc()]
    in_order = [part for column in group for part in (column.is_(None), column)]  # engines differ in where they put what is empty
    return sa.select(*group, *counts).group_by(*group).order_by(*order, *in_order)
