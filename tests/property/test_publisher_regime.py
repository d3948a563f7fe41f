"""The publication engine against the regime told slowly, through anything that may happen on simulated time."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.keys import RUN
from tests.oracles.regime import Pdu, Regime
from tests.unit.publish.playbook import MS, PROBE, SECOND, Playbook, counters, definitions
from tmon_common.pdu.ack import pack_acks
from tmon_common.pdu.header import ACK, REFUSAL

RETRIES, FINAL, BORDER = 3, 40 * SECOND, 4 * SECOND


class RegimeMachine(RuleBasedStateMachine):
    """Time goes from timer to timer: at each the engine sends what it wants, and the regime must allow just that."""

    @initialize(gap=st.sampled_from([MS, 50 * MS, SECOND]), multiplier=st.sampled_from([1.0, 1.5, 2.0]),
                increment=st.sampled_from([0, SECOND // 2, SECOND]), window=st.sampled_from([1, 3, 40]),
                border=st.sampled_from([0, BORDER]), rate=st.sampled_from([0, 4_000, 64_000]),
                queue=st.sampled_from([1 << 20, 5_000, 2_000]))
    def begin(self, gap, multiplier, increment, window, border, rate, queue):
        self.play = Playbook(min_gap_ns=gap, timeout_multiplier=multiplier, timeout_increment_ns=increment, max_retries=RETRIES,
                             final_timeout_ns=FINAL, break_border_ns=border, window=window, max_rate=rate, queue_octets=queue)
        self.regime = Regime(SECOND, increment, multiplier, RETRIES, FINAL, border, gap, rate, queue)
        self.scale = Playbook(queue_octets=1 << 40).publisher  # weighs PDUs
        self.window, self.added, self.acknowledged = window, 0, set()
        self.rows_added = self.rows_acknowledged = 0

    @rule(permanent=st.booleans(), n=st.integers(1, 6))
    def add(self, permanent, n):
        """A PDU: of one definition, or of n rows of counters."""
        self._add(permanent, n)

    @rule(permanent=st.booleans(), pdus=st.integers(2, 20))
    def add_many(self, permanent, pdus):
        """More than a small queue takes."""
        for _ in range(pdus):
            self._add(permanent, 1)

    def _add(self, permanent, n):
        play = self.play
        rows = definitions(self.added, 1) if permanent else counters(self.added, n)
        before = self.scale.backlog_octets
        for publisher in (self.scale, play.publisher):
            publisher.add(rows, play.now)
            publisher.flush(play.now)
        pdu = Pdu(self.added, permanent, play.now, rows.kind.name, len(rows), self.scale.backlog_octets - before)
        self.regime.pass_time(play.now)
        given_up = len(self.regime.given_up)
        self.regime.add(pdu, len(rows) * rows.kind.words * 8)
        if any(p.permanent for p in self.regime.given_up[given_up:]):
            assert all(held.permanent for held in play.publisher._holdings)
        self.added += 1
        self.rows_added += len(rows)

    @rule(data=st.data(), refusal=st.integers(0, 3))
    @precondition(lambda self: self.added)
    def answer(self, data, refusal):
        """Of any PDUs: also of those never sent, given up, or answered before."""
        pdus = data.draw(st.lists(st.integers(0, self.added), min_size=1, max_size=4))
        kind = REFUSAL if refusal == 0 else ACK
        if not self.play.sent:
            return
        self._step()
        for pdu in pdus:
            for content in pack_acks([self.play.id_of(pdu)]):
                self.play.receive(self.play.sessions.close(PROBE, RUN, kind, content))
            known = self.regime.find(pdu)
            if known is not None and known.first is not None and not known.nameless and kind == ACK:
                self.acknowledged.add(pdu)
                self.rows_acknowledged += known.rows
            self.regime.answer(pdu, self.play.now, refusal=kind == REFUSAL)

    @rule(by=st.one_of(st.integers(1, 3 * SECOND), st.sampled_from([10 * SECOND, 60 * SECOND])))
    def pass_time(self, by):
        until = self.play.now + by
        self._step()
        while (timer := self.play.publisher.next_timer()) is not None and timer <= until:
            assert timer > self.play.now, "a timer that is due did nothing"
            self.play.now = timer
            self._step()
        self.play.now = until
        self._step()

    def _step(self):
        """The engine sends what it wants now."""
        play, regime = self.play, self.regime
        regime.pass_time(play.now)
        seen = len(play.sent)
        play.step()
        for (_, pdu), octets in zip(play.sent[seen:], play.sizes[seen:], strict=True):
            assert regime.may_send(pdu), f"{pdu} was sent, though its timer runs or it is gone"
            regime.sent(pdu, octets, play.now)
        if len(play.sent) == seen and play.now >= regime.next_slot:
            self._nothing_was_held_up()

    def _nothing_was_held_up(self):
        """A slot was free and not used: nothing may wait but what the window holds up."""
        waiting = [self.regime.find(n) for n in self.regime.waiting()]
        in_flight = sum(p.waits_until is not None and not p.refused for p in self.regime.pdus)
        if self.regime.broken_since is not None:
            assert self.regime.pilot not in [p.number for p in waiting]
        assert not [p for p in waiting if p.refused]
        if waiting:
            assert in_flight >= min(self.window, 16)

    @invariant()
    def the_same_is_held(self):
        if not hasattr(self, "play"):
            return
        self.regime.pass_time(self.play.now)
        publisher = self.play.publisher
        publisher.advance(self.play.now)
        held = {h.pdu: h for h in publisher._holdings}
        assert sorted(held) == sorted(p.number for p in self.regime.pdus)
        lost = Counter()
        for pdu in self.regime.given_up:
            lost[pdu.kind, pdu.cause] += pdu.rows
        assert publisher.losses.rows == lost
        assert publisher.backlog_octets <= publisher.parameters.queue_octets
        assert publisher.broken == (self.regime.broken_since is not None)
        for pdu in self.regime.pdus:
            assert held[pdu.number].due_ns == pdu.waits_until
            assert held[pdu.number].refused == pdu.refused
        assert len(held) + len(self.acknowledged) + len(self.regime.given_up) == self.added
        assert sum(h.rows for h in held.values()) + self.rows_acknowledged + publisher.losses.total == self.rows_added
        assert publisher._in_flight == sum(p.waits_until is not None and not p.refused for p in self.regime.pdus)
        assert publisher._holdings.octets == sum(h.octets for h in held.values())
        assert not any(p.permanent for p in self.regime.given_up if p.cause == "final timeout")

    def teardown(self):
        """The collector is back: everything held arrives, but for what it still refuses."""
        if not hasattr(self, "play"):
            return
        play = self.play
        slots = 2 * play.publisher.waiting  # a second each at most; some PDUs are sent again first
        play.run_answering(play.now + (300 + slots) * SECOND)
        assert play.publisher.idle or play.publisher.waiting == play.publisher.refused_waiting


RegimeMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_regime = RegimeMachine.TestCase


def test_the_bound_of_the_queue_holds_whatever_happens():
    """Live: never more octets than configured, and every row acknowledged, held or given up."""
    random = np.random.default_rng(7)
    play = Playbook(queue_octets=30_000, min_gap_ns=0, break_border_ns=BORDER, window=10)
    added = 0
    for _ in range(400):
        rows = int(random.integers(1, 40))
        play.add(definitions(added, rows) if random.random() < 0.1 else counters(added, rows))
        added += rows
        play.run(play.now + int(random.integers(1, SECOND)))
        assert play.publisher.backlog_octets <= 30_000
        if random.random() < 0.2 and play.sent:
            play.answer(*{pdu for _, pdu in play.sent[-5:]})
    play.publisher.flush(play.now)
    held = sum(h.rows for h in play.publisher._holdings)
    assert len(play.flows) + held + play.publisher.losses.total == added


def test_many_held_pdus_cost_what_few_do():
    """Counted, not timed: nobody walks through all of them for an acknowledgement or a timer."""
    play = Playbook(queue_octets=1 << 40, min_gap_ns=0, window=8)
    holdings = play.publisher._holdings
    for n in range(2000):
        play.add(counters(n, 1))
        play.publisher.flush(play.now)
    walked = 0

    def walk(self):
        nonlocal walked
        walked += 1
        return iter(self._by_pdu.values())

    type(holdings).__iter__, kept = walk, type(holdings).__iter__
    try:
        while play.publisher.waiting:
            play.answer(*play.step())
    finally:
        type(holdings).__iter__ = kept
    assert walked == 0
