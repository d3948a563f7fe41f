"""Ids that the collector misses: few whatever happens, as it remembers a bounded number of ranges of written ones."""

import pytest

from tests.keys import RUN
from tests.unit.publish.playbook import PROBE, SECOND, Playbook, counters, definitions
from tmon_collector import written
from tmon_collector.written import WrittenPdus
from tmon_common.pdu.ack import pack_acks
from tmon_common.pdu.contents import parse_observations
from tmon_common.pdu.header import ACK, REFUSAL

HOUR = 3600 * SECOND
MAX_RANGES = 200


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(written, "MAX_RANGES", MAX_RANGES)


class Remembering(Playbook):
    """A collector that keeps ids as the real one does; it refuses definitions if `old`."""

    def __init__(self, *, old: bool = False, **changes) -> None:
        super().__init__(queue_octets=1 << 40, min_gap_ns=0, window=64, **changes)
        self.old, self.written, self.most = old, WrittenPdus(), 0

    def arrives(self, content: bytes) -> None:
        header = parse_observations(content)
        self.written.may_forget_below(header.pdu - header.behind)
        pdu_type = ACK
        if header.pdu not in self.written:
            assert self.written.make_room(), "no_memory"
            if self.old and header.kind == 1:
                pdu_type = REFUSAL
            else:
                self.written.add(header.pdu)
        self.most = max(self.most, len(self.written.ranges()))
        for answer in pack_acks([header.pdu]):
            self.receive(self.sessions.close(PROBE, RUN, pdu_type, answer))

    def deliver(self) -> None:
        """All that is due is sent and arrives."""
        while datagrams := self.publisher.datagrams_to_send(self.now, self.now):
            for datagram in datagrams:
                self.arrives(self.sessions.open(datagram).content)

    def observe(self, n: int) -> None:
        """A PDU of either kind."""
        for rows in (counters(n, 1), definitions(n, 1)):
            self.add(rows)
            self.publisher.flush(self.now)


def test_definitions_go_first_after_a_long_break():
    """So many of them among the others: each alone would be a range."""
    play = Remembering(final_timeout_ns=100 * HOUR)
    play.deliver()
    for n in range(MAX_RANGES + 100):
        play.observe(n)
        if n % 10 == 0:
            play.run(play.now + 5 * SECOND)
    assert play.publisher.broken
    play.run(play.now + 10 * SECOND)
    for _ in range(20):
        play.now += 10 * SECOND
        play.deliver()
    assert play.publisher.idle
    assert play.most < MAX_RANGES / 2


def test_what_a_break_cost_makes_no_holes():
    """PDUs that were never sent and are given up."""
    play = Remembering(final_timeout_ns=60 * SECOND)
    for n in range(MAX_RANGES + 100):
        play.observe(n)
        if n % 10 == 0:
            play.run(play.now + 5 * SECOND)
    for _ in range(20):
        play.now += 10 * SECOND
        play.deliver()
    assert play.publisher.losses.total > MAX_RANGES / 2
    assert play.publisher.idle
    assert play.most < MAX_RANGES / 2


def test_an_older_collector_that_refuses_a_kind():
    """What it refuses is kept, for ever if need be; the rest of the probe's rows go on."""
    play = Remembering(old=True)
    for n in range(MAX_RANGES + 100):
        play.observe(n)
        play.now += SECOND // 10
        play.deliver()
    assert play.publisher.refused_waiting == MAX_RANGES + 100
    assert play.publisher.idle


def test_a_refused_one_is_taken_once():
    """By the collector that knows its kind at last, also if its answer gets lost: the id stays until it is refused."""
    play = Remembering(old=True)
    play.observe(0)
    play.deliver()
    play.old = False
    play.run(play.now + 9 * SECOND)
    [first, again] = [pdu for _, pdu in play.sent]
    assert first == again
    assert play.ids[1] == 2
    play.now += 5 * SECOND
    play.deliver()
    assert play.publisher.waiting == 0
    assert play.written.ranges() == [(1, 3)]
