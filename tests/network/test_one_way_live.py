"""One-way measurement live: three probes, two collectors, two emulated links, an address translator; and what goes wrong.

One play for all tests (`tests/one_way_lab/play.py`), some 30 s. Afterwards the links' logs say what became of each packet.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.one_way_lab.figures import added_up, all_rows, offsets_ns, reordered, told_figures
from tests.one_way_lab.judge import Findings, judge, packet_rows, rows_of
from tests.one_way_lab.play import GIVEN_UP, Case, Played, play
from tests.one_way_lab.site import HOPS, INTERVAL_NS
from tests.one_way_lab.topology import COLLECTORS, why_unavailable

pytestmark = pytest.mark.network
CARRIED = {"one_way_delay_histogram": "ipdv_", "one_way_counters": "loss_distance_"}
"""Columns, by how they begin, that compare a packet with the one before it, however long ago: a collector that was restarted may
not know that one."""


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> Played:
    if reason := why_unavailable():
        pytest.skip(reason)
    found = play(tmp_path_factory.mktemp("play"))
    if found.overloaded:
        pytest.skip(f"this machine is too busy: {found.overloaded}")
    return found


@pytest.fixture(scope="module", params=COLLECTORS)
def judged(request, played) -> Findings:
    """What one of the collectors wrote, packet by packet."""
    return judge(played.truth, packet_rows(played.directory / request.param), played.blind)


def of_case(judged: Findings, *cases: Case) -> Counter:
    """How many packets of class all had which verdict."""
    found: Counter = Counter()
    for (name, case, verdict), count in judged.judged.items():
        if name == "all" and case in cases:
            found[verdict] += count
    return found


def test_every_packet_has_the_verdict_and_the_times_of_the_links(judged):
    """Once; both classes; copies, sizes, paths and delays, too."""
    assert not judged.wrong, str(judged)
    if judged.slow > judged.judged.total() // 10:
        pytest.skip(f"this machine is too busy: {judged.slow} packets took as long as max_transit")
    assert judged.judged.total() > 20 * judged.alike


def test_all_kinds_of_fates_were_there(played, judged):
    """What is compared must not be a play in which nothing happens."""
    for case in (Case.CONTROL, Case.SILENT, Case.AFTER_KILL, Case.COLLECTOR, Case.PLAIN):
        verdicts = of_case(judged, case)
        assert verdicts["complete"] > 200, (case, verdicts)
        assert 0 < verdicts["lost"] < verdicts["complete"] // 4, (case, verdicts)
        assert {"complete", "lost"} == set(verdicts)
    assert of_case(judged, Case.TCP)["complete"] > 50
    packets = [p for of_one in played.truth.all.values() for p in of_one if p.case == Case.PLAIN]
    assert any(not p.whole and p.verdict() == ("complete", 0) for p in packets)
    assert any(not p.whole and p.verdict()[0] == "lost" for p in packets)
    assert {1, 2, 3, 4} == {p.verdict()[1] for p in packets} - {0}


def test_the_packets_of_a_silent_probe_wait(played, judged):
    """No verdict on the whole way before the probe is heard again, though the round is over and the others are heard."""
    assert {0} == set(played.while_silent.values())
    assert not of_case(judged, Case.SILENT)["dropped"]


def test_what_a_killed_probe_did_not_see_is_dropped_not_lost(judged):
    """Between its runs. What was lost before, where another probe can tell, is lost."""
    verdicts = of_case(judged, Case.KILLED)
    assert not verdicts["complete"]
    assert verdicts["dropped"] > 100
    assert verdicts["lost"] < 50
    assert of_case(judged, Case.BEFORE_KILL)["complete"] > 200


def test_what_a_probe_gave_up_is_dropped_not_lost(played, judged):
    """The probe says which PDUs: one_way_gap."""
    verdicts = of_case(judged, Case.GIVEN_UP)
    assert verdicts["dropped"] > GIVEN_UP // 4
    assert {"complete", "lost", "dropped"} >= set(verdicts)
    assert verdicts["lost"] < 50
    assert all(rows_of(played.directory / name, "one_way_gap") for name in COLLECTORS)


def test_a_killed_collector_writes_every_row_once(played):
    """As many as the other one, which lived; no row twice, no file lost."""
    for kind, rows in all_rows(played.directory / "first").items():
        twice = [row for row, count in rows.items() if count > 1]
        assert not twice, (kind, twice[:3])


def test_two_collectors_come_to_equal_figures(played):
    """Row by row, all kinds, though each got its PDUs in an order of its own, and one was killed."""
    first, second = (all_rows(played.directory / name, leave_out=CARRIED) for name in COLLECTORS)
    for kind in first:
        assert first[kind] or kind == "one_way_missed", f"no rows of {kind}"
        assert first[kind] == second[kind], kind


@pytest.mark.parametrize("collector", COLLECTORS)
def test_counters_and_distributions_are_those_of_the_packets(played, collector):
    spool = played.directory / collector
    told, expected = told_figures(spool), added_up(spool)
    for name in HOPS:
        low, high = reordered(spool, INTERVAL_NS)[name]
        assert low <= told[name].pop("reordered", 0) <= high
        assert low > 0
        assert expected[name] == told[name]


@pytest.mark.parametrize("collector", COLLECTORS)
def test_the_offset_of_the_clocks_is_bounded(played, collector):
    """The hosts have one clock: every interval in which packets went both ways says so."""
    offsets = list(offsets_ns(played.directory / collector))
    assert sum(None not in both for both in offsets) > 5
    assert all((low is None or low <= 0) and (high is None or high >= 0) for low, high in offsets)


def test_no_program_complained(played):
    """Of something that it did not expect."""
    assert "Traceback" not in played.told
    assert "negative" not in played.told
