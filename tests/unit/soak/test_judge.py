"""The judge of a soak: what grows, comes, goes or differs is told. A judge that cannot say no proves nothing."""

from collections import Counter

import pytest

from tests.soak.judge import MAX_GROWTH_OCTETS, MAX_SHARED_OCTETS, MIN_SAMPLES, Verdict, judge_figures, judge_memory
from tests.soak.ledger import EAST, UDP, WEST, Count, Flow, Ledger
from tests.soak.samples import Sample, Samples

SECONDS = 120
FLOW = Flow(UDP, "10.1.0.1", "10.2.0.1", 1_024, 53)


def samples(spool=lambda t: 10, until=SECONDS, **changing) -> Samples:
    """One process; changing: of a field, its value at a second."""
    flat = {"rss": 90 << 20, "pss": 80 << 20, "allocated": 50 << 20, "shared": 1 << 20, "descriptors": 12, "threads": 1}
    found = Samples()
    found.processes["west", "child", 7] = [
        Sample(at_s=t, **flat | {name: value(t) for name, value in changing.items()}) for t in range(until)]
    found.processes["west", "main", 6] = [Sample(at_s=t, **flat) for t in range(SECONDS)]
    found.spool = [(t, spool(t), 1_000 * spool(t)) for t in range(SECONDS)]
    return found


def wrong(given: Samples) -> list[str]:
    verdict = Verdict()
    judge_memory(verdict, given)
    return verdict.wrong


def test_what_stays_as_it_is_is_good():
    assert wrong(samples()) == []


def test_what_grows_at_the_beginning_only_is_good():
    assert wrong(samples(allocated=lambda t: (20 << 20) + (min(t, SECONDS // 3) << 20), descriptors=lambda t: min(t, 12))) == []


@pytest.mark.parametrize(("changing", "told"), [
    ({"allocated": lambda t: (50 << 20) + t * (2 * MAX_GROWTH_OCTETS * 2 // SECONDS)}, "west child grows: "),
    ({"shared": lambda t: MAX_SHARED_OCTETS + 4_096}, "west child shares "),
    ({"descriptors": lambda t: 12 + (t + 9) // 20}, "west child: 14 descriptors in the second quarter, 17 in the last"),
    ({"threads": lambda t: 1 + t // 30}, "west child: 2 threads in the second quarter, 4 in the last"),
    ({"spool": lambda t: 10 + t}, "spool: 54 files in the second quarter, 114 in the last"),
    ({"until": SECONDS - 10}, "west child (process 7) was there from 0 to 109 s only"),
    ({"until": MIN_SAMPLES - 1}, "west child (process 7) was there from 0 to 18 s only"),
])
def test_what_grows_or_goes_is_told(changing, told):
    assert [line[:len(told)] for line in wrong(samples(**changing))] == [told]


class Said:
    """In place of a database: what it says."""

    def __init__(self, ledger: Ledger) -> None:
        self.flows_at = {place: dict(ledger.flows[place]) for place in (WEST, EAST)}
        self.told = Counter({(severity, code, "burst"): ledger.bursts
                             for severity, code in (("warning", "threshold_crossed"), ("info", "threshold_back"))})
        self.refused = 0

    def flows(self, place):
        return self.flows_at[place]

    def sizes(self, place):
        counts = self.flows_at[place].values()
        return sum(c.packets for c in counts), sum(c.octets for c in counts)

    def connections(self, _place):
        return Counter()

    queries = transfers = connections

    def echoes(self, _place):
        return {}

    def ways(self):
        return Counter()

    def verdicts(self):
        return Counter()

    def events(self):
        return self.told

    def rejected(self):
        return self.refused


def ledger() -> Ledger:
    found = Ledger(bursts=2)
    found.passed(FLOW, 100, messages=1, payload=72)
    found.passed(FLOW.reverse, 300, packets=2, messages=2, payload=244)
    return found


def figures_wrong(said: Said, of: Ledger) -> list[str]:
    verdict = Verdict()
    judge_figures(verdict, of, said)
    return verdict.wrong


def test_equal_figures_are_good():
    given = ledger()
    assert figures_wrong(Said(given), given) == []


def test_an_octet_too_many_is_told_with_its_flow():
    given = ledger()
    said = Said(given)
    said.flows_at[EAST][FLOW] = Count(1, 101, 0, 1, 72)
    told, = figures_wrong(said, given)
    assert told.startswith(f"flows at east: 1 differ of 2: {FLOW}")


def test_flows_that_nobody_sent_or_nobody_saw_are_told():
    given = ledger()
    said = Said(given)
    del said.flows_at[WEST][FLOW]
    said.flows_at[WEST][FLOW._replace(dst_port=54)] = Count(1, 100, 0, 1, 72)
    told, = figures_wrong(said, given)
    assert told.startswith("flows at west: 2 differ")


def test_of_repeated_segments_octets_are_not_known():
    given = ledger()
    given.repeated = {FLOW, FLOW.reverse}
    said = Said(given)
    said.flows_at[EAST][FLOW] = Count(1, 112)
    assert figures_wrong(said, given) == []
    said.flows_at[EAST][FLOW] = Count(2, 112)
    assert len(figures_wrong(said, given)) == 1


def test_what_neighbours_say_to_each_other_is_nobodys_traffic():
    given = ledger()
    said = Said(given)
    said.flows_at[WEST][Flow(0, "fe80::1", "ff02::16")] = Count(2, 152)
    assert figures_wrong(said, given) == []


def test_warnings_and_missing_bursts_are_told():
    given = ledger()
    said = Said(given)
    said.told = Counter({("warning", "kernel_drops", "lan"): 1, ("warning", "threshold_crossed", "burst"): 2})
    told = [line.split(":")[0] for line in figures_wrong(said, given)]
    assert told == ["bursts told", "event kernel_drops (warning) of 'lan', 1 times"]
    said.refused = 3
    assert any(line.startswith("rows refused") for line in figures_wrong(said, given))
