"""The one-way engine: what is settled when, and that order of arrival does not matter."""

from __future__ import annotations

import random

import pytest

from tests.unit.collector.one_way_engine.make import MS, T0, block, define, engine, settle_all
from tmon_collector.one_way.awaited import PATIENCE_NS
from tmon_collector.one_way.packets import COMPLETE, DROPPED, LOST
from tmon_collector.one_way.progress import FOREVER, NEVER
from tmon_common.config.model import SECOND
from tmon_common.observations import ABSENT

TRANSIT = {"a": 0, "b": 10 * MS, "c": 30 * MS}
POINT = {"a": 1, "b": 2, "c": 3}


def rows(probe, numbers, lost=()):
    """Packets one every 100 ms; packet n has signature 1000 + n."""
    return [(7, POINT[probe], 1000 + n, T0 + 100 * MS * n + TRANSIT[probe]) for n in numbers if n not in lost]


def verdicts(an_engine):
    return {signature: verdict for signature, _, verdict, _ in an_engine.results.packets}


def deliver(an_engine, probe, numbers, sequence=0, lost=(), now_ns=0, run_ms=1, **kept):
    numbers = list(numbers)
    watermark_ns = T0 + 100 * MS * (numbers[-1] + 1)
    an_engine.take(block(rows(probe, numbers, lost), sequence, watermark_ns, **kept), probe, run_ms, now_ns)


def test_a_round_waits_for_every_probe():
    """Until the slowest has delivered what the round needs, nothing comes; then all of it, and nothing of the next round."""
    e = engine()
    define(e)
    for probe in "ab":
        deliver(e, probe, range(200))
    assert settle_all(e) == []
    deliver(e, "c", range(100), lost=(5,))
    assert settle_all(e) == []  # the last packets of the first ten seconds may be on their way
    deliver(e, "c", range(100, 200), sequence=1)
    assert [r.end_ns for r in settle_all(e)] == [T0 + 10 * SECOND]
    assert verdicts(e) == {1000 + n: LOST if n == 5 else COMPLETE for n in range(100)}


def test_all_ended_is_all_settled():
    """Without any more to come, the last round needs no watermark; and the class begins anew."""
    e = engine()
    define(e)
    results = e.results
    for probe in "abc":
        deliver(e, probe, range(250), ended=True)
    ends = [r.end_ns for r in settle_all(e)]
    assert ends == [T0 + n * SECOND for n in (10, 20, 30, 40)]  # the last one closes the last interval
    assert {v for _, _, v, _ in results.packets} == {COMPLETE}
    assert len(results.packets) == 250
    assert (e.epoch, e.settled_ns, len(e.buffer), len(e.definitions)) == (1, None, 0, 0)


def test_an_earlier_recording_after_all_have_ended_counts():
    """The next epoch may be of any time; a PDU of the run before does not belong to it."""
    e = engine()
    for epoch, start in ((0, 1000), (1, 0)):
        run_ms = epoch + 1
        define(e, run_ms=run_ms)
        results = e.results
        for probe in "abc":
            deliver(e, probe, range(start, start + 50), ended=True, run_ms=run_ms)
        settle_all(e)
        assert len(results.packets) == 50
        assert e.epoch == epoch + 1
    deliver(e, "a", range(10), sequence=9)
    assert e.counts.late == 10


def test_one_that_ended_does_not_hold_up_rounds():
    """The others go on; what it would have seen later is dropped, not lost."""
    e = engine()
    define(e)
    deliver(e, "c", range(60), ended=True)
    for probe in "ab":
        deliver(e, probe, range(200))
    settle_all(e)
    found = verdicts(e)
    assert [n for n in range(100) if found[1000 + n] == COMPLETE] == list(range(60))
    assert {found[1000 + n] for n in range(62, 100)} == {DROPPED}


def test_before_a_probe_began_packets_are_dropped():
    e = engine()
    define(e)
    for probe in "ab":
        deliver(e, probe, range(200))
    deliver(e, "c", range(40, 200), lost=(50,))
    settle_all(e)
    found = verdicts(e)
    assert {found[1000 + n] for n in range(39)} == {DROPPED}
    assert found[1050] == LOST
    assert {found[1000 + n] for n in range(40, 100)} - {LOST} == {COMPLETE}


def test_a_pdu_given_up_is_a_gap():
    """Its sequence does not hold up the rounds; packets in it are dropped, others that are missing are lost."""
    e = engine()
    define(e)
    for probe in "ab":
        deliver(e, probe, range(200))
    deliver(e, "c", range(20), lost=(3,))
    deliver(e, "c", range(30, 200), sequence=2)
    assert settle_all(e) == []
    e.gap("c", 1, 1, T0 + 2 * SECOND + TRANSIT["c"], T0 + 29 * 100 * MS + TRANSIT["c"])
    settle_all(e)
    found = verdicts(e)
    assert {n for n in range(100) if found[1000 + n] == DROPPED} == set(range(20, 30))
    assert {n for n in range(100) if found[1000 + n] == LOST} == {3}
    assert e.counts.gaps == 1


def test_a_gap_that_came_nevertheless_is_none():
    e = engine()
    define(e)
    for probe in "ab":
        deliver(e, probe, range(200))
    deliver(e, "c", range(20))
    e.gap("c", 1, 1, T0 + 2 * SECOND, T0 + 3 * SECOND)
    deliver(e, "c", range(20, 30), sequence=1)
    deliver(e, "c", range(30, 200), sequence=2)
    settle_all(e)
    assert set(verdicts(e).values()) == {COMPLETE}


def test_max_lifetime_forces():
    """A probe that delivers no more is waited for so long from when another one has delivered what is needed; then the rest of
    what it would have seen is dropped. What it tells later is late."""
    e = engine(max_lifetime_ns=100 * SECOND)
    define(e)
    deliver(e, "c", range(50))
    for probe in "ab":
        deliver(e, probe, range(200), now_ns=1 * SECOND)
    assert settle_all(e, 100 * SECOND) == []
    assert e.waits_for == ["c"]
    assert len(settle_all(e, 101 * SECOND)) > 0
    found = verdicts(e)
    assert {found[1000 + n] for n in range(49)} == {COMPLETE}
    assert {found[1000 + n] for n in range(51, 100)} == {DROPPED}
    assert e.forced_by == (["c"], "max_lifetime")
    before = e.counts.late
    deliver(e, "c", range(50, 100), sequence=1)
    assert e.counts.late == before + 50


def test_a_pdu_that_never_comes_holds_up_once():
    """A crash of the machine may take what was acknowledged. After max_lifetime the PDU is given up, no other round is forced."""
    e = engine(max_lifetime_ns=100 * SECOND)
    define(e)
    for k in range(20):
        for probe in "abc":
            if (probe, k) == ("c", 0):
                continue
            deliver(e, probe, range(200 * k, 200 * k + 200), sequence=k, now_ns=20 * k * SECOND)
        settle_all(e, 20 * k * SECOND)
    found = verdicts(e)
    assert {found[1000 + n] for n in range(190)} == {DROPPED}
    assert {found[1000 + n] for n in range(200, 3800)} == {COMPLETE}
    assert 0 < e.counts.rounds_forced < 3
    assert e.settled_ns >= T0 + 380 * SECOND


def test_a_late_slot_lets_a_probe_come_back():
    """c ends, and comes back a moment later as another run; its second run is not too late, because the interval is still open."""
    e = engine(late_slots=2)
    define(e)
    deliver(e, "c", range(60), ended=True)
    for probe in "ab":
        deliver(e, probe, range(250))
    assert settle_all(e) == []
    define(e, "c", run_ms=2)
    deliver(e, "c", range(80, 700), run_ms=2)
    for probe in "ab":
        deliver(e, probe, range(250, 700), sequence=1)
    settle_all(e)
    found = verdicts(e)
    assert {n for n in range(100) if found[1000 + n] == COMPLETE} == {*range(60), *range(80, 100)}
    assert e.counts.late == 0


def test_max_in_flight_forces_the_oldest():
    """Memory is bounded; what is settled for want of room is counted."""
    e = engine(max_in_flight=400)
    define(e)
    for k in range(20):
        for probe in "ab":
            deliver(e, probe, range(20 * k, 20 * k + 20), sequence=k)
        settle_all(e)
        assert len(e.buffer) <= 400
    assert e.counts.rounds_forced > 0
    assert e.counts.refused == 0
    assert len(e.results.packets) + len(e.buffer) // 2 == 400


def test_beyond_max_in_flight_is_refused_and_counted():
    e = engine(max_in_flight=100)
    define(e)
    deliver(e, "a", range(130))
    assert (len(e.buffer), e.counts.refused) == (100, 30)


def test_undefined_flows_wait_and_are_counted():
    """A round waits for the definition of a flow that it holds, but not for ever."""
    e = engine()
    deliver(e, "a", range(200))
    define(e)
    for probe in "bc":
        e.take(block([(8, POINT[probe], 5, T0)], 0, T0 + 100 * SECOND), probe, 1, 0)
    assert settle_all(e, PATIENCE_NS - 1) == []
    settle_all(e, PATIENCE_NS)
    assert len(e.results.packets) == 100
    assert e.counts.undefined == 2
    assert e.counts.rounds_forced == 0


@pytest.mark.parametrize("ended", [False, True])
def test_definitions_may_come_last(ended):
    """All has been delivered, and of some flows it is not known yet which they are: nothing is settled, nothing is lost by that."""
    e = engine()
    results = e.results
    define(e, "ab")
    for probe in "abc":
        deliver(e, probe, range(150), ended=ended)
    assert settle_all(e) == []
    define(e, "c")
    assert len(settle_all(e)) > 0
    assert {v for _, _, v, _ in results.packets} == {COMPLETE}
    assert len(results.packets) == (150 if ended else 100)
    assert e.counts.undefined == 0


def test_what_is_not_defined_yet_holds_up_no_earlier_round():
    """A flow that begins in the second round; the first one is settled all the same."""
    e = engine()
    define(e)
    for probe in "abc":
        deliver(e, probe, range(300))
        e.take(block([(8, POINT[probe], 5, T0 + 12 * SECOND)], 1), probe, 1, 0)
    assert [r.end_ns for r in settle_all(e)] == [T0 + 10 * SECOND]
    define(e, flow=8)
    assert [r.end_ns for r in settle_all(e)] == [T0 + 20 * SECOND]
    assert len(results := e.results.packets) == 201
    assert {v for _, _, v, _ in results} == {COMPLETE}


def test_an_observation_behind_the_end_of_a_round_waits_for_its_definition_too():
    """A packet left at the end of a round; the last probe saw it in the next one, in a flow that is not defined yet there."""
    e = engine()
    results = e.results
    define(e, "ab")
    left = T0 + 10 * SECOND - MS
    for probe, time_ns in (("a", left), ("b", left + 5 * MS), ("c", left + 10 * MS)):
        e.take(block([(7, POINT[probe], 5, time_ns)], 0, ended=True), probe, 1, 0)
    assert settle_all(e) == []
    define(e, "c")
    assert len(settle_all(e)) > 0
    assert [(5, COMPLETE)] == [(signature, verdict) for signature, _, verdict, _ in results.packets]


def test_no_definition_is_waited_for_when_room_is_short():
    e = engine(max_in_flight=320)
    define(e, "ab")
    for probe in "abc":
        deliver(e, probe, range(100))
    deliver(e, "a", range(100, 200), sequence=1)
    assert len(e.buffer) == 320
    settle_all(e)
    assert len(e.buffer) < 320
    assert e.counts.undefined > 0


def test_probes_that_do_not_belong_are_counted():
    e = engine(probes="ab")
    define(e, "ab")
    deliver(e, "c", range(5))
    e.take(block([(7, 1, 1, T0)], 0), "nobody", 1, 0)
    assert e.counts.unexpected == 6
    for probe in "ab":
        deliver(e, probe, range(200))
    settle_all(e)
    assert set(verdicts(e).values()) == {DROPPED}  # c does not send to this collector: nobody can tell


def test_a_pdu_twice_counts_once():
    e = engine()
    define(e)
    for probe in "abc":
        for _ in range(2):
            deliver(e, probe, range(200))
    settle_all(e)
    assert len(e.results.packets) == 100
    assert set(verdicts(e).values()) == {COMPLETE}


@pytest.mark.parametrize("seed", range(25))
def test_order_of_arrival_does_not_matter(seed):
    """Two collectors that get the same PDUs in another order (and some twice), with ticks in between, settle the same packets
    alike."""
    random_ = random.Random(seed)
    lost = {p: {n for n in range(400) if random_.random() < 0.1} for p in "abc"}
    lost["b"] |= lost["a"]
    lost["c"] |= lost["b"]
    pdus = []
    for probe in "abc":
        begin, gone = random_.randrange(50), random_.randrange(3, 9)
        numbers = list(range(begin, 400))
        cuts = sorted(random_.sample(range(1, len(numbers)), 12))
        for sequence, (a, b) in enumerate(zip([0, *cuts], [*cuts, len(numbers)], strict=True)):
            times = rows(probe, numbers[a:b], lost[probe])
            if sequence == gone and times:
                pdus.append(("gap", probe, sequence, times[0][3], times[-1][3]))
            else:
                watermark_ns = ABSENT if random_.random() < 0.3 else T0 + 100 * MS * numbers[b - 1] + TRANSIT[probe] + 1
                pdus.append(("block", probe, block(times, sequence, watermark_ns, ended=b == len(numbers))))
    outcomes = []
    for _ in range(3):
        random_.shuffle(pdus)
        e = engine(interval_ns=5 * SECOND)
        results = e.results
        define(e)
        for kind, probe, *what in pdus:
            if kind == "gap":
                e.gap(probe, 1, *what)
            else:
                e.take(what[0], probe, 1, 0)
            settle_all(e)
        assert e.epoch == 1
        assert e.counts.late == e.counts.refused == e.counts.rounds_forced == 0
        outcomes.append((sorted(results.packets), results.ends[-1]))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(outcomes[0][0]) > 200


def test_a_restart_knows_what_it_knew():
    """State and observations of an earlier start: the same packets are settled as without it."""
    first, whole = engine(), engine()
    for e in (first, whole):
        define(e)
        deliver(e, "a", range(100))
        e.gap("b", 1, 1, T0 + 3 * SECOND, T0 + 4 * SECOND)
    state = first.state()
    second = engine()
    second.begin_restoring({})
    assert second.restore(state)
    define(second)
    second.take(block(rows("a", range(100)), 0, ABSENT), "a", 1, 0)  # known already: not taken twice
    assert len(second.buffer) == 0
    second.end_restoring()
    assert second.state() == state
    assert second.progress["a"].delivered_ns == whole.progress["a"].delivered_ns
    assert second.delivered_ns == NEVER < FOREVER


def test_other_hops_make_a_state_useless():
    e = engine()
    state = e.state() | {"points": [["0", "x", "eth0"]]}
    assert not engine().restore(state)
