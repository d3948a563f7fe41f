"""Which of the two ends of a volume is the host, which the peer, and what they are to each other."""

from __future__ import annotations

import sqlalchemy as sa

from tmon_store.volumes.expressions import choice, number, word
from tmon_store.volumes.schema import INTERNET, OTHER_OTHER, OTHER_SAME, SAME_OTHER, SAME_SAME, UNKNOWN


def ownness(place: sa.FromClause) -> sa.ColumnElement:
    """2: the organisation's own, 1: nobody knows, 0: the Internet. place: a row of `ip_info`, or none."""
    activity, location = place.c.activity, place.c.location
    return choice(
        (sa.or_(location.is_(None), sa.and_(location == word(UNKNOWN), activity == word(UNKNOWN))), number(1)),
        (location == word(INTERNET), number(0)), otherwise=number(2))


def relation(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement:
    """Of two places, either way the same."""
    unknown = sa.or_(*(sa.or_(column.is_(None), column == word(UNKNOWN))
                       for place in (one, other) for column in (place.c.activity, place.c.location)))
    activity, location = one.c.activity == other.c.activity, one.c.location == other.c.location
    return choice(
        (sa.func.coalesce(one.c.location, word("")) == word(INTERNET), word(INTERNET)),
        (sa.func.coalesce(other.c.location, word("")) == word(INTERNET), word(INTERNET)),
        (unknown, word(UNKNOWN)), (sa.and_(activity, location), word(SAME_SAME)), (activity, word(SAME_OTHER)),
        (location, word(OTHER_SAME)), otherwise=word(OTHER_OTHER))
