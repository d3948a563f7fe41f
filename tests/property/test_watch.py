"""Whatever the counters do: silences and their ends pair, and what was told adds up."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tmon_common.clock import FakeClock
from tmon_common.moment import Moment
from tmon_probe.father.watch import BLIND_NS, EVERY_NS, DropWatch, MalformedWatch, MergedWatch, RingWatch, TrafficWatch

SECOND = 1_000_000_000
STEPS = st.lists(st.tuples(st.integers(1, BLIND_NS), st.integers(0, 3)), min_size=1, max_size=200)
"""(time that passes, by how much the counter grows)."""
LONG_STEPS = st.lists(st.tuples(st.integers(1, 3 * EVERY_NS), st.integers(0, 3)), min_size=1, max_size=60)


def silences(steps, limit_ns):
    """Obvious twin: (how many silences reached the limit, how many of these ended), by the looks that saw no new packet."""
    reached, ended, silent_ns = 0, 0, 0
    for passed_ns, grown in steps:
        before_ns, silent_ns = silent_ns, silent_ns + passed_ns
        if grown:
            ended += before_ns >= limit_ns  # a look within the silence saw it
            silent_ns = 0
        elif before_ns < limit_ns <= silent_ns:
            reached += 1
    return reached, ended


@given(STEPS, st.integers(1, 30 * SECOND))
def test_every_silence_is_told_once_and_so_is_its_end(steps, limit_ns):
    """One no_traffic for each silence that reaches the limit, one traffic_back when it ends, in turns."""
    clock = FakeClock()
    watch = TrafficWatch("lan", limit_ns, Moment.of(clock))
    packets, codes = 0, []
    for passed_ns, grown in steps:
        clock.advance(passed_ns)
        packets += grown
        codes += [e.code for e in watch.look(packets, Moment.of(clock))]
    reached, ended = silences(steps, limit_ns)
    assert (reached, ended) == (codes.count("no_traffic"), codes.count("traffic_back"))
    assert codes == ["no_traffic", "traffic_back"] * ended + ["no_traffic"] * (reached - ended)


def told_by(look, steps, last):
    """(time, event) of all looks; the last one with everything."""
    clock, value, events = FakeClock(), 0, []
    for passed_ns, grown in steps:
        clock.advance(passed_ns)
        value += grown
        events += [(clock.monotonic_ns(), e) for e in look(value, Moment.of(clock), last=False)]
    if last:
        events += [(clock.monotonic_ns(), e) for e in look(value, Moment.of(clock), last=True)]
    return value, events


@given(LONG_STEPS, st.sampled_from(["drops", "malformed", "merged"]))
def test_what_was_told_adds_up_to_the_counter(steps, what):
    """With the last look; and, that one aside, never twice within a minute."""
    start = Moment.of(FakeClock())
    watch = {"drops": DropWatch, "malformed": MalformedWatch, "merged": MergedWatch}[what]("lan", start)

    def look(value, now, *, last):
        return watch.look({"malformed_link": value} if what == "malformed" else value, now, last=last)

    total, events = told_by(look, steps, last=True)
    growth = [(at, dict(e.values)["packets"]) for at, e in events if e.code != "kernel_drops_ended"]
    assert total == sum(packets for _, packets in growth)
    times = [at for at, _ in growth[:-1]]
    assert all(b - a >= EVERY_NS for a, b in pairwise(times))


@given(LONG_STEPS)
def test_drops_end_as_often_as_they_begin(steps):
    """Followed by enough silence; an end tells the sum of what was told since the end before."""
    watch = DropWatch("lan", Moment.of(FakeClock()))
    _, events = told_by(watch.look, [*steps, *[(EVERY_NS, 0)] * 3], last=False)
    told, ended = 0, True
    for _, event in events:
        packets = dict(event.values)["packets"]
        if event.code == "kernel_drops":
            told, ended = told + packets, False
        else:
            assert (packets, False) == (told, ended)
            told, ended = 0, True
    assert ended


@given(st.lists(st.tuples(st.integers(1, 2 * SECOND), st.integers(0, 8), st.integers(0, 1)), max_size=300))
def test_ring_events_come_in_turns(steps):
    """Saturated, restored, saturated ...; the waits told add up; with enough calm it ends restored."""
    clock = FakeClock()
    watch = RingWatch("ring", 8, Moment.of(clock))
    waits, events = 0, []
    for passed_ns, filled, waited in [*steps, *[(SECOND, 0, 0)] * 62]:
        clock.advance(passed_ns)
        waits += waited
        events += watch.look(filled, waits, Moment.of(clock))
    codes = [e.code for e in events]
    assert codes == ["ring_saturated", "ring_restored"] * (len(codes) // 2)
    assert bool(waits) == bool(codes)
    assert waits == sum(dict(e.values)["waits"] for e in events if e.code == "ring_restored")
