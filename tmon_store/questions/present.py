"""What a database holds of a kind: under which name, of what time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_common.analyses.catalogue import catalogue
from tmon_common.observations import FLOW_DEFINITION
from tmon_store import tables
from tmon_store.questions.span import STEPS
from tmon_store.schema import is_counted
from tmon_store.volumes.schema import VOLUMES

if TYPE_CHECKING:
    from datetime import datetime

    from tmon_store.backends.backend import Backend


def is_rollup(name: str) -> bool:
    """Whether it is a counted kind."""
    kind = catalogue().kinds.get(name)
    return kind is not None and is_counted(kind)


def by_interval(name: str, granularity: str) -> sa.Table | None:
    """The table of a counted kind, or of volumes (whatever granularity its own name says); None if it is neither."""
    if is_rollup(name):
        return tables.rollup(name, granularity)
    if name in {table.name for table in VOLUMES.values()} and granularity in VOLUMES:
        return tables.sql(VOLUMES[granularity])
    return None


def held(store: Backend, name: str, granularity: str) -> tuple[datetime, datetime] | None:
    """Start of the first interval that a table of `by_interval` has, and end of the last one; None without any."""
    table = by_interval(name, granularity)
    if table is None:
        return None
    first, last = store.query(sa.select(sa.func.min(table.c.start), sa.func.max(table.c.start)))[0]
    return None if first is None else (first, last + STEPS[granularity])


def stored(name: str) -> str:
    """The table to look for: of a counted kind one of its rollups."""
    return "flow" if name == FLOW_DEFINITION.name else f"{name}_1day" if is_rollup(name) else name
