"""Lanes merged by time: the kernel against an obvious twin."""

import heapq

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tmon_probe.child.merge import MAX_UNIT, RECORD_WORDS, merge_lanes
from tmon_probe.records import HAS_ICMP, PACKET, QUOTED

SLOTS = 8
NEVER = np.iinfo(np.int64).max
PAD, PLAIN, ERROR, HEADER = "pad", "plain", "error", "header"
KINDS = st.sampled_from((PLAIN, PLAIN, PLAIN, PAD, ERROR))


def lane_contents(draw) -> list[tuple[int, str]]:
    """(time, what) of the records that wait in a lane. An error stands before the header it quotes, of the same time."""
    found: list[tuple[int, str]] = []
    for time_ns in draw(st.lists(st.integers(-3, 12), max_size=SLOTS)):
        kind = draw(KINDS)
        if len(found) + (kind == ERROR) >= SLOTS:
            break
        found.append((time_ns, kind))
        if kind == ERROR:
            found.append((time_ns, HEADER))
    return found


@st.composite
def situations(draw):
    lanes = [lane_contents(draw) for _ in range(draw(st.integers(1, 4)))]
    bounds = [draw(st.integers(-3, 14) | st.just(NEVER)) for _ in lanes]
    waited_for = [draw(st.booleans()) for _ in lanes]
    starts = [draw(st.integers(0, SLOTS - 1)) for _ in lanes]
    return lanes, bounds, waited_for, starts, draw(st.integers(MAX_UNIT, 12))


def twin(lanes, bounds, waited_for, room):
    """([(time, lane, number within the lane)], records done of each lane): one unit after the other."""
    done = [0] * len(lanes)
    out: list[tuple[int, int, int]] = []
    while room - len(out) >= MAX_UNIT:
        keys = [(lane[done[n]][0], n, True) if done[n] < len(lane) else (bounds[n], n, False) for n, lane in enumerate(lanes)
                if done[n] < len(lane) or waited_for[n]]
        if not keys:
            break
        _, n, there = min(keys)
        if not there:
            break
        first = done[n]
        done[n] += 1
        while done[n] < len(lanes[n]) and lanes[n][done[n]][1] == HEADER:
            done[n] += 1
        out += [(lanes[n][k][0], n, k) for k in range(first, done[n]) if lanes[n][k][1] != PAD]
    return out, done


def words(records: np.ndarray) -> np.ndarray:
    """The same memory, as the kernel wants it."""
    return records.view(np.int64).reshape(*records.shape, RECORD_WORDS)


@given(situations())
@example(([[], []], [NEVER, 3], [False, True], [0, 0], 4))
@example(([[(5, PLAIN)], [(5, PLAIN)]], [5, 5], [True, True], [7, 7], 4))
@settings(max_examples=500, deadline=None)
def test_in_order_of_time_as_far_as_allowed(situation):
    """Copies, lanes and counts are those of the twin; nothing is written where there is no room."""
    lanes, bounds, waited_for, starts, room = situation
    records = np.zeros((len(lanes), SLOTS), PACKET)
    for n, lane in enumerate(lanes):
        for k, (time_ns, kind) in enumerate(lane):
            record = records[n, (starts[n] + k) % SLOTS]
            record["time_ns"], record["signature"] = time_ns, 1000 * n + k
            record["class_mask"] = kind == PLAIN
            record["protocol"] = 17  # in the same word as the flags
            record["flags"] = {PAD: 0, PLAIN: 0, ERROR: HAS_ICMP, HEADER: QUOTED}[kind]
    taken, staging, lane_of = np.full(len(lanes), -1, np.int64), np.zeros(room, PACKET), np.full(room, -1, np.int16)
    numbers = (np.array(n, np.int64) for n in (starts, [len(lane) for lane in lanes], bounds))
    written = merge_lanes(words(records), *numbers, np.array(waited_for, np.uint8), taken, words(staging), lane_of)
    expected, done = twin(lanes, bounds, waited_for, room)
    got = [(int(r["time_ns"]), int(lane), int(r["signature"]) - 1000 * int(lane))
           for r, lane in zip(staging[:written], lane_of, strict=False)]
    assert expected == got
    assert done == taken.tolist()
    assert all(lane == -1 for lane in lane_of[written:])


@pytest.mark.parametrize("seed", range(5))
def test_all_there_is_merges_as_heapq_does(seed):
    """Many lanes in order, all ended: the merge of the standard library, which takes the first lane of equals."""
    rng = np.random.default_rng(seed)
    number, slots = 9, 512
    records = np.zeros((number, slots), PACKET)
    records["time_ns"] = np.sort(rng.integers(0, 1000, (number, slots)), axis=1)
    records["class_mask"] = 1
    everything = number * slots
    staging, lane_of = np.zeros(everything + 2, PACKET), np.zeros(everything + 2, np.int16)
    nothing, counts, bounds = np.zeros(number, np.int64), np.full(number, slots), np.full(number, NEVER)
    written = merge_lanes(words(records), nothing, counts, bounds, np.zeros(number, np.uint8), nothing.copy(), words(staging),
                             lane_of)
    assert everything == written
    expected = heapq.merge(*([(int(t), n) for t in records["time_ns"][n]] for n in range(number)))
    assert list(expected) == list(zip(staging["time_ns"][:written].tolist(), lane_of[:written].tolist(), strict=True))
