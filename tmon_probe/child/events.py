"""Events published like what the analysers count."""

from __future__ import annotations

from collections.abc import Iterable

from tmon_common.events import Event
from tmon_common.events.rows import rows_of
from tmon_probe.child.context import Emit


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
