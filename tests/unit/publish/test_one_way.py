"""One-way observations in the publisher: when they leave, what a PDU of them says, what becomes of those given up."""

import pytest

from tests.unit.publish.one_way_make import FORM, Told, observations
from tests.unit.publish.playbook import MS, SECOND, WALL_NS, Playbook, counters, definitions
from tmon_common.observations import ABSENT, ONE_WAY_GAP, ONE_WAY_OBSERVATION, Rows
from tmon_common.pdu.contents import parse_observations
from tmon_common.pdu.header import REFUSAL
from tmon_common.pdu.one_way import Form, decode
from tmon_probe.publish.loss import Cause

EMPTY = {"n": 0, "first": 0, "time_ns": 0}


class Link:
    """A playbook, and what its collector was told."""

    def __init__(self, **changes) -> None:
        self.play, self.told = Playbook(**changes), Told()

    def take(self, *pdus: int) -> None:
        for pdu in pdus:
            self.told.take(self.play.types[pdu], self.play.contents[pdu])
            self.play.answer(pdu)

    def run(self, until: int) -> None:
        """Everything that is sent is taken."""
        while self.play.now < until:
            self.take(*[pdu for pdu in self.play.run(self.play.now + 10 * MS) if pdu in self.play.publisher._holdings._by_pdu])


def begun(**changes) -> Link:
    """The first watermark has been taken."""
    link = Link(**changes)
    link.play.add(observations(**EMPTY, watermark_ns=0))
    link.play.run(0)
    link.take(0)
    return link


def test_the_first_watermark_leaves_at_once():
    """It tells since when there is observation: the next one does not take its place."""
    link = Link()
    link.play.add(observations(0, 10, 5))
    link.play.add(observations(10, 10, 7 * SECOND, 3))
    link.play.add(observations(**EMPTY, watermark_ns=8 * SECOND, ended=True))
    link.run(3 * SECOND)
    first, last = (link.told.blocks["links", n] for n in (0, 1))
    assert (WALL_NS + 3, 20, False) == (first.watermark_ns, len(first.words), first.ended)
    assert (WALL_NS + 8 * SECOND, 0, True) == (last.watermark_ns, len(last.words), last.ended)


def test_observations_leave_when_max_build_is_over():
    link = begun()
    link.play.add(observations(0, 10, 0, SECOND))
    link.play.run(SECOND)
    link.play.add(observations(10, 10, SECOND, 2 * SECOND))
    link.play.run(2 * SECOND - 1)
    assert [(0, 0)] == link.play.sent
    link.play.run(2 * SECOND)
    assert [(0, 0), (2 * SECOND, 1)] == link.play.sent
    link.take(1)
    assert set(range(20)) == link.told.seen()
    assert (2, 2 * SECOND) == link.told.reached()
    header = parse_observations(link.play.contents[1])
    assert (ONE_WAY_OBSERVATION.number, 20) == (header.kind, header.rows)
    assert (ONE_WAY_OBSERVATION.words, 0) == (header.words, header.strings)


def test_observations_leave_when_there_are_very_many():
    link = Link(queue_octets=1 << 20)  # 1,638 rows are an eighth of it
    link.play.add(observations(0, 1700, 0))
    assert link.play.publisher.waiting > 5
    flows = [flow for h in link.play.publisher._holdings for flow in decode(h.payload, 0, len(h.payload)).words[:, 0]]
    assert sorted(flows) == flows


@pytest.mark.parametrize("news", [{"watermark_ns": SECOND}, {"ended": True}])
def test_a_watermark_leaves_without_observations(news):
    link = begun()
    link.play.add(observations(**EMPTY, **news))
    assert not link.play.publisher.idle
    link.play.run(2 * SECOND)
    assert [(0, 0), (2 * SECOND, 1)] == link.play.sent
    assert parse_observations(link.play.contents[1]).rows == 0
    link.take(1)
    assert link.play.publisher.idle
    block = link.told.blocks["links", 1]
    assert (news.get("watermark_ns", 0) + WALL_NS, news.get("ended", False)) == (block.watermark_ns, block.ended)
    link.play.add(observations(**EMPTY, **news))  # nothing new
    assert link.play.publisher.next_timer() is None


def test_numbers_are_of_each_class():
    link = Link()
    for turn in range(3):
        for name in ("links", "voice"):
            link.play.add(observations(turn, 1, turn * SECOND, form=Form(name, 4, 1, sizes=False)))
        link.play.publisher.flush(link.play.now)
    link.run(2 * SECOND)
    assert {(name, n) for name in ("links", "voice") for n in range(3)} == set(link.told.blocks)


def test_final_timeout():
    link = Link(final_timeout_ns=5 * SECOND)
    link.play.add(observations(0, 100, 7 * MS, SECOND, step_ns=MS))
    link.play.publisher.flush(0)
    made = link.play.publisher.waiting
    assert made > 1
    link.play.run(6 * SECOND)
    assert link.play.publisher.losses.rows == {("one_way_observation", Cause.FINAL_TIMEOUT): 100}
    link.run(9 * SECOND)
    assert (made, ABSENT) == link.told.reached()
    assert {("links", n) for n in range(made)} == link.told.declared
    assert [("links", 7 * MS, 106 * MS)] == link.told.gaps
    assert link.told.observations_declared == 100
    assert link.play.publisher.idle


def test_a_full_queue():
    """Perishable rows and their watermark make room; what is declared is told as soon as there is some."""
    link = Link(queue_octets=8_000)
    for n in range(60):
        link.play.add(observations(50 * n, 50, n * SECOND, (n + 1) * SECOND, step_ns=MS))
        link.play.publisher.flush(0)
    lost = link.play.publisher.losses.rows["one_way_observation", Cause.QUEUE_FULL]
    assert lost > 1000
    link.run(40 * SECOND)
    assert 3000 - lost == len(link.told.seen())
    assert lost == link.told.observations_declared
    assert (link.play.publisher._one_way_numbers["links"], 60 * SECOND) == link.told.reached()
    assert set(link.told.blocks).isdisjoint(link.told.declared)


def test_a_long_break_is_told_in_few_rows():
    """One declaration is under way; of all the others together there is one row."""
    link = Link(queue_octets=8_000, final_timeout_ns=3 * SECOND)
    for n in range(300):
        link.play.add(observations(5 * n, 5, n * SECOND))
        link.play.run(n * SECOND)
    assert sum(h.kind == ONE_WAY_GAP.number for h in link.play.publisher._holdings) == 1
    link.play.run(400 * SECOND)
    link.take(*[h.pdu for h in link.play.publisher._holdings if h.sent_as is not None])
    link.run(450 * SECOND)
    assert link.told.reached()[0] == link.play.publisher._one_way_numbers["links"]
    assert link.told.observations_declared == 1500
    assert len(link.told.gaps) <= 3


def test_refused_until_too_old():
    """A collector that does not know the kind; what it is told after an update is that they are gone."""
    link = Link(final_timeout_ns=20 * SECOND)
    link.play.add(observations(0, 3, 0))
    link.play.run(2 * SECOND)
    link.play.answer(0, pdu_type=REFUSAL)
    link.play.run(40 * SECOND)
    assert link.play.publisher.losses.rows == {("one_way_observation", Cause.FINAL_TIMEOUT): 3}
    assert parse_observations(link.play.contents[1]).kind == ONE_WAY_GAP.number
    link.play.answer(1, pdu_type=REFUSAL)
    assert link.play.publisher.refused_kinds == ["one_way_gap"]
    link.run(60 * SECOND)
    assert {("links", 0)} == link.told.declared


def test_a_declaration_that_is_given_up_comes_back():
    """Definitions take the room: observations go, then what is declared of them, and are declared later."""
    link = Link(queue_octets=2_000, final_timeout_ns=3 * SECOND)
    link.play.add(observations(0, 5, 0))
    link.play.publisher.flush(0)
    link.play.run(4 * SECOND)
    link.play.publisher.flush(link.play.now)
    assert ["one_way_gap"] == [link.play.publisher._kind_names[h.kind] for h in link.play.publisher._holdings]
    refused = next(iter(link.play.publisher._holdings))
    link.play.run(5 * SECOND)
    link.play.answer(refused.pdu, pdu_type=REFUSAL)  # the first to go among permanent ones
    link.play.add(definitions(0, 40))
    link.play.publisher.flush(link.play.now)
    assert refused not in list(link.play.publisher._holdings)
    assert "one_way_gap" not in {kind for kind, _ in link.play.publisher.losses.rows}
    link.run(60 * SECOND)
    assert {("links", 0)} == link.told.declared
    assert link.play.publisher.idle


def test_the_end_is_told_again_when_it_was_given_up():
    link = Link(queue_octets=1_000)
    link.play.add(observations(0, 1, 0, SECOND, ended=True))
    link.play.publisher.flush(0)
    for n in range(20):
        link.play.add(definitions(n, 4))
        link.play.publisher.flush(0)
    link.run(60 * SECOND)
    ends = [number for (_, number), block in link.told.blocks.items() if block.ended]
    assert (max(ends) + 1, SECOND) == link.told.reached()


def test_no_number_comes_twice_though_acknowledgements_are_lost():
    link = Link()
    link.play.add(observations(0, 100, 0))
    link.play.publisher.flush(0)
    link.play.run(30 * SECOND)  # each is sent many times
    assert len(link.play.sent) > len(link.play.contents)
    for pdu, content in link.play.contents.items():
        link.told.take(link.play.types[pdu], content)
    assert set(range(100)) == link.told.seen()


def test_rows_out_of_range_are_counted():
    link = Link()
    rows = observations(0, 4, 0)
    rows.words[1, 3], rows.words[2, 1] = ABSENT, 256
    link.play.add(rows)
    link.run(3 * SECOND)
    assert {0, 3} == link.told.seen()
    assert link.play.publisher.losses.rows == {("one_way_observation", Cause.OUT_OF_RANGE): 2}


def test_a_name_as_long_as_a_pdu():
    """63 characters of three octets, the longest there is, in PDUs of 200 octets: a longer one for each observation."""
    form = Form("ー" * 63, 4, 1, sizes=True)
    link = Link(max_pdu_octets=200)
    link.play.add(observations(0, 3, 0, SECOND, form=form))
    link.run(4 * SECOND)
    assert {0, 1, 2} == link.told.seen(form.flow_class)
    assert (3, SECOND) == link.told.reached(form.flow_class)


@pytest.mark.parametrize("kind", [ONE_WAY_OBSERVATION, ONE_WAY_GAP])
def test_plain_rows_are_refused(kind):
    with pytest.raises(ValueError, match=kind.name):
        Playbook().add(Rows(kind, observations(0, 1, 0).values[:0].view()))


def test_memory_is_the_caller_s_again():
    link = Link()
    rows = observations(0, 5, 0)
    link.play.add(rows)
    rows.words[:] = 7
    link.play.add(counters(0, 1))
    link.run(3 * SECOND)
    assert set(range(5)) == link.told.seen()
    assert FORM == link.told.blocks["links", 0].form
