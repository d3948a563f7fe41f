"""Publication under chaos: the short ones of tests/chaos. `python -m tests.chaos` plays all."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.play import play, why_not
from tests.chaos.scenarios import SCENARIOS
from tests.pipeline.probe_process import START_LIMIT_S, until

pytestmark = pytest.mark.network
ROOT = Path(__file__).parents[2]
SHORT = ("loss_30", "corruption_unseen_crc", "outage_short", "outage_long", "collector_killed_unheard", "probe_restarted",
         "live_collector_killed")
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@pytest.mark.parametrize("name", SHORT)
def test_nothing_is_lost_but_what_is_declared_and_nothing_twice(name, tmp_path):
    """Whatever link and programs do."""
    scenario = BY_NAME[name]
    if reason := why_not(scenario):
        pytest.skip(reason)
    result = play(scenario, tmp_path, seed=3)
    assert result.faults == []
    assert result.found > 0


def test_a_verdict_is_bad_when_nothing_happened(tmp_path):
    """A scenario whose link does no harm proves nothing, and says so."""
    scenario = replace(BY_NAME["clean"], seconds=1, proves=("link_lost",))
    if reason := why_not(scenario):
        pytest.skip(reason)
    assert ["link_lost is 0: nothing was proved"] == play(scenario, tmp_path).faults


def test_an_unknown_scenario_is_refused():
    ended = subprocess.run([sys.executable, "-m", "tests.chaos", "--scenario", "peace"], cwd=ROOT, capture_output=True, text=True,
                           timeout=60, check=False)
    assert ended.returncode == 2
    assert "peace" in ended.stderr


def test_names_of_scenarios_are_different():
    assert len(BY_NAME) == len(SCENARIOS)


def test_nothing_is_left_when_it_is_interrupted(tmp_path):
    """Ctrl-C in the middle: exit status 130, no namespace, no file, no process."""
    if reason := why_not(BY_NAME["clean"]):
        pytest.skip(reason)
    with subprocess.Popen([sys.executable, "-m", "tests.chaos", "--scenario", "clean", "--seconds", "30"], cwd=ROOT,
                          env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True) as program:
        until(lambda: list(tmp_path.glob("chaos-*/clean/*.ledger")), "rows are added", START_LIMIT_S)
        theirs = namespaces_of(tmp_path)
        inmates = {pid for name in theirs for pid in pids_in(name)}
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 130
    assert len(theirs) >= 3
    assert len(inmates) >= 4  # link, recorder, collector, driver
    assert not theirs & namespaces()
    assert list(tmp_path.iterdir()) == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in inmates)


def namespaces() -> set[str]:
    told = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    return {line.split()[0] for line in told.splitlines()}


def namespaces_of(directory: Path) -> set[str]:
    """Those of the network in which a program works in that directory."""
    prefixes = {name.rpartition("-")[0] for name in namespaces() for pid in pids_in(name)
                if Path(f"/proc/{pid}/cwd").resolve().is_relative_to(directory)}
    return {name for name in namespaces() if name.rpartition("-")[0] in prefixes}


def pids_in(name: str) -> list[int]:
    told = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout
    return [int(pid) for pid in told.split()]
