"""Playbooks: what the counters say, second by second, and which events that makes."""

import pytest

from tmon_common.clock import FakeClock
from tmon_common.events import CATALOGUE, Event
from tmon_probe.father.watch import (
    REASONS,
    DropWatch,
    Growth,
    HealthWatch,
    InterfaceTotals,
    MalformedWatch,
    MergedWatch,
    Moment,
    RingTotals,
    RingWatch,
    TrafficWatch,
    Watched,
)

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


@pytest.fixture
def clock():
    return FakeClock(START, 5 * SECOND)


def play(clock, look, steps):
    """steps: (seconds since the start, *arguments of look). (second, code, values) of every event."""
    told = []
    for second, *arguments in steps:
        clock.advance(START + round(second * SECOND) - clock.wall_ns())
        told += [(second, e.code, *dict(e.values).values()) for e in look(*arguments, Moment.of(clock)) if stamped(e, clock)]
    return told


def stamped(event: Event, clock) -> bool:
    assert event.time_ns == clock.wall_ns()
    assert event.text
    return True


def every(seconds, start, end, *arguments):
    """The same look again and again."""
    count = round((end - start) / seconds)
    return [(start + i * seconds, *arguments) for i in range(count)]


def test_silence_and_return(clock):
    """One event each, with how long it lasted; silences below the limit are none; a later one is told again."""
    watch = TrafficWatch("lan", 10 * SECOND, Moment.of(clock))
    assert play(clock, watch.look, [
        *every(1, 1, 5, 7), *every(1, 5, 14, 8), (14, 9),  # nine seconds
        *every(1, 15, 100, 9), (100, 10), (101, 10), *every(1, 102, 112, 10), (112, 11)]) == [
        (24, "no_traffic", 10), (100, "traffic_back", 86), (110, "no_traffic", 10), (112, "traffic_back", 12)]


def test_an_interface_that_never_had_a_packet(clock):
    """The silence begins with the watch."""
    watch = TrafficWatch("lan", 3 * SECOND, Moment.of(clock))
    assert play(clock, watch.look, every(0.5, 0.5, 10, 0)) == [(3.0, "no_traffic", 3)]


def test_no_limit_no_event(clock):
    watch = TrafficWatch("lan", 0, Moment.of(clock))
    assert play(clock, watch.look, [(1, 0), *every(1, 2, 10_000, 1), (10_000, 2)]) == []


def test_a_probe_that_did_not_look_blames_nobody(clock):
    """The machine slept for an hour: no packet was lost by the link. Silence afterwards counts as ever."""
    watch = TrafficWatch("lan", 10 * SECOND, Moment.of(clock))
    assert play(clock, watch.look, [(1, 5), (3601, 5), (3602, 6), (3603, 6), (7203, 6), *every(1, 7204, 7220, 6)]) == [
        (7212, "no_traffic", 10)]


def test_the_wall_clock_may_step(clock):
    """Lengths are of the monotonic clock."""
    watch = TrafficWatch("lan", 10 * SECOND, Moment.of(clock))
    clock.advance(SECOND)
    clock.step(-3600 * SECOND)
    assert watch.look(0, Moment.of(clock)) == []
    for _ in range(9):
        clock.advance(SECOND)
        events = watch.look(0, Moment.of(clock))
    assert [(e.code, e.time_ns, e.values) for e in events] == [("no_traffic", START - 3590 * SECOND, (("seconds", 10),))]


def test_drops(clock):
    """The first at once, then once a minute what came since, the end after a minute without."""
    watch = DropWatch("lan", Moment.of(clock))
    assert play(clock, watch.look, [
        (1, 0), (2, 10), (3, 15), (4, 15), (30, 40), (61, 40), (62, 40), (63, 41), (121, 41), (122, 41), (122.5, 41), (181, 41),
        (182, 41), (500, 41), (501, 50), (502, 50)]) == [
        (2, "kernel_drops", 10, 1), (62, "kernel_drops", 30, 60), (122, "kernel_drops", 1, 60),
        (181, "kernel_drops_ended", 41, 61), (501, "kernel_drops", 9, 1)]


def test_drops_of_a_device_that_came_back(clock):
    """Its counter starts again; nothing is told twice, nothing negative."""
    watch = DropWatch("lan", Moment.of(clock))
    assert play(clock, watch.look, [(1, 100), (2, 7), (3, 7), (61, 7)]) == [
        (1, "kernel_drops", 100, 1), (61, "kernel_drops", 7, 60)]


def test_the_last_look_tells_what_is_held_back(clock):
    watch = DropWatch("lan", Moment.of(clock))
    watch.look(5, Moment.of(clock))
    clock.advance(SECOND)
    assert [e.values for e in watch.look(8, Moment.of(clock), last=True)] == [(("packets", 3), ("seconds", 1))]
    assert watch.look(8, Moment.of(clock), last=True) == []


def test_ring(clock):
    """Saturated at the first wait; restored when it has stayed below half for a second, told with its length and waits."""
    watch = RingWatch("ring", 100, Moment.of(clock))
    assert play(clock, watch.look, [
        (0.1, 99, 0), (0.2, 100, 3), (0.3, 100, 4), (0.4, 50, 4), (0.5, 49, 4), (1.3, 10, 4), (1.35, 60, 4), (1.4, 0, 4),
        (2.3, 0, 4), (2.4, 0, 4), (3, 0, 4)]) == [(0.2, "ring_saturated", 100, 3), (2.4, "ring_restored", 1150, 4)]


def test_a_wait_between_two_looks_at_an_empty_ring(clock):
    """The fill was high in between: the wait tells."""
    watch = RingWatch("ring", 100, Moment.of(clock))
    assert play(clock, watch.look, [(1, 0, 1), (1.9, 0, 2), (2.8, 0, 2), (2.9, 0, 2)]) == [
        (1, "ring_saturated", 100, 1), (2.9, "ring_restored", 900, 2)]


def test_a_ring_that_fills_again_and_again(clock):
    """It has to be calm for longer each time, so that one overload does not make a hundred events; a quiet minute forgives."""
    watch = RingWatch("ring", 100, Moment.of(clock))
    steps = [(t / 10, 0, 1 + t // 30) for t in range(1, 6000)]  # a wait every 3 s for ten minutes
    told = play(clock, watch.look, steps)
    assert [code for _, code, *_ in told] == ["ring_saturated", "ring_restored"] * 2 + ["ring_saturated"]
    waits = steps[-1][-1]
    assert [e[1:] for e in play(clock, watch.look, every(0.1, 600, 700, 0, waits))] == [
        ("ring_restored", pytest.approx(600_000, abs=10_000), waits - told[3][3] - told[1][3])]
    assert [e[1] for e in play(clock, watch.look, [(701, 0, waits + 1), (702.5, 0, waits + 1)])] == [
        "ring_saturated", "ring_restored"]


def test_malformed_packets(clock):
    """Each reason at its own pace, in words; one that has no words yet by its name."""
    watch = MalformedWatch("lan", Moment.of(clock))
    assert play(clock, watch.look, [
        (1, {"malformed_link": 0, "malformed_ip_length": 2}), (2, {"malformed_link": 1, "malformed_ip_length": 9}),
        (61, {"malformed_link": 1, "malformed_ip_length": 9, "malformed_mpls": 1})]) == [
        (1, "malformed_packets", 2, 1, REASONS["malformed_ip_length"]), (2, "malformed_packets", 1, 1, REASONS["malformed_link"]),
        (61, "malformed_packets", 7, 60, REASONS["malformed_ip_length"]), (61, "malformed_packets", 1, 61, "malformed mpls")]


def test_merged_packets(clock):
    watch = MergedWatch("lan", Moment.of(clock))
    assert play(clock, watch.look, [(1, 0), (2, 4), (3, 5), (62, 5)]) == [
        (2, "packets_merged", 4, 1), (62, "packets_merged", 1, 60)]


def test_reasons_are_counted():
    """Every reason with words is a counter of the father."""
    from tmon_probe.father import counts

    assert set(REASONS) <= set(counts.NAMES)


def test_growth_is_counted_over_restarts(clock):
    growth = Growth(Moment.of(clock))
    for value in (5, 3, 10, 0, 1):
        growth.told(value, Moment.of(clock))
    assert growth.total == 5 + 3 + 7 + 0 + 1


def test_all_of_a_probe(clock):
    """Each interface for itself, a recording is never silent, rings by name, and the end tells what is held back."""
    watch = HealthWatch([Watched("lan", True, SECOND), Watched("file", False, SECOND)], [("ring of father 1", 8)], Moment.of(clock))
    clock.advance(SECOND)
    events = watch.look([InterfaceTotals(), InterfaceTotals(merged=3)], [RingTotals(8, 1)], Moment.of(clock))
    assert [(e.code, e.subject) for e in events] == [
        ("no_traffic", "lan"), ("packets_merged", "file"), ("ring_saturated", "ring of father 1")]
    totals = [InterfaceTotals(4, 5, 6, {"malformed_link": 7}), InterfaceTotals(merged=4)]
    events = watch.look(totals, [RingTotals(0, 1)], Moment.of(clock), last=True)
    assert [(e.code, e.subject) for e in events] == [
        ("traffic_back", "lan"), ("kernel_drops", "lan"), ("malformed_packets", "lan"), ("packets_merged", "lan"),
        ("packets_merged", "file")]
    assert {e.code for e in events} <= set(CATALOGUE)
