"""Brings the events of a program to the outlets, and what these give out to whoever carries it away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from tmon_agent.managed.declaration import Program
from tmon_agent.managed.managers import Told
from tmon_agent.notify.outlet import Outlet
from tmon_agent.notify.progress import Progress
from tmon_agent.view import View
from tmon_common.event_board import BoardEvent, BoardReader
from tmon_common.events.declaration import Severity

logger = logging.getLogger(__name__)

LOOK_S = 0.2
"""Between looks at the board."""
PROGRAM_NS = 1_000_000_000
"""Between looks whether it is still the same run of the program."""
LAST_WORDS_S = 1.5
"""For what is still to be told when the agent ends."""

Done = Callable[[str | None], None]


class Carrier(Protocol):
    """Takes notifications to one manager."""

    def send(self, event: BoardEvent, program: Program, done: Done) -> bool:
        """False: it cannot be tried now. Else `done` is called, once: with "" if it has arrived (or nobody can know), with what is
        the matter if it is given up, with None if it is to be tried again."""
        ...


@dataclass
class _Manager:
    """sent, lost: in runs before."""

    name: str
    severity: Severity
    carrier: Carrier
    outlet: Outlet
    sent: int = 0
    lost: int = 0
    reached: bool = True

    @property
    def told(self) -> Told:
        return Told(self.sent + self.outlet.sent, self.lost + self.outlet.lost, self.outlet.waiting, self.reached)


class Teller:
    """who: part of the name of the file in which it is noted what they were told; managers: by name, the least severity that each
    is told, and who carries it there; clock: ns, never goes back."""

    def __init__(self, view: View, who: str, managers: Mapping[str, tuple[Severity, Carrier]],
                 clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._view, self._who, self._clock = view, who, clock
        self._managers = [_Manager(name, severity, carrier, Outlet(severity)) for name, (severity, carrier) in managers.items()]
        self._program: Program | None = None
        self._next_program_ns = clock()
        self._board: BoardReader | None = None
        self._progress: Progress | None = None

    async def run(self) -> None:
        """Until it is cancelled; then what is still to be told, for a while."""
        try:
            while True:
                self.look()
                await asyncio.sleep(LOOK_S)
        finally:
            until = self._clock() + int(LAST_WORDS_S * 1e9)
            self._read()
            while any(m.outlet.waiting for m in self._managers) and self._clock() < until:
                await asyncio.sleep(LOOK_S / 4)
                self._read()
            self.close()

    def look(self) -> None:
        """What has happened since; now and then, whether it is still the same run."""
        self._read()
        if self._clock() < self._next_program_ns:
            return
        self._next_program_ns = self._clock() + PROGRAM_NS
        program = self._view.program()
        if program is not None:
            another = self._program is None or program.known["run_ns"] != self._program.known["run_ns"]
            self._program = program
            if another:
                self._begin(program)
                self._read()

    def close(self) -> None:
        if self._board:
            self._board.close()
            self._board = None

    def _begin(self, program: Program) -> None:
        """Another run: its events are numbered anew."""
        self.close()
        self._progress = Progress(self._view.board, self._who, program.known["run_ns"])
        for manager in self._managers:
            before = manager.told
            if before.waiting:
                logger.warning("manager %s: %d notifications of the run before are given up", manager.name, before.waiting)
            manager.sent, manager.lost = before.sent, before.lost + before.waiting
            manager.outlet = Outlet(manager.severity, self._progress.told(manager.name))

    def _read(self) -> None:
        """The board of the run; it can be read even when the run has ended."""
        if self._progress is None:
            return
        if self._board is None:
            with suppress(FileNotFoundError, PermissionError):  # it is made a little after the statistics
                self._board = BoardReader(self._view.board)
        for manager in self._managers:
            if self._board:
                manager.outlet.offer(*self._board.since(manager.outlet.seen), time.time_ns())
            self._carry(manager)
        self._note()

    def _carry(self, manager: _Manager) -> None:
        if self._program is None or (event := manager.outlet.take(self._clock())) is None:
            return
        outlet, called = manager.outlet, False

        def done(why: str | None) -> None:
            nonlocal called
            if called or outlet is not manager.outlet:  # of a run that is over
                return
            called = True
            if why is None:
                outlet.untaken()
                return
            outlet.settled(delivered=not why)
            self._tell(manager, why)
            self._note()
            asyncio.get_running_loop().call_soon(self._carry, manager)

        if not manager.carrier.send(event, self._program, done):
            done(None)

    def _tell(self, manager: _Manager, why: str) -> None:
        """In the log: that a manager is not reached, and that it is again; each once."""
        if why and manager.reached:
            logger.warning("manager %s: a notification is given up: %s; what waits: %d", manager.name, why, manager.outlet.waiting)
        elif not why and not manager.reached:
            logger.info("manager %s: it is reached again; lost so far: %d", manager.name, manager.told.lost)
        manager.reached = not why

    def _note(self) -> None:
        """For who asks the agent, and for the one that follows it."""
        for manager in self._managers:
            sent, lost = manager.outlet.take_counts()
            self._view.counts["notifications_sent"] += sent
            self._view.counts["notifications_lost"] += lost
            self._view.managers[manager.name] = manager.told
        if self._progress:
            self._progress.note({m.name: m.outlet.told for m in self._managers})
