"""Sources, father, lanes and the child's intake, step by step in one process: order, completeness, no standstill."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.ring_entries import is_whole, write_entry
from tests.pipeline_in_process import EVERYTHING
from tmon_common.clock import FakeClock
from tmon_probe.child.intake import PATIENCE_NS, open_intake
from tmon_probe.father.capture.batch import Batch
from tmon_probe.father.counts import COUNT
from tmon_probe.father.dissection import Dissection, Viewpoint
from tmon_probe.father.feed import LIVE_DELAY_NS, Feed
from tmon_probe.father.loop import Father
from tmon_probe.father.sieve import trivial_sieve
from tmon_probe.health import Part
from tmon_probe.health_names import FATHER_OWN, LANE
from tmon_probe.lanes import Lanes
from tmon_probe.records import QUOTED

IRRELEVANT, PLAIN, ERROR = 0, 1, 2  # how many records a packet has
SECOND = 1_000_000_000
DISSECTION = Dissection(trivial_sieve(1), EVERYTHING)


@dataclass
class FakeSource:
    """packets: (time in ns, octets with it, how many records). Live: there when the clock has passed their time by `late_ns`."""

    packets: list[tuple[int, int, int]]
    batch_of: int = 3
    live: bool = False
    clock: FakeClock | None = None
    late_ns: int = 0
    endless: bool = False
    paced: bool = False
    finished: bool = False
    given: int = 0
    data: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))

    def next_batch(self) -> Batch | None:
        part = self.packets[self.given : self.given + self.batch_of]
        if self.live:
            part = [p for p in part if p[0] + self.late_ns <= self.clock.wall_ns()]
        if not part:
            self.finished = not self.endless and self.given == len(self.packets)
            return None
        batch = Batch.empty(self.data, (1,))
        for i, (time_ns, octets, records) in enumerate(part):
            batch.times_ns[i], batch.captured[i], batch.wire[i], batch.offsets[i] = time_ns, octets, records, self.given + i
        batch.count = len(part)
        self.given += len(part)
        return batch

    def fileno(self) -> int:
        return -1

    def dropped(self) -> int:
        return 0

    def progress(self) -> tuple[int, int]:
        return 0, 0

    gone = False
    longest_frame = 0
    pause_s = 0.0

    def warnings(self) -> list[str]:
        return []

    def notices(self) -> list:
        return []

    def close(self) -> None:
        pass


def number_of(interface: int, packet: int) -> int:
    return 1000 * interface + packet


class SlowFather(Father):
    """With a dissection in Python: the number of the packet is its signature."""

    def _dissect(self, feed: Feed, slot: int, free: int) -> tuple[int, int, int]:
        batch, ring = feed.batch, feed.ring
        position, area_free = ring.area_free()
        done, written = feed.done, 0
        while done < batch.count and free - written >= 2:
            number = number_of(feed.viewpoint.number, int(batch.offsets[done]))
            kind = int(batch.wire[done])
            for more in range(kind):
                after = write_entry(ring, slot + written, number, 0 if more else int(batch.captured[done]), position, area_free)
                if after is None:
                    return done, written, position
                area_free -= after - position
                position = after
                record = ring.records[slot + written]
                record["time_ns"], record["interface"], record["class_mask"] = batch.times_ns[done], feed.viewpoint.number, 1
                record["flags"] = QUOTED if more else 0
                written += 1
            done += 1
        return done, written, position


def part(names: tuple[str, ...]) -> Part:
    """Statistics that nobody reads."""
    return Part(np.zeros(len(names), np.int64), {name: i for i, name in enumerate(names)})


class Run:
    """sources: a list for each father; lane_of: lane of each source, in order."""

    def __init__(self, fathers: list[list[FakeSource]], lane_of: list[int], slots: int, octets: int, clock: FakeClock) -> None:
        self.lanes = Lanes(max(lane_of) + 1, slots, octets)
        self.clock = clock
        self.fathers, number = [], 0
        for sources in fathers:
            feeds = []
            for source in sources:
                viewpoint = Viewpoint(number, np.zeros(COUNT, np.int64))
                feeds.append(Feed(source, str(number), viewpoint, self.lanes.rings[lane_of[number]], part(LANE)))
                number += 1
            self.fathers.append(SlowFather(feeds, DISSECTION, part(FATHER_OWN), clock, lambda: False))
        self.patient = not any(s.live for sources in fathers for s in sources)
        self.intake = open_intake(self.lanes, clock, patient=self.patient)
        self.got: list[tuple[int, int]] = []  # (signature, lane)
        self.ended = False
        self.in_order, self.reached_ns = False, 0

    def father(self, n: int) -> bool:
        return bool(self.fathers[n]._unfinished) and self.fathers[n].step()

    def child(self) -> bool:
        portion = self.intake.look(orphaned=False)
        self.ended |= portion.ended
        for record, lane in zip(portion.records, portion.lanes, strict=True):
            if record["class_mask"]:  # else a pad
                assert not self.in_order or record["time_ns"] >= self.reached_ns
                assert is_whole(self.lanes.rings[lane], record)
                self.got.append((int(record["signature"]), int(lane)))
        self.reached_ns = portion.reached_ns
        self.intake.release()
        return len(portion.records) > 0

    def close(self) -> None:
        self.intake = None
        self.lanes.close()


def expected(sources: list[FakeSource], lane_of: list[int]) -> list[tuple[int, int]]:
    """(signature, lane) of every record in order of (time, lane), for lanes of one source, each in order."""
    records = [(time_ns, lane_of[n], i, more) for n, s in enumerate(sources)
               for i, (time_ns, _, kind) in enumerate(s.packets) for more in range(kind)]
    of_lane = {lane: n for n, lane in enumerate(lane_of)}
    return [(number_of(of_lane[lane], i), lane) for _, lane, i, _ in sorted(records)]


OCTETS = st.sampled_from((0, 0, 0, 1, 5, 8))
PACKETS = st.lists(st.tuples(st.integers(0, 30), OCTETS, st.sampled_from((PLAIN, PLAIN, IRRELEVANT, ERROR))), max_size=40)
RECORDINGS = st.lists(PACKETS, min_size=2, max_size=4)
SCHEDULES = st.lists(st.integers(0, 6), min_size=1, max_size=20)
"""Who moves, again and again: 0 the child, others the father."""


def drive(run: Run, schedule: list[int]) -> None:
    """Recordings to their end. AssertionError if neither father nor child can go on."""
    idle = 0
    for turn in range(100_000):
        if run.ended:
            return
        moved = run.child() if schedule[turn % len(schedule)] == 0 else run.father(0)
        idle = 0 if moved else idle + 1
        if idle > len(schedule):
            assert run.father(0) or run.child() or run.father(0) or run.child() or run.ended, "a standstill"
    raise AssertionError("no end")


@given(RECORDINGS, st.sampled_from((2, 4, 16)), st.sampled_from((16, 64)), st.integers(1, 7), SCHEDULES)
@settings(max_examples=150, deadline=None)
def test_recordings_are_merged_in_order(recordings, slots, octets, batch_of, schedule):
    """Each in a lane of its own, through tiny rings, however father and child keep pace: the sorted packets, octets whole."""
    sources = [FakeSource(sorted(packets), batch_of) for packets in recordings]
    run = Run([sources], list(range(len(sources))), slots, octets, FakeClock())
    run.in_order = True
    try:
        drive(run, schedule)
        assert expected(sources, list(range(len(sources)))) == run.got
        assert [0] * len(sources) == [r.fill + r.area_fill for r in run.lanes.rings]
    finally:
        run.close()


@given(st.lists(PACKETS, min_size=1, max_size=5), st.data(), st.sampled_from((2, 8)), SCHEDULES)
@settings(max_examples=100, deadline=None)
def test_nothing_is_lost_whatever_the_order_and_the_lanes(recordings, data, slots, schedule):
    """Out of order, sharing lanes: all records come once, those of a source in its order, an error's header right behind it."""
    sources = [FakeSource(packets, 4) for packets in recordings]
    lane_of = [data.draw(st.integers(0, min(n, 2))) for n in range(len(sources))]
    lane_of = [sorted(set(lane_of)).index(lane) for lane in lane_of]
    run = Run([sources], lane_of, slots, 16, FakeClock())
    try:
        drive(run, schedule)
    finally:
        run.close()
    for n, source in enumerate(sources):
        wanted = [number_of(n, i) for i, (_, _, kind) in enumerate(source.packets) for _ in range(kind)]
        assert wanted == [number for number, _ in run.got if number // 1000 == n]
    for n, source in enumerate(sources):
        for i in (i for i, (_, _, kind) in enumerate(source.packets) if kind == ERROR):
            at = run.got.index((number_of(n, i), lane_of[n]))
            assert run.got[at] == run.got[at + 1]


@given(st.lists(PACKETS, min_size=2, max_size=5), st.integers(1, 2), st.sampled_from((2, 8, 32)), st.integers(1, 7), SCHEDULES)
@settings(max_examples=100, deadline=None)
def test_what_was_reached_stays_behind(recordings, lanes, slots, batch_of, schedule):
    """Sources in order that share lanes: no record is given that is older than the packet time said to be reached before."""
    sources = [FakeSource(sorted(packets), batch_of) for packets in recordings]
    run = Run([sources], [n % lanes for n in range(len(sources))], slots, 16, FakeClock())
    run.in_order = True
    try:
        drive(run, schedule)
    finally:
        run.close()


def live_sources(draw, clock: FakeClock, number: int) -> list[FakeSource]:
    sources = []
    for _ in range(number):
        gaps = draw(st.lists(st.integers(0, 700), max_size=25))
        times = (np.cumsum([0, *gaps])[1:] * SECOND // 1000).tolist()
        packets = [(clock.wall_ns() + t, draw(st.sampled_from((0, 4))), draw(st.sampled_from((PLAIN, ERROR)))) for t in times]
        late_ns = draw(st.integers(0, 900)) * SECOND // 1000
        sources.append(FakeSource(packets, 3, live=True, clock=clock, late_ns=late_ns, endless=True))
    return sources


@given(st.data(), st.booleans(), st.lists(st.integers(0, 5), min_size=1, max_size=15))
@settings(max_examples=100, deadline=None)
def test_live_lanes_are_merged_in_order_though_some_are_silent(data, many_fathers, schedule):
    """Sources that give packets nearly LIVE_DELAY_NS late, in rings that are large enough: the sorted packets, each soon after."""
    clock = FakeClock()
    sources = [*live_sources(data.draw, clock, 2), FakeSource([], live=True, clock=clock, endless=True)]
    run = Run([[s] for s in sources] if many_fathers else [sources], [0, 1, 2], 256, 1024, clock)
    wanted = expected(sources, [0, 1, 2])
    times = {number_of(n, i): time_ns for n, s in enumerate(sources) for i, (time_ns, _, _) in enumerate(s.packets)}
    try:
        last_ns = max(times.values(), default=0)
        for turn in range(100_000):
            what = schedule[turn % len(schedule)]
            if what == 0:
                run.child()
            elif what == 1:
                clock.advance(200 * SECOND // 1000)
                for n in range(len(run.fathers)):  # they look again and again
                    run.father(n)
            else:
                run.father(what % len(run.fathers))
            if turn % 20 == 19:  # whatever the schedule: time passes, all have their turn
                clock.advance(SECOND // 10)
                for n in range(len(run.fathers)):
                    while run.father(n):
                        pass
                run.child()
                due = [(n, lane) for n, lane in wanted if times[n] + LIVE_DELAY_NS < clock.wall_ns()]
                assert due == run.got[: len(due)]
                if clock.wall_ns() > last_ns + 2 * LIVE_DELAY_NS:
                    break
        assert wanted == run.got
    finally:
        run.close()


@given(st.data(), st.sampled_from((4, 8)), SCHEDULES)
@settings(max_examples=60, deadline=None)
def test_live_lanes_do_not_stop_for_a_father_that_does_nothing(data, slots, schedule):
    """Tiny rings, one father without life: the packets of the others come all, each lane in its order, in bounded time."""
    clock = FakeClock()
    sources = [*live_sources(data.draw, clock, 2), FakeSource([], live=True, clock=clock, endless=True)]
    run = Run([[sources[0]], [sources[1]], [sources[2]]], [0, 1, 2], slots, 16, clock)
    try:
        for turn in range(100_000):
            what = schedule[turn % len(schedule)]
            if what == 0 or turn % 7 == 6:
                run.child()
            else:
                run.father(what % 2)
            clock.advance(SECOND // 10)
            if clock.wall_ns() > max((s.packets[-1][0] for s in sources if s.packets), default=0) + 20 * SECOND:
                break
        for _ in range(100):
            run.father(0)
            run.father(1)
            clock.advance(PATIENCE_NS // 10)
            run.child()
        for n in (0, 1):
            wanted = [number_of(n, i) for i, (_, _, kind) in enumerate(sources[n].packets) for _ in range(kind)]
            assert wanted == [number for number, lane in run.got if lane == n]
    finally:
        run.close()


def test_a_silent_lane_is_waited_for_until_another_is_half_full():
    """Live: not longer, be it for records or for octets; recordings: however full."""
    for live, size, slots in ((True, 0, 8), (True, 8, 64), (False, 0, 8)):
        clock = FakeClock()
        now_ns = clock.wall_ns()
        busy = FakeSource([(now_ns + n, size, PLAIN) for n in range(100)], 1, live=live, clock=clock)
        silent = FakeSource([], live=True, clock=clock, endless=True)
        run = Run([[busy], [silent]], [0, 1], slots, 64, clock)
        run.intake = open_intake(run.lanes, clock, patient=not live)
        clock.advance(1000)
        try:
            for written in range(4):
                assert written == run.lanes.rings[0].fill
                assert not run.child()
                run.father(0)
            assert run.child() == live
        finally:
            run.close()


@pytest.mark.parametrize("lanes", [1, 2])
def test_lanes_of_a_dead_parent_are_read_to_their_end(lanes):
    """Nothing ends them any more: what is there is given, then the end, after the patience for fathers that may still live."""
    clock = FakeClock()
    sources = [FakeSource([(n, 3, PLAIN) for n in range(3)]) for _ in range(lanes)]
    run = Run([sources], list(range(lanes)), 16, 64, clock)
    try:
        for _ in range(lanes):
            run.father(0)
        got = 0
        for _ in range(10):
            portion = run.intake.look(orphaned=True)
            got += len(portion.records)
            run.intake.release()
            if portion.ended:
                break
            clock.advance(PATIENCE_NS // 2)
        assert portion.ended
        assert 3 * lanes == got
        portion = None
    finally:
        run.close()
