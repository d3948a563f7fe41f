"""Events published like what the analysers count, and on the board of this host."""

from __future__ import annotations

from collections.abc import Iterable

from tmon_common.event_board import EventBoard
from tmon_common.events import Event
from tmon_common.events.rows import rows_of
from tmon_probe.child.context import Emit


class EventRows:
    """host: machine of this probe. published: how many events so far. board: for those who watch it here; None: nobody does."""

    def __init__(self, host: str, emit: Emit, board: EventBoard | None = None) -> None:
        self._host, self._emit, self._board = host, emit, board
        self.published = 0

    def publish(self, events: Iterable[Event], component: str) -> None:
        """component: father or child, who noticed."""
        events = list(events)
        for told in events if self._board else ():
            self._board.publish(told)
        if rows := rows_of(events, self._host, component):
            self.published += len(rows)
            self._emit(rows)
