"""CPU and wall seconds of a program and everything it started, best of several runs, one after the other."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 300.0
"""A program that runs longer is killed, and that is its result."""


@dataclass(frozen=True)
class Cost:
    """Seconds. cpu_s: user and system time of all processes."""

    cpu_s: float
    wall_s: float

    def without(self, start: Cost) -> Cost:
        """What is left of it without the start-up; never less than a microsecond."""
        return Cost(max(self.cpu_s - start.cpu_s, 1e-6), max(self.wall_s - start.wall_s, 1e-6))


class RunError(Exception):
    """A program that should be measured ended with an error: its command, status and last words."""


def run(command: Sequence[str | Path], log: Path, accepted: Sequence[int] = (0,)) -> Cost:
    """Run to its end; output goes to /dev/null and messages to `log`. RunError unless the exit status is accepted."""
    with log.open("wb") as messages:
        began = time.perf_counter()
        program = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages)
        return wait(program, began, log, accepted)


def wait(program: subprocess.Popen, began: float, log: Path, accepted: Sequence[int] = (0,)) -> Cost:
    """Cost of a program that was started at perf_counter `began`, once it and the children it waited for have ended."""
    guard = threading.Timer(LIMIT_S, program.kill)
    guard.start()
    try:
        _, status, usage = os.wait4(program.pid, 0)
    finally:
        guard.cancel()
    wall_s = time.perf_counter() - began
    program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode not in accepted:
        last = log.read_text(errors="replace").strip().splitlines()[-3:]
        raise RunError(f"{' '.join(map(str, program.args))}: exit status {program.returncode}: {' / '.join(last)}")
    return Cost(cpu_of(usage), wall_s)


def cpu_of(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


def best(repeat: int, measure: Callable[[], Cost]) -> Cost:
    """The least CPU time and the least wall time of `repeat` runs."""
    costs = [measure() for _ in range(repeat)]
    return Cost(min(c.cpu_s for c in costs), min(c.wall_s for c in costs))
