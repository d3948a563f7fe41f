"""The sending side made of drivers: one process for each run of a probe."""

from __future__ import annotations

import json
from pathlib import Path
from time import monotonic
from typing import Any

from tests.chaos.stage import STOP_LIMIT_S, Stage, end
from tests.pipeline.probe_process import START_LIMIT_S, Program, until


class Drivers:
    """One driver at a time for each probe of the scenario, adding rows until `seconds` after `begin`."""

    def __init__(self, stage: Stage, seconds: float) -> None:
        self._stage, self._seconds = stage, seconds
        self._runs: list[tuple[str, str, Program]] = []  # probe, name of the run's files, process
        self.killed: list[str] = []  # names of runs that could not settle their affairs
        self._end = 0.0

    def begin(self) -> None:
        """Returns once rows are being added."""
        for probe in self._stage.probes:
            self._start(probe, self._seconds)
        self._wait_for_ledgers()
        self._end = monotonic() + self._seconds

    @property
    def settled(self) -> bool:
        """Nothing will be added any more, and what was added is acknowledged or given up."""
        last = [self.ledger(name) for name in self._current()]
        return all(entry and entry["idle"] and not entry["adding"] for entry in last)

    def restart(self, *_: object) -> None:
        """In order: each ends when everything is settled, or out of patience; then another begins."""
        for _, _, program in self._latest():
            program.process.terminate()
        for _, _, program in self._latest():
            program.wait(STOP_LIMIT_S)
        self._start_others()

    def kill(self, *_: object) -> None:
        for _, name, program in self._latest():
            program.process.kill()
            program.process.wait()
            self.killed.append(name)
        self._start_others()

    def step_clock(self, by_s: float) -> None:
        for probe in self._stage.probes:
            self._stage.clocks.step(probe, by_s)

    def stop(self) -> bool:
        """All ended; True if none had anything left."""
        for _, _, program in self._latest():
            program.process.terminate()
        statuses = [program.wait(STOP_LIMIT_S) for _, _, program in self._latest()]
        return not any(statuses)

    def close(self) -> None:
        for _, _, program in self._runs:
            end(program)

    @property
    def messages(self) -> str:
        return "".join(program.messages for _, _, program in self._runs)

    def names(self) -> list[str]:
        """Of all runs: those of their files."""
        return [name for _, name, _ in self._runs]

    def ledger(self, name: str) -> dict[str, Any] | None:
        """What a run said last."""
        return last_entry(self._stage.directory / f"{name}.ledger")

    def _start(self, probe: str, seconds: float) -> None:
        name = f"{probe}.{sum(p == probe for p, _, _ in self._runs)}"
        program = Program("tests.chaos.driver", self._stage.directory, str(self._stage.directory), probe, "--name", name,
                          "--rows-per-s", str(self._stage.scenario.rows_per_s), "--seconds", str(seconds), name=name,
                          command=self._stage.command(self._stage.probe_side, probe))
        self._runs.append((probe, name, program))

    def _start_others(self) -> None:
        for probe in self._stage.probes:
            self._start(probe, max(0.5, self._end - monotonic()))
        self._wait_for_ledgers()

    def _wait_for_ledgers(self) -> None:
        """Before a driver has one, it would die of a signal without a word."""
        for _, name, program in self._latest():
            until(lambda name=name, program=program: self.ledger(name) or program.process.poll() is not None, f"{name} adds rows",
                  START_LIMIT_S)
            assert self.ledger(name), f"{name} ended at once: {program.messages}"

    def _latest(self) -> list[tuple[str, str, Program]]:
        return self._runs[-len(self._stage.probes):]

    def _current(self) -> list[str]:
        return [name for _, name, _ in self._latest()]


def last_entry(path: Path) -> dict[str, Any] | None:
    """Of a ledger; a line that is not whole does not count."""
    try:
        lines = path.read_bytes().rpartition(b"\n")[0]
    except FileNotFoundError:
        return None
    return json.loads(lines.rpartition(b"\n")[2]) if lines else None
