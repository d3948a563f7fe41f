"""Publication under chaos: the short ones of tests/chaos. `python -m tests.chaos` plays all."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.play import play, why_not
from tests.chaos.scenarios import SCENARIOS

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
