"""The link breaks and comes back: what is sent meanwhile, what is kept, what is told."""

import itertools

import pytest

from tests.unit.publish.playbook import MS, SECOND, Playbook, counters, definitions
from tmon_common.observations import EVENT
from tmon_common.pdu.header import REFUSAL
from tmon_probe.publish.held import Worth
from tmon_probe.publish.link import LinkBack, LinkLost
from tmon_probe.publish.loss import Cause
from tmon_probe.publish.precious import parted

EXHAUSTED = (1 + 2 + 3 + 4) * SECOND  # the waits of the playbook's parameters


def one(play, rows) -> None:
    """A PDU of its own."""
    play.add(rows)
    play.publisher.flush(play.now)


def times_of(play, pdu):
    return [when for when, sent in play.sent if sent == pdu]


def test_the_first_exhausted_pdu_becomes_the_pilot():
    """It is sent at the initial timeout, all others at the largest one."""
    play = Playbook()
    one(play, definitions(0, 1))
    one(play, definitions(1, 1))
    play.run(EXHAUSTED - 1)
    assert not play.publisher.broken
    play.run(EXHAUSTED + 60 * SECOND)
    assert play.publisher.broken
    waits = [round((b - a) / SECOND) for a, b in itertools.pairwise(times_of(play, 0))]
    others = [round((b - a) / SECOND) for a, b in itertools.pairwise(times_of(play, 1))]
    assert waits[:3] == [1, 2, 3]
    assert waits[3] == 4
    assert set(waits[4:]) == {1}
    assert others[:3] == [1, 2, 3]
    assert set(others[3:]) == {4}
    assert play.publisher.happened() == [LinkLost(EXHAUSTED, 2)]
    assert play.publisher.happened() == []


def test_a_bad_link_is_not_a_broken_one():
    """One PDU gets lost again and again while others arrive."""
    play = Playbook()
    for second in range(60):
        one(play, counters(second, 1))
        play.run_answering((second + 1) * SECOND, lost=lambda n: play.sent[n][1] == 0)
    assert not play.publisher.broken
    assert play.publisher.waiting == 1
    assert play.publisher.happened() == []


def test_the_first_acknowledgement_ends_it():
    """Everything that waits is sent anew at once, slot by slot, and the time and losses are told."""
    play = Playbook(window=20)
    for n in range(10):
        one(play, counters(n, 1))
    play.run(30 * SECOND)
    assert play.publisher.broken
    play.answer(0)
    assert not play.publisher.broken
    assert play.publisher.happened()[1] == LinkBack(30 * SECOND, 0)
    before = len(play.sent)
    play.run_answering(play.now + 2 * SECOND)
    assert {pdu for _, pdu in play.sent[before:]} >= set(range(1, 10))
    assert play.publisher.idle
    assert play.flows == set(range(10))
    assert all(b - a >= 10 * MS for (a, _), (b, _) in itertools.pairwise(play.sent))


def test_a_refusal_is_an_answer_too():
    play = Playbook()
    one(play, counters(0, 1))
    play.run(30 * SECOND)
    play.answer(0, pdu_type=REFUSAL)
    assert not play.publisher.broken


def test_an_answer_to_a_heartbeat_is_none():
    """A collector with a full disk hears and acknowledges nothing: no reason to press it."""
    play = Playbook(heartbeat_ns=SECOND)
    one(play, counters(0, 1))
    while play.now < 30 * SECOND:
        play.run(play.now + SECOND)
        play.hear(0)
    assert play.publisher.broken


def test_what_was_seen_before_the_break_is_kept_for_ever():
    """Younger observations are given up after the final timeout, definitions never."""
    play = Playbook(break_border_ns=5 * SECOND, final_timeout_ns=50 * SECOND, window=30)
    for second in range(60):
        one(play, counters(second, 1))
        if second == 30:
            one(play, definitions(100, 1))
        play.run_answering((second + 1) * SECOND, lost=lambda n: play.sent[n][0] >= 20 * SECOND)
    lost_at = times_of(play, 20)[0]
    play.run(300 * SECOND)
    assert play.publisher.broken
    entered = lost_at + EXHAUSTED
    kept = {f for f in range(60) if f * SECOND < entered and f >= 20}
    assert play.publisher.waiting == len(kept) + 1
    assert play.publisher.losses.rows == {("ip_counters", Cause.FINAL_TIMEOUT): 60 - 20 - len(kept)}
    play.answer(next(pdu for _, pdu in reversed(play.sent)))
    play.run_answering(play.now + 60 * SECOND)
    assert play.publisher.idle
    assert play.flows == {*range(20), *kept, 100}
    assert [type(h) for h in play.publisher.happened()] == [LinkLost, LinkBack]


def test_a_pilot_that_is_given_up_has_a_successor():
    play = Playbook(final_timeout_ns=20 * SECOND)
    one(play, counters(0, 1))
    play.run(15 * SECOND)
    assert play.publisher.broken
    one(play, definitions(0, 1))
    play.run(100 * SECOND)
    late = [b - a for a, b in itertools.pairwise(times_of(play, 1)) if a > 60 * SECOND]
    assert set(late) == {SECOND}


def test_nothing_presses_a_broken_link():
    """However much waits: the pilot, and no more others than the smallest window, each at the largest timeout."""
    play = Playbook(window=1000, min_gap_ns=MS)
    for n in range(500):
        one(play, counters(n, 1))
    play.run(60 * SECOND)
    before = len(play.sent)
    play.run(100 * SECOND)
    assert len(play.sent) - before <= 41 + 16 * 11


def test_a_second_break():
    """It is noticed as the first one, with nothing but old PDUs too."""
    play = Playbook()
    one(play, definitions(0, 1))
    one(play, definitions(1, 1))
    play.run(20 * SECOND)
    play.answer(0)
    play.run(20 * SECOND + 2 * EXHAUSTED)
    assert play.publisher.broken
    assert [type(h) for h in play.publisher.happened()] == [LinkLost, LinkBack, LinkLost]


def test_the_border_goes_before_definitions_and_after_everything_else():
    """When the queue is full."""
    play = Playbook(break_border_ns=5 * SECOND, queue_octets=40_000, min_gap_ns=0)
    one(play, definitions(0, 1))
    one(play, counters(0, 1))
    play.run(15 * SECOND)
    for first in range(10, 30_000, 100):
        play.add(counters(first, 100))
    play.publisher.flush(play.now)
    held = [h.worth.value for h in play.publisher._holdings]
    assert play.publisher.losses.total > 10_000
    assert held.count("permanent") == 1
    assert held.count("border") == 1


@pytest.mark.parametrize("max_rate", [8_000, 64_000])
def test_the_rate_is_never_above_the_cap(max_rate):
    """Counted with IP and UDP headers, over any stretch of time, first sendings and retries alike."""
    play = Playbook(max_rate=max_rate, min_gap_ns=0, window=100, heartbeat_ns=3 * SECOND)
    for first in range(0, 3000, 100):
        play.add(counters(first, 100))
        play.run(play.now + SECOND)
    play.run(60 * SECOND)
    assert play.publisher.statistics.retries
    sizes = play.sizes
    for (start, _), (end, _), size in zip(play.sent, play.sent[1:], sizes, strict=False):
        assert (end - start) * max_rate >= 8 * (size + 28) * SECOND


def test_grave_events_are_permanent():
    """Info ones are given up like counters."""
    from tmon_common.events import event
    from tmon_common.events.rows import rows_of

    rows = rows_of([event("probe_started", 1, "p", version="1", interfaces=1), event("father_lost", 2, "p"),
                    event("no_traffic", 3, "lan", seconds=60)], "host", "father")
    parts = {permanent: part.values["time"].tolist() for part, permanent in parted(rows)}
    assert parts == {True: [2, 3], False: [1]}
    play = Playbook(final_timeout_ns=10 * SECOND)
    one(play, rows)
    play.run(100 * SECOND)
    assert play.publisher.losses.rows == {(EVENT.name, Cause.FINAL_TIMEOUT): 1}
    assert play.publisher.waiting == 1


def test_rows_under_construction_go_before_definitions():
    """A queue full of definitions gives up a counter that is not yet a PDU, not one of them."""
    play = Playbook(queue_octets=10_000)
    n = 0
    while play.publisher.losses.total == 0:
        one(play, definitions(n, 1))
        n += 1
    kept = {h.pdu for h in play.publisher._holdings}
    play.add(counters(0, 3))
    assert {h.pdu for h in play.publisher._holdings} == kept
    assert play.publisher.backlog_octets <= 10_000
    assert play.publisher.losses.rows == {("flow_definition", Cause.QUEUE_FULL): 1, ("ip_counters", Cause.QUEUE_FULL): 3}


def test_of_the_border_the_oldest_goes_first():
    """Whether it was sent before the break or not."""
    play = Playbook(break_border_ns=5 * SECOND, queue_octets=20_000, min_gap_ns=0, window=3)
    for n in range(6):
        one(play, counters(n, 1))
    play.run(15 * SECOND)
    border = [0, 1, 2, 3, 4, 5]
    assert [h.pdu for h in play.publisher._holdings if h.worth is Worth.BORDER] == border
    n = 0
    while border:
        one(play, definitions(n, 1))
        n += 1
        left = [h.pdu for h in play.publisher._holdings if h.worth is Worth.BORDER]
        assert left == border[len(border) - len(left):]
        border = left
    assert {cause for _, cause in play.publisher.losses.rows} == {Cause.QUEUE_FULL}
