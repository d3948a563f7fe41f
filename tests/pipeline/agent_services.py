"""Services of an agent at work in a thread, beside a program that is made up: its numbers are given, its board is real."""

from __future__ import annotations

import asyncio
import itertools
import os
import shlex
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from tmon_agent.service import Service, Setting
from tmon_agent.source import Source
from tmon_agent.view import View
from tmon_common.config.model import Configuration
from tmon_common.config.monitoring_model import Agent, Manager, Monitoring, SnmpUser
from tmon_common.event_board import ENDING, EventBoard
from tmon_common.events import event

LIMIT_S = 20
_numbers = itertools.count()


class MadeUp:
    """A program that runs. identity, numbers: of its statistics, may be changed while it runs."""

    def __init__(self, kind: str, name: str, identity: dict[str, Any] | None = None, numbers: dict[str, int] | None = None) -> None:
        self.kind, self.name = kind, name
        self.identity = {"host": "made-up", "configuration": "/made/up", "version": "1", "run": int(time.time() * 1000), "pid": 1,
                         **(identity or {})}
        self.numbers = numbers or {}
        self.segment = f"trafmon-test-{os.getpid()}-{next(_numbers)}"
        self.board = EventBoard.create(self.segment + ENDING)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.board.close()

    def tell(self, count: int = 1, code: str = "no_traffic", subject: str = "eth0") -> None:
        """Publish events."""
        for _ in range(count):
            self.board.publish(event(code, time.time_ns(), subject, seconds=10))

    def restart(self) -> None:
        """Another run, with another board."""
        self.board.close()
        self.board = EventBoard.create(self.segment + ENDING)
        self.identity = self.identity | {"run": self.identity["run"] + 1}

    def source(self, setting: Setting) -> Source:
        """As of the statistics of a real one."""
        assert (self.kind, self.name) == (setting.kind, setting.name)
        source = Source.__new__(Source)
        source._statistics, source.identity, source._board = _Reader(self), self.identity, None
        return source


class _Reader:
    """The statistics of one run."""

    def __init__(self, program: MadeUp) -> None:
        self._program, self.identity, self.segment = program, program.identity, program.segment

    @property
    def ended(self) -> bool:
        return self._program.identity["run"] != self.identity["run"]

    def snapshot(self) -> dict[str, int]:
        return self._program.numbers

    def close(self) -> None:
        """Nothing is open."""


def setting(directory: Path, program: MadeUp, agent: Agent | None = None, managers: Iterable[Manager] = (),
            secrets: Iterable[str] = (), user: SnmpUser | None = None) -> Setting:
    """secrets: lines of the file."""
    path = directory / "snmp.secrets"
    path.write_text("".join(f"{line}\n" for line in secrets))
    path.chmod(0o600)
    communities = tuple(shlex.split(line)[1] for line in secrets if line.startswith("community"))
    monitoring = Monitoring(path, communities, (user,) if user else (), tuple(managers))
    return Setting(program.kind, program.name, agent or Agent(), Configuration(path=directory / "tmon.xml", monitoring=monitoring))


class AtWork:
    """A service until `stop`; `counts`: what the agent counts."""

    def __init__(self, made: Setting, program: MadeUp, service: Callable[[Setting], Service]) -> None:
        self.view = View(made, open_source=program.source)
        self.counts = self.view.counts
        self._service = service(made)
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._service.run(self.view))
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except Exception as error:
            self.error = error
        finally:
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()
        if self.error:
            raise self.error
