"""The agent beside a probe or collector: started, watched, started again, ended. A process of its own without anything of ours.

It inherits no descriptor but its standard input, a pipe whose other end only this process holds: the agent ends when that is
closed (tmon_agent/ending.py). It must therefore be started after everything that is forked.
"""

from __future__ import annotations

import logging
import os
import signal
import site
import subprocess
import sys
from pathlib import Path

from tmon_common.clock import Clock
from tmon_common.config.model import Collector, Configuration, Probe
from tmon_common.events import Event, event
from tmon_common.restart import VARIABLE
from tmon_common.revival import Revival

log = logging.getLogger(__name__)

END_PATIENCE_S = 4.0
"""It gives its services two seconds."""
LOOK_EVERY_NS = 200_000_000
FOR_EVER_NS = 1 << 62
NOT_FOR_AGENTS = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", VARIABLE)
"""Of the environment: what is said to this process only."""
_ROOT = Path(__file__).parents[1]


class AgentProcess:
    """Of a program whose declaration may have an <agent>; without one, nothing ever happens."""

    def __init__(self, configuration: Configuration, declared: Probe | Collector, clock: Clock) -> None:
        kind = "probe" if isinstance(declared, Probe) else "collector"
        self._subject = f"{kind} {declared.name}"
        self._wanted = declared.agent is not None
        self._command = [sys.executable, "-P", "-m", "tmon_agent", "-c", str(configuration.path.resolve()),
                         f"--{kind}={declared.name}", "--lifeline"]
        self._clock, self._revival = clock, Revival()
        self._process: subprocess.Popen | None = None
        self._next_look_ns = 0

    @property
    def pid(self) -> int | None:
        """Of the process that runs."""
        return self._process.pid if self._process else None

    def start(self) -> list[Event]:
        """What there is to tell."""
        if not self._wanted:
            return []
        self._revival.started(self._clock.monotonic_ns())
        try:
            command = [*self._command, f"--restarts={self._revival.failures}"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, close_fds=True,
                                             env=_environment())
        except OSError as error:
            return [self._failed(str(error))]
        log.info("%s: agent started, process %d", self._subject, self._process.pid)
        return []

    def look(self) -> list[Event]:
        """Start it again if it is time. What there is to tell. To be called as often as one likes."""
        now_ns = self._clock.monotonic_ns()
        if not self._wanted or now_ns < self._next_look_ns:
            return []
        self._next_look_ns = now_ns + LOOK_EVERY_NS
        if self._process is not None and self._process.poll() is not None:
            return [self._failed(_how(self._release()))]
        if self._revival.due_ns is not None and now_ns >= self._revival.due_ns:
            return self.start()
        return [event("agent_back", self._clock.wall_ns(), self._subject)] if self._revival.back(now_ns) else []

    def wait_ns(self) -> int:
        """How long until `look` may have something to do."""
        return LOOK_EVERY_NS if self._wanted else FOR_EVER_NS

    def end(self) -> None:
        """It may tell what is still to be told, then nothing is left of it."""
        self._wanted = False
        if self._process is None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(END_PATIENCE_S)
        except subprocess.TimeoutExpired:
            log.warning("%s: its agent did not end within %g s; killed", self._subject, END_PATIENCE_S)
            self._process.kill()
        self._release()

    def _release(self) -> int:
        """Exit status."""
        process, self._process = self._process, None
        process.stdin.close()
        return process.wait()

    def _failed(self, how: str) -> Event:
        pause_ns = self._revival.ended(self._clock.monotonic_ns())
        return event("agent_failed", self._clock.wall_ns(), self._subject, how=how, failures=self._revival.failures,
                     seconds=pause_ns // 1_000_000_000)


def _environment() -> dict[str, str]:
    """Where this program was found, the agent is, too."""
    kept = {name: value for name, value in os.environ.items() if name not in NOT_FOR_AGENTS}
    if str(_ROOT) not in site.getsitepackages():
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_ROOT), kept.get("PYTHONPATH"))))
    return kept


def _how(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
