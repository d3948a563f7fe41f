"""Plays one scenario from beginning to end and judges it."""

from __future__ import annotations

import select
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic

from tests.chaos.driving import Drivers
from tests.chaos.judge import Result, driven
from tests.chaos.live import LiveProbe
from tests.chaos.scenarios import Do, Scenario
from tests.chaos.stage import Clocks, Stage
from tests.linkemu import why_unavailable
from tmon_common.config.read import read

LOOK_EVERY_S = 0.02


def why_not(scenario: Scenario) -> str | None:
    """Why it cannot be played here, None when it can."""
    if scenario.clocks and not Clocks.library():
        return "clocks of single programs are stepped by libfaketime: install the Debian package faketime"
    return why_unavailable()


def play(scenario: Scenario, directory: Path, seed: int = 1, seconds: float | None = None) -> Result:
    """Bounded in time. AssertionError when a program does not do what it must for the scenario to go on."""
    seconds = seconds or scenario.seconds
    script = scenario.script(Random(f"{seed}/{scenario.name}"), seconds)
    result = Result()
    with Stage(directory, scenario, seed) as stage:
        sending = (LiveProbe if scenario.live else Drivers)(stage, seconds)
        try:
            sending.begin()
            start = monotonic()
            _act(script, start, {
                Do.IMPAIR: stage.impair, Do.KILL_COLLECTOR: stage.kill_collector, Do.STOP_COLLECTOR: stage.stop_collector,
                Do.START_COLLECTOR: stage.start_collector, Do.RESTART_PROBE: sending.restart,
                Do.KILL_PROBE: getattr(sending, "kill", None), Do.STEP_PROBE: getattr(sending, "step_clock", None),
                Do.STEP_COLLECTOR: lambda by_s: stage.clocks.step("collector", by_s)})
            _wait(start + seconds)
            if not _until(lambda: sending.settled, scenario.limit_s):
                result.faults.append(f"not everything was settled within {scenario.limit_s:g} s")
            result.delivered_s = monotonic() - start - seconds
            if not sending.stop():
                result.faults.append("the sending side ended with something left")
            stage.stop_collector()
            stage.stop_recorder()
            result.count_link(stage.link.read_totals())
            result.collectors_killed = stage.collectors_killed
            result.judge_programs([c.messages for c in stage.collectors], sending.messages)
            gap_ns = read(directory / "tmon.xml").probes[0].publications[0].min_gap_ns
            if scenario.live:
                result.judge_live_rows(directory, sending.numbers, sending.datagrams)
            else:
                driven(result, directory, sending.names(), sending.killed)
            result.judge_wire(directory, stage.probes, gap_ns)
            result.judge_proofs(scenario.proves)
        finally:
            sending.close()
    return result


def _act(script, start: float, verbs: dict[Do, Callable]) -> None:
    """What happens, each at its moment, or as soon as what came before is done."""
    for happening in script:
        _wait(start + happening.at_s)
        verbs[happening.do](happening.argument)


def _wait(moment: float) -> None:
    while (left := moment - monotonic()) > 0:
        select.select([], [], [], left)


def _until(condition: Callable[[], bool], limit_s: float) -> bool:
    end = monotonic() + limit_s
    while not condition():
        if monotonic() > end:
            return False
        select.select([], [], [], LOOK_EVERY_S)
    return True
