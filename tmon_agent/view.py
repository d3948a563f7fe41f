"""What is known of a program now, for whoever tells it: the tables of what can be asked, and its events.

A program that is started anew has a new block of statistics; it is looked for as long as there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from tmon_agent.managed.declaration import Program, Table
from tmon_agent.managed.managers import Told
from tmon_agent.managed.tables import TABLES
from tmon_agent.service import Setting
from tmon_agent.source import Source
from tmon_common.clock import Clock, SystemClock
from tmon_common.event_board import MAX_EVENTS, BoardEvent

FRESH_NS = 100_000_000
"""What is asked for more often than that is told again: nobody makes the agent work harder by asking faster."""
LISTS = ("interfaces", "fathers", "analyses", "links", "probes", "kinds", "reasons", "one_way_classes")
"""Of an identity; those that a program does not have are empty."""
Tables = Mapping[Table, Mapping[tuple, tuple]]


class View:
    """Of the program of a setting. counts: what the agent counts of itself, by the name in `managed/program.py` (without the @);
    managers: what it counts of each of them, by name. Services keep both."""

    def __init__(self, setting: Setting, clock: Clock | None = None, restarts: int = 0,
                 open_source: Callable[[Setting], Source] = Source) -> None:
        self.setting, self._clock, self._open = setting, clock or SystemClock(), open_source
        self.counts: dict[str, int] = {"agent_restarts": restarts, "notifications_sent": 0, "notifications_lost": 0}
        self.managers: dict[str, Told] = {}
        self._software = version("trafmon")
        self._source: Source | None = None
        self._program: Program | None = None
        self._tables: Tables = {}
        self._fresh_until_ns = self._clock.monotonic_ns()

    def program(self) -> Program | None:
        """As it is now; None when it does not run, or may not be looked at."""
        self._refresh()
        return self._program

    def tables(self) -> Tables:
        """All of them, with the values of the columns by index. Empty ones when the program does not run."""
        self._refresh()
        return self._tables

    def events(self, after: int = 0) -> tuple[list[BoardEvent], int]:
        """Of this run, those with a larger number, oldest first; and how many more there were that nobody can read any more.
        Also those of a program that has just ended, for as long as it was not looked for anew."""
        source = self._source or self._find()
        return source.events(after) if source else ([], 0)

    @property
    def board(self) -> str:
        """Name of the board of events of the program that runs; "" when none does."""
        return self._source.board if self._source else ""

    def close(self) -> None:
        if self._source:
            self._source.close()
            self._source = None

    def _refresh(self) -> None:
        now_ns = self._clock.monotonic_ns()
        if now_ns < self._fresh_until_ns:
            return
        self._fresh_until_ns = now_ns + FRESH_NS
        if self._source and self._source.ended:
            self.close()
        source = self._source or self._find()
        self._program = self._look(source) if source else None
        self._tables = {table: dict(table.rows(self._program)) if self._program else {} for table in TABLES}

    def _find(self) -> Source | None:
        try:
            self._source = self._open(self.setting)
        except (FileNotFoundError, PermissionError):
            self._source = None
        return self._source

    def _look(self, source: Source) -> Program:
        identity = {**dict.fromkeys(LISTS, ()), **source.identity}
        run_ns = identity.get("run", 0) * 1_000_000
        known: dict[str, Any] = {
            "host": identity.get("host"), "configuration": identity.get("configuration"), "version": identity.get("version"),
            "software": self._software, "run_ns": run_ns, "pid": identity.get("pid"),
            "uptime_ns": max(0, self._clock.wall_ns() - run_ns), "managers": dict(self.managers), **self.counts}
        newest, _ = source.events(0)
        return Program(self.setting.kind, self.setting.name, identity, source.snapshot(), known, tuple(newest[-MAX_EVENTS:]))
