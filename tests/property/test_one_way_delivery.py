"""One-way observations through the publisher, whatever happens: what a collector takes for complete is complete.

Every number of a class arrives or is declared as given up; below the watermark of an unbroken row of numbers no observation is
missing that was not declared.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.publish.one_way_make import FORM, Told, observations
from tests.unit.publish.playbook import MS, SECOND, Playbook, counters, definitions
from tmon_common.observations import ABSENT, ONE_WAY_GAP, ONE_WAY_OBSERVATION
from tmon_common.pdu.header import REFUSAL
from tmon_common.pdu.one_way import Form

FORMS = {name: Form(name, 4, 1, sizes=True) for name in ("links", "voice")}


class DeliveryMachine(RuleBasedStateMachine):
    @initialize(queue=st.sampled_from([1 << 20, 12_000, 4_000, 1_500]), window=st.sampled_from([1, 40]),
                border=st.sampled_from([0, 4 * SECOND]), max_pdu=st.sampled_from([200, 317, 1400]), lossless=st.booleans())
    def begin(self, queue, window, border, max_pdu, lossless):
        self.play = Playbook(lossless=lossless, queue_octets=queue, window=window, break_border_ns=border, max_pdu_octets=max_pdu,
                             min_gap_ns=50 * MS, final_timeout_ns=40 * SECOND)
        self.told = Told()
        self.acknowledged = set()
        self.times = {name: {} for name in FORMS}  # of each signature handed over
        self.watermark = dict.fromkeys(FORMS, ABSENT)
        self.added = Counter()
        self.packet_time = 0

    @rule(name=st.sampled_from(sorted(FORMS)), n=st.integers(0, 60), step=st.integers(0, 10 * MS), back=st.integers(0, SECOND),
          lag=st.integers(0, SECOND), mark=st.booleans())
    def observe(self, name, n, step, back, lag, mark):
        """Observations not older than the last watermark, in any order, and perhaps a new watermark."""
        first = max(self.packet_time - back, self.watermark[name], 0)
        rows = observations(len(self.times[name]), n, first, form=FORMS[name], step_ns=step)
        for signature in range(len(self.times[name]), len(self.times[name]) + n):
            self.times[name][signature] = first + step * (signature - len(self.times[name]))
        self.packet_time = max(self.packet_time, first + step * n)
        if mark:
            self.watermark[name] = max(self.watermark[name], self.packet_time - lag, 0)
            rows.watermark_ns = observations(0, 0, 0, self.watermark[name]).watermark_ns
        self.play.add(rows)
        self.added["one_way_observation"] += n

    @rule(n=st.integers(1, 30), permanent=st.booleans())
    def observe_other_things(self, n, permanent):
        self.play.add(definitions(self.added["others"], n) if permanent else counters(self.added["others"], n))
        self.added["others"] += n

    @rule(by=st.sampled_from([MS, 200 * MS, SECOND, 3 * SECOND, 30 * SECOND]))
    def pass_time(self, by):
        self.play.run(self.play.now + by)

    @rule(data=st.data(), refused=st.integers(0, 4))
    def answer(self, data, refused):
        """Of any PDU that was sent; nothing of it may have changed, so it may have been written before."""
        if not self.play.datagrams:
            return
        for pdu in data.draw(st.lists(st.sampled_from(sorted(self.play.datagrams)), min_size=1, max_size=6, unique=True)):
            if refused and pdu not in self.acknowledged:
                self._written(pdu)
                self.play.answer(pdu)
            elif not refused:
                self.play.answer(pdu, pdu_type=REFUSAL)

    def _written(self, pdu):
        """At the collector, whether or not the probe still wants to know."""
        if pdu not in self.acknowledged:
            self.acknowledged.add(pdu)
            self.told.take(self.play.types[pdu], self.play.contents[pdu])

    @rule(data=st.data())
    def write_without_an_answer(self, data):
        """The acknowledgement is lost; the probe may give up what has arrived."""
        if self.play.datagrams:
            self._written(data.draw(st.sampled_from(sorted(self.play.datagrams))))

    @invariant()
    def below_the_watermark_nothing_is_missing(self):
        if not hasattr(self, "play"):
            return
        for name, times in self.times.items():
            _, watermark = self.told.reached(name)
            seen = self.told.seen(name)
            for signature, time in times.items():
                if time < watermark and signature not in seen:
                    assert any(c == name and first <= time <= last for c, first, last in self.told.gaps)

    @invariant()
    def everything_is_somewhere(self):
        if not hasattr(self, "play"):
            return
        publisher = self.play.publisher
        assert publisher.backlog_octets <= publisher.parameters.queue_octets or publisher._lossless
        numbers = {(name, n) for name in FORMS for n in range(publisher._one_way_numbers.get(name, 0))}
        held = {(g.flow_class, n) for h in publisher._holdings for g in h.gaps for n in range(g.sequence, g.end)}
        waiting = {(g.flow_class, n) for of_class in publisher._declarations._gaps._gaps.values() for g in of_class
                   for n in range(g.sequence, g.end)}
        assert numbers == set(self.told.blocks) | self.told.declared | held | waiting
        given_up = sum(rows for (kind, _), rows in publisher.losses.rows.items() if kind == ONE_WAY_OBSERVATION.name)
        declared = self.told.observations_declared + sum(
            g.observations for h in publisher._holdings if h.kind == ONE_WAY_GAP.number for g in h.gaps) + sum(
            g.observations for of_class in publisher._declarations._gaps._gaps.values() for g in of_class)
        assert declared >= given_up
        assert ONE_WAY_GAP.name not in {kind for kind, _ in publisher.losses.rows}

    def teardown(self):
        """The run ends and the collector takes everything: every number is here or declared, all that is not declared is here."""
        if not hasattr(self, "play"):
            return
        play = self.play
        for name, form in FORMS.items():
            play.add(observations(0, 0, 0, self.packet_time + SECOND, form=form, ended=True))
        play.publisher.flush(play.now)
        for _ in range(1000):
            seen = len(play.sent)
            play.run(play.now + SECOND)
            for _, pdu in play.sent[seen:]:
                self._written(pdu)
                play.answer(pdu)
            if play.publisher.idle and not play.publisher.waiting:
                break
        assert play.publisher.idle
        assert not play.publisher.waiting
        for name in FORMS:
            last = play.publisher._one_way_numbers[name]
            assert self.told.reached(name)[0] == last
            missing = set(self.times[name]) - self.told.seen(name)
            lost = sum(rows for (kind, _), rows in play.publisher.losses.rows.items() if kind == ONE_WAY_OBSERVATION.name)
            assert len(missing) <= lost
            assert not missing or any(c == name for c, _ in self.told.declared)


DeliveryMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_delivery = DeliveryMachine.TestCase
