"""A clock that is wrong, or one forged PDU, must not spoil what comes after it."""

from __future__ import annotations

import pytest

from tests.unit.collector.one_way_engine.make import MS, T0, block, define, engine, settle_all
from tmon_collector.one_way.engine import LEAD_NS
from tmon_collector.one_way.packets import COMPLETE
from tmon_common.config.model import SECOND
from tmon_common.observations import ABSENT

YEARS = 3650 * 86400 * SECOND


def deliver(e, probe, k, sequence, run_ms=1):
    """Twenty seconds of a packet every 100 ms, as they happen."""
    rows = [(7, "abc".index(probe) + 1, 1000 + n, T0 + 100 * MS * n) for n in range(200 * k, 200 * k + 200)]
    now_ns = 20 * (k + 1) * SECOND
    e.take(block(rows, sequence, T0 + now_ns), probe, run_ms, now_ns, T0 + now_ns)


def settle(e, k):
    now_ns = 20 * (k + 1) * SECOND
    found = []
    while (settled := e.tick(now_ns, T0 + now_ns)) is not None:
        found.append(settled)
    return found


def all_complete(e, seconds):
    """Each packet of those seconds once, complete; and nothing was late."""
    packets = [p for p in e.results.packets if p[0] != 5]
    assert sorted(p[0] for p in packets) == list(range(1000, 1000 + 10 * seconds))
    assert {p[2] for p in packets} == {COMPLETE}
    assert (e.counts.late, e.counts.rounds_forced) == (0, 0)


@pytest.mark.parametrize("away_ns", [YEARS, 2 * 3600 * SECOND, -YEARS])
@pytest.mark.parametrize("first", [True, False])
def test_one_pdu_of_another_time(away_ns, first):
    """Of one probe of three, at the very beginning or in the midst; and time goes on for longer than max_lifetime."""
    e = engine(max_lifetime_ns=100 * SECOND)
    define(e)
    strange = [block([(7, 3, 5, T0 + away_ns)], 0 if first else 1, T0 + away_ns), "c", 1, 0, T0]
    if first:
        e.take(*strange)
    for k in range(20):
        for probe in "abc":
            deliver(e, probe, k, k + (probe == "c" and (first or k > 0)))
        if k == 0 and not first:
            e.take(*strange)
        settle(e, k)
    all_complete(e, 390)


@pytest.mark.parametrize("first", [True, False])
def test_one_pdu_of_another_time_when_there_is_one_probe_only(first):
    """Nobody else tells the time but the clock of the collector."""
    e = engine("a", max_lifetime_ns=100 * SECOND)
    define(e)
    for k in range(20):
        if k == (0 if first else 3):
            e.take(block([(7, 1, 5, T0 + YEARS)], k, T0 + YEARS), "a", 1, 0, T0 + 20 * k * SECOND)
        deliver(e, "a", k, k + (k >= (0 if first else 3)))
        settle(e, k)
    assert len(e.results.packets) == 3900
    assert e.counts.late == 0


def test_a_clock_that_was_ahead_does_not_fill_the_buffer():
    """What was observed then is dropped when room is needed, and counted; the rest of the class goes on."""
    e = engine(max_in_flight=3000)
    define(e)
    ahead = [(7, 3, n, T0 + YEARS + n * MS) for n in range(1600)]
    e.take(block(ahead, 0, T0 + YEARS + 2 * SECOND), "c", 1, 0, T0)
    for k in range(20):
        for probe in "abc":
            deliver(e, probe, k, k + (probe == "c"))
        settle(e, k)
    all_complete(e, 390)
    assert e.counts.ahead == 1600
    assert e.counts.refused == 0


def test_want_of_room_settles_half_of_what_waits():
    """However far apart the times are."""
    e = engine(max_in_flight=1700)
    define(e)
    e.take(block([(7, 1, 5, T0 + LEAD_NS // 2)], 0, ABSENT), "a", 1, 0, T0)
    for k in range(10):
        deliver(e, "b", k, k)
        settle(e, k)
    assert e.counts.rounds_forced
    assert e.counts.late == e.counts.refused == 0
    assert len(e.results.packets) + len(e.buffer) == 2001


def test_a_run_that_began_in_the_future_is_superseded_by_the_next_one():
    """A probe starts with a wrong clock, and is started again with the right one."""
    e = engine(max_lifetime_ns=600 * SECOND)
    future_ms, right_ms = (T0 + YEARS) // 1_000_000, T0 // 1_000_000
    define(e, "ab", run_ms=right_ms)
    for run_ms in (future_ms, right_ms):
        define(e, "c", run_ms=run_ms)
    e.take(block([(7, 3, 5, T0)], 0, T0 + 100 * MS), "c", future_ms, 0, T0)
    for k in range(20):
        for probe in "abc":
            deliver(e, probe, k, k, right_ms)
        settle(e, k)
    all_complete(e, 390)
    assert [r.run_ms for r in e.progress["c"].runs] == [right_ms]
    define(e, "c", run_ms=right_ms + 1)
    deliver(e, "c", 20, 0, right_ms + 1)
    assert e.counts.late == 0


@pytest.mark.parametrize("wall_ns", [T0 - YEARS, T0])
def test_recordings_of_the_future(wall_ns):
    """Probes replay one after the other what clocks have stamped that were all wrong: nothing is lost."""
    e = engine()
    define(e)
    results = e.results
    for probe in "cab":
        for k in range(5):
            rows = [(7, "abc".index(probe) + 1, n, T0 + YEARS + n * 100 * MS) for n in range(200 * k, 200 * k + 200)]
            e.take(block(rows, k, rows[-1][3] + 1, ended=k == 4), probe, 1, 0, wall_ns)
            while e.tick(0, wall_ns) is not None:
                pass
    assert e.epoch == 1
    assert [p[2] for p in results.packets] == [COMPLETE] * 1000


def test_a_collector_whose_clock_is_behind():
    """Probes agree: they are believed."""
    e = engine()
    define(e)
    for k in range(20):
        for probe in "abc":
            rows = [(7, "abc".index(probe) + 1, 1000 + n, T0 + YEARS + 100 * MS * n) for n in range(200 * k, 200 * k + 200)]
            e.take(block(rows, k, T0 + YEARS + 20 * (k + 1) * SECOND), probe, 1, 0, T0)
        while e.tick(0, T0) is not None:
            pass
    assert len(e.results.packets) >= 3900 - 200
    assert {p[2] for p in e.results.packets} == {COMPLETE}
    assert settle_all(e) == []
