"""How far a probe has come, whatever order its PDUs take, and when its points were blind."""

from __future__ import annotations

import itertools
import json

import pytest

from tmon_collector.one_way import progress as module
from tmon_collector.one_way.progress import EDGE_NS, FOREVER, NEVER, ProbeProgress, RunProgress
from tmon_common.config.model import SECOND
from tmon_common.observations import ABSENT


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_order_does_not_matter(order):
    """Three PDUs and a gap: contiguous at the end of all orders, never further than the first that is missing."""
    run = RunProgress(1)
    for n in order:
        if n == 2:
            run.gap(2, 250, 280)
        else:
            assert run.block(n, 100 * (n + 1), ended=n == 3, first_ns=100 * n, last_ns=100 * n + 90)
        assert run.next == next(k for k in range(5) if k not in order[: order.index(n) + 1])
    assert (run.begin_ns, run.until_ns, run.over, run.blind()) == (0, 400, True, [(250, 280)])


def test_a_watermark_beyond_a_hole_does_not_count():
    run = RunProgress(1)
    run.block(0, 100, ended=False)
    run.block(2, 300, ended=False)
    assert run.until_ns == 100
    run.block(1, ABSENT, ended=False)
    assert run.until_ns == 300


def test_a_pdu_twice():
    run = RunProgress(1)
    assert run.block(0, 100, ended=False)
    assert not run.block(0, 100, ended=False)
    run.gap(0, 5, 6)
    assert run.blind() == []


def test_pdus_given_up_together():
    """One row for several; those without observations leave nothing blind."""
    run = RunProgress(1)
    run.gap(0, ABSENT, ABSENT, 3)
    run.gap(3, 10, 20, 2)
    run.block(5, 100, ended=False)
    assert (run.next, run.blind(), run.until_ns) == (6, [(10, 20)] * 2, 100)
    assert run.block(4, 50, ended=False)  # it came nevertheless; the other one did not
    assert run.blind() == [(10, 20)]


def test_gaps_are_bounded(monkeypatch):
    """What is merged covers what it was made of."""
    monkeypatch.setattr(module, "MAX_GAPS", 8)
    run = RunProgress(1)
    for n in range(100):
        run.gap(n, 10 * n, 10 * n + 5)
        assert len(run.blind()) <= 8
    assert min(run.blind())[0] == 0
    assert all(any(a <= 10 * n and 10 * n + 5 <= b for a, b in run.blind()) for n in range(100))


def test_a_hole_that_is_too_old_is_given_up(monkeypatch):
    """Memory is bounded: what is not known of it counts as blind."""
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    run = RunProgress(1)
    run.block(0, 100, ended=False)
    for n in range(2, 10):
        run.block(n, 100 * n, ended=False)
    assert run.next == 10
    assert run.blind() == [(100, 200)]


def test_edges_of_a_run():
    """Blind before it began and after it ended, but for the edge; exactly from what it has not delivered, if it has not ended."""
    probe = ProbeProgress()
    assert probe.blind().tolist() == [[NEVER, FOREVER]]
    assert probe.delivered_ns == NEVER
    run = probe.run(1)
    run.block(0, 5 * SECOND, ended=False, first_ns=SECOND, last_ns=2 * SECOND)
    assert probe.blind().tolist() == [[NEVER, SECOND - EDGE_NS - 1], [5 * SECOND, FOREVER]]
    assert probe.delivered_ns == 5 * SECOND
    run.block(1, ABSENT, ended=True, first_ns=6 * SECOND, last_ns=7 * SECOND)
    assert probe.blind().tolist() == [[NEVER, SECOND - EDGE_NS - 1], [7 * SECOND + 1 + EDGE_NS, FOREVER]]
    assert probe.delivered_ns == FOREVER


def test_a_new_run_supersedes():
    """Whatever order they are heard in: blind between what the first delivered and where the second begins."""
    for order in ((1, 2), (2, 1)):
        probe = ProbeProgress()
        for run_ms in order:
            probe.run(run_ms).block(0, 10 * run_ms * SECOND, ended=False, first_ns=(10 * run_ms - 2) * SECOND, last_ns=0)
        assert probe.blind()[1].tolist() == [10 * SECOND, 18 * SECOND - EDGE_NS - 1]
        assert probe.delivered_ns == 20 * SECOND
        assert not probe.over


def test_old_runs_are_forgotten():
    probe = ProbeProgress()
    for run_ms in range(1, 6):
        probe.run(run_ms).block(0, 10 * run_ms * SECOND, ended=False, first_ns=(10 * run_ms - 2) * SECOND, last_ns=0)
    probe.forget(35 * SECOND)
    assert [r.run_ms for r in probe.runs] == [4, 5]
    assert probe.run(3) is None
    for run_ms in range(6, 40):
        probe.run(run_ms)
    assert len(probe.runs) == module.MAX_RUNS


def test_state_is_restored():
    probe = ProbeProgress()
    run = probe.run(5)
    run.block(0, 100, ended=False, first_ns=1, last_ns=2)
    run.block(4, 200, ended=True, first_ns=1, last_ns=2)
    run.gap(1, 5, 6)
    state = json.loads(json.dumps(probe.state()))
    restored = ProbeProgress.restored(state)
    assert restored.state() == state
    for p in (probe, restored):
        p.run(5).gap(2, ABSENT, ABSENT, 2)
        assert (p.over, p.runs[0].until_ns) == (True, 200)


def test_a_live_probe_knows_its_edges():
    """What it did not say it observed, it did not; also after a restart of the collector."""
    probe = ProbeProgress(edge_ns=0)
    run = probe.run(1)
    run.block(0, 5 * SECOND, ended=False, first_ns=SECOND, last_ns=4 * SECOND)
    run.block(1, 7 * SECOND, ended=True)
    blind = [[NEVER, SECOND - 1], [7 * SECOND, FOREVER]]
    assert probe.blind().tolist() == blind
    restored = ProbeProgress.restored(json.loads(json.dumps(probe.state())), edge_ns=0)
    assert restored.blind().tolist() == blind
