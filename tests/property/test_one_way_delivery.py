"""One-way observations through the publisher, whatever happens: what a collector takes for complete is complete.

Every number of a class arrives or is declared as given up; below the watermark of an unbroken row of numbers no observation is
missing but within the times of what was declared.
"""

from __future__ import annotations

from collections import Counter

import pytest
from numpy.random import default_rng

from tests.unit.publish.one_way_make import Told, observations
from tests.unit.publish.playbook import MS, SECOND, Playbook, counters, definitions
from tmon_common.observations import ABSENT, ONE_WAY_GAP, ONE_WAY_OBSERVATION
from tmon_common.pdu.header import REFUSAL
from tmon_common.pdu.one_way import Form

FORMS = {name: Form(name, 4, 1, sizes=True) for name in ("links", "voice")}
STEPS = 60


class Delivery:
    """A probe that observes, a bad link, a collector that writes, or refuses, or is not heard."""

    def __init__(self, seed: int) -> None:
        self.random = default_rng(seed)
        choose = self.random.choice
        self.play = Playbook(lossless=bool(choose(4) == 0), queue_octets=int(choose([1 << 20, 20_000, 8_000])),
                             window=int(choose([1, 40])), break_border_ns=int(choose([0, 4 * SECOND])),
                             max_pdu_octets=int(choose([200, 317, 1400])), min_gap_ns=50 * MS, final_timeout_ns=40 * SECOND)
        self.told = Told()
        self.written: set[int] = set()
        self.times = {name: {} for name in FORMS}  # of each signature handed over
        self.watermark = dict.fromkeys(FORMS, ABSENT)
        self.others = 0
        self.packet_time = 0

    def step(self) -> None:
        actions = (self.observe, self.observe, self.observe_others, self.pass_time, self.pass_time, self.take_in_order,
                   self.take_any, self.refuse, self.take_without_an_answer)
        actions[self.random.integers(len(actions))]()

    def observe(self) -> None:
        """Observations not older than the last watermark, flows mixed, and perhaps a new watermark."""
        random, name = self.random, str(self.random.choice(sorted(FORMS)))
        n, step = int(random.integers(0, 150)), int(random.integers(0, 10 * MS))
        first = max(self.packet_time - int(random.integers(0, SECOND)), self.watermark[name], 0)
        known = len(self.times[name])
        rows = observations(known, n, first, form=FORMS[name], step_ns=step)
        self.times[name] |= {known + i: first + step * i for i in range(n)}
        self.packet_time = max(self.packet_time, first + step * n)
        if random.random() < 0.7:
            self.watermark[name] = max(self.watermark[name], self.packet_time - int(random.choice([0, MS, SECOND])), 0)
            rows.watermark_ns = observations(0, 0, 0, self.watermark[name]).watermark_ns
        self.play.add(rows)

    def observe_others(self) -> None:
        permanent, n = self.random.random() < 0.7, int(self.random.integers(1, 30))
        self.play.add(definitions(self.others, n) if permanent else counters(self.others, n))
        self.others += n

    def pass_time(self) -> None:
        self.play.run(self.play.now + int(self.random.choice([MS, 200 * MS, SECOND, 3 * SECOND, 30 * SECOND])))

    def write(self, pdu: int) -> None:
        """At the collector, whether or not the probe still wants to know."""
        if pdu not in self.written:
            self.written.add(pdu)
            self.told.take(self.play.types[pdu], self.play.contents[pdu])

    def some(self, *, in_order: bool) -> list[int]:
        """PDUs that were sent and are not written."""
        there = [p for p in self.play.datagrams if p not in self.written]
        if not in_order:
            self.random.shuffle(there)
        return there[: int(self.random.integers(1, 7))]

    def take_in_order(self) -> None:
        for pdu in self.some(in_order=True):
            self.write(pdu)
            self.play.answer(pdu)

    def take_any(self) -> None:
        for pdu in self.some(in_order=False):
            self.write(pdu)
            self.play.answer(pdu)

    def take_without_an_answer(self) -> None:
        """The answer is lost; the probe may give up what has arrived."""
        for pdu in self.some(in_order=False):
            self.write(pdu)

    def refuse(self) -> None:
        for pdu in self.some(in_order=False):
            self.play.answer(pdu, pdu_type=REFUSAL)

    # ---- what must hold after each step

    def check(self) -> None:
        for name, times in self.times.items():
            _, watermark = self.told.reached(name)
            seen = self.told.seen(name)
            for signature, time in times.items():
                if time < watermark and signature not in seen:
                    assert any(c == name and first <= time <= last for c, first, last in self.told.gaps)
        publisher = self.play.publisher
        assert publisher.backlog_octets <= publisher.parameters.queue_octets or publisher._lossless
        numbers = {(name, n) for name in FORMS for n in range(publisher._one_way_numbers.get(name, 0))}
        undeclared = [g for of_class in publisher._declarations._gaps._gaps.values() for g in of_class]
        held = [(g, h.kind) for h in publisher._holdings for g in h.gaps]
        here = {(g.flow_class, n) for g in (*undeclared, *(g for g, _ in held)) for n in range(g.sequence, g.end)}
        assert numbers == set(self.told.blocks) | self.told.declared | here
        declaring = self.told.observations_declared + sum(g.observations for g, kind in held if kind == ONE_WAY_GAP.number)
        assert declaring + sum(g.observations for g in undeclared) >= self.lost()
        assert ONE_WAY_GAP.name not in {kind for kind, _ in publisher.losses.rows}

    def lost(self) -> int:
        """Observations given up."""
        return sum(rows for (kind, _), rows in self.play.publisher.losses.rows.items() if kind == ONE_WAY_OBSERVATION.name)

    def end(self) -> None:
        """The run ends and the collector takes everything: every number is here or declared, all that is not declared is here."""
        play, publisher = self.play, self.play.publisher
        for form in FORMS.values():
            play.add(observations(0, 0, 0, self.packet_time + SECOND, form=form, ended=True))
        publisher.flush(play.now)
        for _ in range(1000):
            seen = len(play.sent)
            play.run(play.now + SECOND)
            for _, pdu in play.sent[seen:]:
                self.write(pdu)
                play.answer(pdu)
            if publisher.idle and not publisher.waiting:
                break
        assert (True, 0) == (publisher.idle, publisher.waiting)
        self.check()
        for name in FORMS:
            reached, watermark = self.told.reached(name)
            assert publisher._one_way_numbers[name] == reached
            assert any(c == name and block.ended for (c, _), block in self.told.blocks.items())
            assert watermark == self.packet_time + SECOND
            missing = set(self.times[name]) - self.told.seen(name)
            assert len(missing) <= self.lost()


@pytest.mark.parametrize("seed", range(60))
def test_what_counts_as_complete_is_complete(seed):
    delivery = Delivery(seed)
    for _ in range(STEPS):
        delivery.step()
        delivery.check()
    delivery.end()


def test_all_of_it_happens():
    """The walks above reach what they are for: PDUs given up for either cause, declarations given up, holes filled later."""
    reached = Counter()
    for seed in range(60):
        delivery = Delivery(seed)
        publisher = delivery.play.publisher
        give_up = publisher._give_up

        def spy(held, cause, now_ns, give_up=give_up):
            reached[held.kind, str(cause)] += 1
            give_up(held, cause, now_ns)

        publisher._give_up = spy
        for _ in range(STEPS):
            delivery.step()
            reached["beyond a hole"] += any((name, n) in delivery.told.blocks for name in FORMS for n in range(
                delivery.told.reached(name)[0], publisher._one_way_numbers.get(name, 0)))
        reached["declared"] += len(delivery.told.declared)
    wanted = {(ONE_WAY_OBSERVATION.number, "queue full"), (ONE_WAY_OBSERVATION.number, "final timeout"),
              (ONE_WAY_GAP.number, "queue full"), "beyond a hole", "declared"}
    assert wanted <= {what for what, count in reached.items() if count}
