"""Clocks bounded by heartbeats, against a network and clocks that are known."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_collector.clock_watch import MAX_RUNS, ROWS_EVERY_NS, ClockWatch
from tmon_collector.clocks import WINDOW_NS, ProbeClock
from tmon_common.events.rows import rows_of
from tmon_common.observations import ABSENT
from tmon_common.pdu.contents import NO_LAG, Heartbeat

MS, SECOND = 1_000_000, 1_000_000_000
START = 1_700_000_000 * SECOND
BEAT = 30 * SECOND


class World:
    """True time, a collector whose clock is `offset` ahead of the probe's, and ways that take `up()` and `down()`."""

    def __init__(self, offset, up, down, tolerance=10 * MS):
        self.now, self.offset, self.up, self.down = 0, offset, up, down
        self.lag = NO_LAG
        self.watch = ClockWatch("rome", tolerance, 0)
        self.events = []

    def beat(self, answered=True):
        """A heartbeat, and its answer, of which the next heartbeat tells."""
        sent = Heartbeat(0, 0, START + self.now, self.lag)
        at = self.now + self.up()
        self.events += self.watch.heard("west", 7, sent, START + at + self.offset, at)
        back = at + self.down()
        self.lag = (START + back) - (START + at + self.offset) if answered else NO_LAG
        self.now += BEAT

    @property
    def clock(self):
        return self.watch._probes["west"].runs[7].clock

    def codes(self):
        return [e.code for e in self.events]


@given(st.integers(-5 * SECOND, 5 * SECOND), st.integers(0, 2 * SECOND), st.integers(0, 2 * SECOND), st.integers(0, 2**32))
def test_the_truth_is_between_the_bounds(offset, up_ns, down_ns, seed):
    """Whatever the ways take, and however unlike they are; nothing that is steady looks like a step."""
    chance = random.Random(seed)
    world = World(offset, lambda: chance.randrange(up_ns + 1), lambda: chance.randrange(down_ns + 1))
    for _ in range(20):
        world.beat(chance.random() < 0.8)
        known = world.clock.bounds()
        assert known.high >= offset
        assert known.low is None or known.low <= offset
    assert world.clock.steps == 0
    assert "clock_stepped" not in world.codes()


@given(st.lists(st.tuples(*[st.sampled_from([-2**63, -2**63 + 1, -1, 0, START, 2**62, 2**63 - 1])] * 2), min_size=1, max_size=6))
def test_whatever_a_heartbeat_tells_becomes_a_row(heartbeats):
    """Under a CRC anybody can tell anything: figures that no clock has must not end the collector."""
    watch = ClockWatch("rome", 10 * MS, 0)
    for n, (sent, lag) in enumerate(heartbeats):
        rows_of(watch.heard("west", 7, Heartbeat(0, 0, sent, lag), START, n * BEAT), "here", "collector")
    assert len(list(watch.rows(START, ROWS_EVERY_NS))) == 1


def test_bounds_are_the_tightest_of_the_window():
    """And old heartbeats leave it."""
    ways = iter([5 * MS, 2 * MS] + [9 * MS] * 40)
    world = World(0, lambda: next(ways), lambda: 4 * MS)
    for _ in range(3):
        world.beat()
    assert (world.clock.bounds().low, world.clock.bounds().high) == (-4 * MS, 2 * MS)
    for _ in range(WINDOW_NS // BEAT + 1):
        world.beat()
    assert world.clock.bounds().high == 9 * MS
    assert world.clock.bounds().heartbeats == WINDOW_NS // BEAT + 1


@pytest.mark.parametrize("step", [-SECOND, SECOND, -20 * MS, 20 * MS])
def test_a_step_is_noticed(step):
    """Within two heartbeats, told with how much it was at least, and forgotten samples do not spoil the bounds."""
    world = World(0, lambda: MS, lambda: MS, tolerance=10 * MS)
    for _ in range(5):
        world.beat()
    world.offset = step
    for _ in range(3):
        world.beat()
    assert world.codes().count("clock_stepped") == 1
    by_us = dict(world.events[0].values)["by_us"]
    assert abs(by_us * 1000 - step) <= 2 * MS
    world.beat()
    assert world.clock.bounds().low <= step <= world.clock.bounds().high


def test_unsound_and_sound_again():
    """Surely too far off, twice in a row; then within reach again, twice in a row. Each is told once."""
    world = World(15 * MS, lambda: MS, lambda: MS, tolerance=10 * MS)
    for _ in range(6):
        world.beat()
    assert world.codes() == ["clock_unsound"]
    assert dict(world.events[0].values) == {"offset_low_us": 14_000, "offset_high_us": 16_000}
    world.offset = 2 * MS
    for _ in range(6):
        world.beat()
    assert [c for c in world.codes() if c != "clock_stepped"] == ["clock_unsound", "clock_sound"]


def test_what_slow_ways_hide_is_not_told():
    """An offset of 15 ms may be there or not if the way takes 300 ms: no verdict."""
    world = World(15 * MS, lambda: 300 * MS, lambda: 300 * MS)
    for _ in range(10):
        world.beat()
    assert world.codes() == []


def test_a_probe_that_hears_no_answer():
    """Only the upper bound is known; a probe that is surely ahead is told all the same."""
    world = World(-50 * MS, lambda: MS, lambda: MS)
    for _ in range(3):
        world.beat(answered=False)
    assert world.clock.bounds().low is None
    assert world.codes() == ["clock_unsound"]


def test_a_mad_clock_does_not_flood():
    """Heartbeats whose times jump about, ten thousand in a minute: a few events."""
    chance = random.Random(3)
    watch, events = ClockWatch("rome", MS, 0), []
    for n in range(10_000):
        now = n * 6 * MS
        mad = Heartbeat(0, 0, START + chance.randrange(-SECOND, SECOND), chance.randrange(SECOND))
        events += watch.heard("west", 7, mad, START, now)
    assert 1 <= len(events) <= 3


def test_runs_without_end():
    """Heartbeats of ever other runs, as anybody can send under a CRC: what is kept, told and written stays bounded."""
    watch, events = ClockWatch("rome", MS, 0), []
    for n in range(3000):
        for sent in (START, START, START + SECOND):
            events += watch.heard("west", n, Heartbeat(0, 0, sent, NO_LAG), START + SECOND, n)
    assert len(events) <= 3
    rows = list(watch.rows(START, ROWS_EVERY_NS))
    assert [row.run_ms for row in rows] == list(range(3000 - MAX_RUNS, 3000))


def test_rows():
    """One a minute for each run that was heard."""
    world = World(3 * MS, lambda: MS, lambda: 2 * MS)
    world.beat()
    assert list(world.watch.rows(START, ROWS_EVERY_NS - 1)) == []
    [row] = world.watch.rows(START + 5, ROWS_EVERY_NS)
    assert (row.probe, row.run_ms, row.rows.strings) == ("west", 7, ["rome"])
    assert row.rows.values[0].tolist() == (START + 5, 0, ABSENT, 4 * MS, ABSENT, 1, 0)
    world.beat()
    assert list(world.watch.rows(START, ROWS_EVERY_NS)) == []
    [row] = world.watch.rows(START + 6, 2 * ROWS_EVERY_NS)
    assert row.rows.values[0].tolist() == (START + 6, 0, MS, 4 * MS, 3 * MS, 2, 0)
    assert list(world.watch.rows(START, 3 * ROWS_EVERY_NS)) == []


def test_steps_are_counted_in_rows():
    world = World(0, lambda: MS, lambda: MS)
    world.beat()
    world.beat()
    world.offset = SECOND
    world.beat()
    world.beat()
    [row] = world.watch.rows(START, ROWS_EVERY_NS)
    assert row.rows.values[0]["steps"] == 1


def test_a_clock_alone():
    """Nothing is known before the first heartbeat."""
    assert ProbeClock(MS).bounds() is None
