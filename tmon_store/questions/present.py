"""What a database holds of a kind: under which name, of what time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_common.analyses.catalogue import catalogue
from tmon_common.observations import FLOW_DEFINITION
from tmon_store import tables
from tmon_store.questions.span import STEPS
from tmon_store.schema import is_counted

if TYPE_CHECKING:
    from datetime import datetime

    from tmon_store.backends.backend import Backend


def is_rollup(name: str) -> bool:
    """Whether it is a counted kind."""
    kind = catalogue().kinds.get(name)
    return kind is not None and is_counted(kind)


def held(store: Backend, kind: str, granularity: str = "1min") -> tuple[datetime, datetime] | None:
    """Start of the first interval and end of the last one of a counted kind; None without any."""
    c = tables.rollup(kind, granularity).c
    first, last = store.query(sa.select(sa.func.min(c.start), sa.func.max(c.start)))[0]
    return None if first is None else (first, last + STEPS[granularity])


def stored(name: str) -> str:
    """The table to look for: of a counted kind one of its rollups."""
    return "flow" if name == FLOW_DEFINITION.name else f"{name}_1day" if is_rollup(name) else name
