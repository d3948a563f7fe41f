"""The publication engine: input and expected output on a fake clock."""

import itertools

import pytest

from tests.keys import RUN, probe_session
from tests.unit.publish.playbook import MS, PROBE, SECOND, WALL_NS, Playbook, counters, definitions
from tmon_common.pdu.ack import pack_acks
from tmon_common.pdu.contents import NO_LAG, parse_heartbeat, parse_observations
from tmon_common.pdu.header import ACK, HEARD, MAX_PDU_OCTETS, REFUSAL
from tmon_probe.publish import Publisher
from tmon_probe.publish.loss import Cause


def test_a_pdu_is_closed_when_full():
    """Rows beyond a full PDU stay under construction."""
    play = Playbook()
    play.add(counters(0, 20))
    assert play.step() == [0]
    assert len(play.datagrams[0]) <= 317
    sent = len(play.flows_of(0))
    assert list(range(sent)) == play.flows_of(0)
    assert play.publisher.waiting == 1
    assert not play.publisher.idle


def test_a_pdu_is_closed_when_old():
    """Few rows leave after the maximum build time, counted from the first of them."""
    play = Playbook()
    play.add(counters(0, 1))
    assert play.run(SECOND) == []
    play.add(counters(1, 1))
    assert play.run(2 * SECOND - 1) == []
    assert play.publisher.next_timer() == 2 * SECOND
    play.now = 2 * SECOND
    assert play.step() == [0]
    assert play.flows_of(0) == [0, 1]


def test_flush_closes_everything():
    play = Playbook(min_gap_ns=0)
    play.add(counters(0, 1))
    play.add(definitions(0, 1))
    play.publisher.flush(0)
    assert len(play.step()) == 2


def test_definitions_leave_first():
    """What refers to a definition does not overtake it, even if it was ready before."""
    play = Playbook(min_gap_ns=0)
    play.add(counters(0, 1))
    play.publisher.flush(0)
    play.add(definitions(0, 1))
    play.publisher.flush(0)
    assert play.step() == [1, 0]


def test_at_most_one_pdu_per_slot():
    """First sendings and retries share the slots; the gap is never violated."""
    play = Playbook(window=50)
    play.add(counters(0, 200))
    play.publisher.flush(0)
    play.run(5 * SECOND)
    times = [when for when, _ in play.sent]
    assert play.publisher.statistics.retries > 10
    assert min(b - a for a, b in itertools.pairwise(times)) >= 10 * MS
    assert times[:3] == [0, 10 * MS, 20 * MS]


def test_a_late_caller_does_not_make_up_for_missed_slots():
    play = Playbook(window=50)
    play.add(counters(0, 200))
    play.publisher.flush(0)
    play.step()
    play.now = SECOND // 2
    assert len(play.step()) == 1


def test_without_gap_the_window_limits():
    """No more PDUs in flight than the window; each acknowledgement lets another one out."""
    play = Playbook(min_gap_ns=0)
    play.add(counters(0, 200))
    assert play.step() == [0, 1, 2, 3]
    play.answer(1, 2)
    assert play.step() == [4, 5]


def test_retries_wait_longer_each_time():
    """timeout = previous * multiplier + increment, until max_retries; it stays while other PDUs are acknowledged."""
    play = Playbook(timeout_multiplier=2.0)
    play.add(definitions(0, 1))
    play.publisher.flush(0)
    for second in range(200):
        play.run_answering(second * SECOND + SECOND // 2, lost=lambda n: play.sent[n][1] == 0)
        play.add(counters(second, 1))
        play.publisher.flush(play.now)
    times = [when // SECOND for when, pdu in play.sent if pdu == 0]
    waits = [b - a for a, b in itertools.pairwise(times)]
    assert waits[:3] == [1, 3, 7]
    assert set(waits[3:]) == {15}
    assert not play.publisher.broken


def test_an_acknowledged_pdu_is_forgotten():
    play = Playbook()
    play.add(counters(0, 1))
    play.publisher.flush(0)
    play.step()
    play.answer(0)
    assert play.publisher.idle
    assert play.publisher.backlog_octets == 0
    assert play.publisher.next_timer() is None
    assert play.run(100 * SECOND) == []
    play.answer(0)
    assert play.publisher.statistics.stray_acks == 1


@pytest.mark.parametrize("gap_ns", [0, MS])
def test_everything_arrives_whatever_is_lost(gap_ns):
    """Half of the PDUs or of their acknowledgements are lost: all rows are acknowledged in the end, each PDU once."""
    play = Playbook(min_gap_ns=gap_ns, window=20)
    for first in range(0, 1000, 50):
        play.add(counters(first, 50))
    play.publisher.flush(0)
    play.run_answering(90 * SECOND, lost=lambda n: n * 2654435761 % 100 < 50)
    assert play.publisher.idle
    assert play.flows == set(range(1000))
    statistics = play.publisher.statistics
    assert statistics.acked == statistics.pdus
    assert statistics.pdus_sent == statistics.pdus + statistics.retries
    assert play.publisher.losses.total == 0


def test_final_timeout_gives_up_counters_and_keeps_definitions():
    """Rows given up are counted by kind; permanent kinds are retried for ever."""
    play = Playbook(window=2)
    play.add(counters(0, 30))
    play.add(definitions(0, 1))
    play.publisher.flush(0)
    play.run(150 * SECOND)
    assert play.publisher.losses.rows == {("ip_counters", Cause.FINAL_TIMEOUT): 30}
    assert play.publisher.waiting == 1
    before = len(play.sent)
    play.run(1000 * SECOND)
    assert len(play.sent) > before
    play.answer(play.sent[-1][1])
    assert play.publisher.idle


def test_the_queue_is_bounded():
    """Live, the oldest unsent PDUs go, then those in flight; definitions stay."""
    play = Playbook(queue_octets=20_000, min_gap_ns=0)
    play.add(definitions(0, 5))
    play.publisher.flush(0)
    for first in range(0, 10_000, 100):
        play.add(counters(first, 100))
        play.step()
        assert play.publisher.backlog_octets <= 20_000
    given_up = play.publisher.losses.rows
    assert set(given_up) == {("ip_counters", Cause.QUEUE_FULL)}
    play.publisher.flush(0)
    play.run_answering(1000 * SECOND, lost=lambda n: n < 4)
    assert play.publisher.idle
    assert len([f for f in play.flows if f >= 5]) + given_up.total() >= 10_000 - 5
    assert 9999 in play.flows


def test_a_queue_of_definitions_only():
    """When nothing else is left, the newest definitions go: memory is bounded, and the loss counted."""
    play = Playbook(queue_octets=20_000)
    for first in range(0, 5000, 100):
        play.add(definitions(first, 100))
        assert play.publisher.backlog_octets <= 20_000 + 100 * 14 * 8
    assert play.publisher.losses.rows["flow_definition", Cause.QUEUE_FULL] > 1000
    play.run(SECOND)
    assert play.flows_of(0)[0] == 0


def test_lossless_holds_back_instead():
    """A replay asks `accepts` before it adds; nothing is given up even if it does not."""
    play = Playbook(lossless=True, queue_octets=20_000)
    first = 0
    while play.publisher.accepts():
        play.add(counters(first, 10))
        first += 10
    assert 10_000 <= play.publisher.backlog_octets < 20_000
    play.add(counters(first, 2000))
    assert play.publisher.backlog_octets > 20_000
    assert not play.publisher.losses.rows


def test_refused_pdus_do_not_stop_a_replay():
    """They take no room from the others; beyond the bound they are given up even by a lossless queue."""
    play = Playbook(lossless=True, queue_octets=20_000, min_gap_ns=0, window=100)
    play.add(counters(0, 800))
    assert not play.publisher.accepts()
    play.answer(*play.step(), pdu_type=REFUSAL)
    assert play.publisher.accepts()
    play.add(counters(800, 400))
    assert play.publisher.backlog_octets <= 20_000 + 400 * 9 * 8
    assert play.publisher.losses.rows["ip_counters", Cause.QUEUE_FULL] > 0
    play.run_answering(SECOND // 2)
    assert set(range(900, 1150)) < play.flows


def test_refused_pdus_stand_aside():
    """They leave the window, are sent again at the maximum timeout, are no reason to wait at the end, and go first."""
    play = Playbook(min_gap_ns=0, window=1)
    play.add(counters(0, 60))
    play.publisher.flush(0)
    assert play.step() == [0]
    play.answer(0, pdu_type=REFUSAL)
    assert play.step() == [1]
    play.answer(0, pdu_type=REFUSAL)
    assert play.publisher.statistics.refused == 1
    play.run_answering(3 * SECOND)
    assert play.publisher.idle
    assert play.publisher.waiting == 1
    again = play.run(50 * SECOND)
    assert set(again) == {0}
    assert 10 <= len(again) <= 13
    play.run(120 * SECOND)
    assert play.publisher.waiting == 0
    assert play.publisher.losses.rows["ip_counters", Cause.FINAL_TIMEOUT] == len(play.flows_of(0))


def test_refused_pdus_are_delivered_when_the_collector_has_learned():
    play = Playbook(min_gap_ns=0)
    play.add(definitions(0, 1))
    play.publisher.flush(0)
    play.step()
    play.answer(0, pdu_type=REFUSAL)
    play.run_answering(20 * SECOND)
    assert play.publisher.waiting == 0
    assert play.flows == {0}


def test_heartbeats_come_in_their_own_time():
    play = Playbook(heartbeat_ns=30 * SECOND)
    assert play.run(10 * SECOND) == [None]
    play.add(counters(0, 1))
    play.publisher.flush(play.now)
    play.run_answering(100 * SECOND)
    assert play.sent == [(0, None), (10 * SECOND, 0), (30 * SECOND, None), (60 * SECOND, None), (90 * SECOND, None)]


def test_a_heartbeat_tells_the_smallest_lag():
    """Of the answers since the last one: from the collector's clock when it answered to the probe's when the answer was here."""
    play = Playbook(heartbeat_ns=10 * SECOND)
    beats = []
    for lags in ([], [7, 3, 5], [], [-2]):
        play.run(play.now + 10 * SECOND)
        beats.append(parse_heartbeat(play.heartbeats[-1]))
        for lag_ns in lags:
            play.hear(WALL_NS + play.now - lag_ns)
    assert [b.lag_ns for b in beats] == [NO_LAG, NO_LAG, 3, NO_LAG]
    assert [b.sent_ns - WALL_NS for b in beats] == [10 * SECOND, 20 * SECOND, 30 * SECOND, 40 * SECOND]


def test_the_oldest_held_id_is_told():
    """`behind` lets the collector forget; a hole stays known until it is filled."""
    play = Playbook(min_gap_ns=0, window=10)
    play.add(counters(0, 60))
    play.publisher.flush(0)
    play.step()
    play.answer(0, 1, 3)
    play.add(counters(60, 20))
    ids = play.step()
    assert ids
    assert ids[0] - 2 == parse_observations(play.contents[ids[0]]).behind


def test_a_row_too_long_for_the_configured_size_is_sent_alone():
    """Better a longer PDU than a lost observation."""
    play = Playbook(max_pdu_octets=80, min_gap_ns=0)
    play.add(counters(2**40, 2))
    play.publisher.flush(0)
    assert play.step() == [0, 1]
    assert all(len(d) <= 80 or len(play.flows_of(i)) == 1 for i, d in play.datagrams.items())
    play.add(type(rows := definitions(0, 1))(rows.kind, rows.values, ["".join(map(chr, range(300, 20_000)))]))
    play.publisher.flush(0)
    assert play.publisher.losses.rows == {("flow_definition", Cause.TOO_LONG): 1}


def test_no_pdu_is_longer_than_the_protocol_allows():
    """The longest that may be configured is made use of; more cannot be."""
    play = Playbook(max_pdu_octets=MAX_PDU_OCTETS, min_gap_ns=0)
    play.add(counters(0, 2000))
    assert play.step()
    assert 8192 < max(map(len, play.datagrams.values())) <= MAX_PDU_OCTETS
    with pytest.raises(ValueError, match=f"at most {MAX_PDU_OCTETS}"):
        Playbook(max_pdu_octets=MAX_PDU_OCTETS + 1)


def test_answers_that_make_no_sense():
    """Counted, and nothing else."""
    play = Playbook()
    play.add(counters(0, 1))
    play.publisher.flush(0)
    play.step()
    good = play.sessions.close(PROBE, RUN, ACK, pack_acks([0])[0])
    other = Playbook()
    other.publisher = Publisher(other.publisher.parameters, probe_session(run=1))
    other.add(counters(0, 1))
    other.publisher.flush(0)
    other.step()
    for bad in (b"", b"noise", good[:-1], good[:-1] + b"\0", play.datagrams[0],
                other.sessions.close(PROBE, 1, ACK, pack_acks([0])[0]), play.sessions.close(PROBE, RUN, ACK, b"12345"),
                play.sessions.close(PROBE, RUN, HEARD, b"1234567")):
        play.receive(bad)
    assert play.publisher.statistics.bad_acks == 8
    play.answer(5, 2**32 - 1)
    assert play.publisher.statistics.stray_acks == 2
    assert play.publisher.waiting == 1
    play.receive(good)
    assert play.publisher.waiting == 0
    play.receive(good)
    assert play.publisher.statistics.bad_acks == 9


def test_ids_beyond_32_bits():
    """A run may send more than 2^32 PDUs."""
    play = Playbook(min_gap_ns=0)
    play.publisher._next_id = play.publisher._holdings._oldest = 2**32 - 1
    play.add(counters(0, 40))
    play.publisher.flush(0)
    ids = play.step()
    assert [play.ids[pdu] for pdu in ids[:2]] == [2**32 - 1, 0]
    play.answer(*ids)
    assert play.publisher.idle
