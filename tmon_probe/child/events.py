"""Events as rows of their kind, published like what the analysers count."""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np

from tmon_common.events import Event
from tmon_common.observations import EVENT, Rows
from tmon_probe.child.context import Emit

_INT64 = np.iinfo(np.int64)


class EventRows:
    """host: machine of this probe. published: how many events so far."""

    def __init__(self, host: str, emit: Emit) -> None:
        self._host, self._emit = host, emit
        self.published = 0

    def publish(self, events: Iterable[Event], component: str) -> None:
        """component: father or child, who noticed."""
        if rows := rows_of(events, self._host, component):
            self.published += len(rows)
            self._emit(rows)


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
