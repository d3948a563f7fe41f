"""Where what is known of a program comes from: its statistics and its board of events in shared memory."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from tmon_agent.service import Setting
from tmon_common.event_board import ENDING, BoardEvent, BoardReader


class Reader(Protocol):
    """The statistics of a running program: tmon_probe.health.ProbeReader, tmon_collector.health.CollectorReader."""

    identity: Mapping[str, Any]
    segment: str

    @property
    def ended(self) -> bool: ...

    def snapshot(self) -> Mapping[str, int]: ...

    def close(self) -> None: ...


class Source:
    """One run of a program. FileNotFoundError if it does not run, PermissionError if this user may not look."""

    def __init__(self, setting: Setting) -> None:
        self._statistics = _attach(setting)
        self.identity = self._statistics.identity
        self._board: BoardReader | None = None

    @property
    def board(self) -> str:
        """Name of the program's board of events."""
        return self._statistics.segment + ENDING

    def snapshot(self) -> Mapping[str, int]:
        return self._statistics.snapshot()

    def events(self, after: int) -> tuple[list[BoardEvent], int]:
        """Those with a larger number, oldest first; and how many more there were. Of a program without a board: none."""
        if self._board is None:  # it is made a little after the statistics
            with suppress(FileNotFoundError, PermissionError):
                self._board = BoardReader(self.board)
        return self._board.since(after) if self._board else ([], 0)

    @property
    def ended(self) -> bool:
        return self._statistics.ended

    def close(self) -> None:
        self._statistics.close()
        if self._board:
            self._board.close()


def _attach(setting: Setting) -> Reader:
    if setting.kind == "probe":
        from tmon_probe import health
    else:
        from tmon_collector import health
    return health.attach(setting.configuration, setting.name)
