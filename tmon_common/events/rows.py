"""Events as rows of their kind."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np

from tmon_common.events.event import Event
from tmon_common.observations import EVENT, Rows

_INT64 = np.iinfo(np.int64)


def rows_of(events: Iterable[Event], host: str, component: str) -> Rows | None:
    """One row an event; None without any."""
    strings: dict[str, int] = {}

    def index(text: str) -> int:
        return strings.setdefault(text, len(strings))

    rows = [(min(max(e.time_ns, _INT64.min + 1), _INT64.max), index(component), index(host), index(e.severity.value), index(e.code),
             index(e.subject), index(e.text), index(_details(e))) for e in events]
    if not rows:
        return None
    return Rows(EVENT, np.array(rows, EVENT.dtype), list(strings))


def _details(event: Event) -> str:
    return json.dumps(dict(event.values), ensure_ascii=False, separators=(",", ":")) if event.values else ""
