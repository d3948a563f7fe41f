"""What was given up and not yet declared: every number of it, in few rows."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tmon_common.observations import ABSENT, ONE_WAY_GAP
from tmon_probe.publish.gaps import MAX_GAPS, Gap, Gaps, rows_of


def covered(gaps) -> list[tuple[str, int]]:
    return sorted((g.flow_class, n) for g in gaps for n in range(g.sequence, g.end))


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60)), unique=True))
def test_numbers_in_any_order(numbers):
    """Exactly those given up are covered, by as few rows as there are unbroken runs; times and counts are those of all in a row."""
    gaps = Gaps()
    for now, (flow_class, n) in enumerate(numbers):
        gaps.add([Gap(flow_class, n, 1, 1000 + n, 2000 - n, 3)], now)
    assert gaps.since_ns == (0 if numbers else None)
    taken = gaps.take()
    assert sorted(numbers) == covered(taken)
    assert len(taken) == sum((c, n - 1) not in numbers for c, n in numbers)
    for gap in taken:
        assert (1000 + gap.sequence, 2000 - gap.sequence, 3 * gap.pdus) == (gap.first_ns, gap.last_ns, gap.observations)
    assert gaps.since_ns is None
    assert gaps.take() == []


def test_times_of_pdus_without_observations():
    gaps = Gaps()
    empty = [Gap(name, n, 1, ABSENT, ABSENT, 0) for name, n in (("a", 0), ("a", 2), ("b", 0))]
    gaps.add([*empty, Gap("a", 1, 1, 5, 7, 2)], 0)
    assert gaps.take() == [Gap("a", 0, 3, 5, 7, 2), Gap("b", 0, 1, ABSENT, ABSENT, 0)]


def test_rows_that_come_back_join_what_came_meanwhile():
    gaps = Gaps()
    gaps.add([Gap("a", 10, 5, 1, 2, 5)], 0)
    returned = gaps.take()
    gaps.add([Gap("a", 15, 1, 3, 4, 1), Gap("a", 9, 1, 0, 1, 1)], 7)
    gaps.add(returned, 9)
    assert gaps.since_ns == 7
    assert gaps.take() == [Gap("a", 9, 7, 0, 4, 7)]


def test_the_bound():
    """With every second number given up for ever, all of them stay covered, in no more rows than the maximum."""
    gaps = Gaps()
    for n in range(0, 4 * MAX_GAPS, 2):
        gaps.add([Gap("a", n, 1, n, n, 1), Gap("b", n, 1, n, n, 1)], 0)
    taken = gaps.take()
    assert len(taken) <= MAX_GAPS
    assert {(c, n) for c in "ab" for n in range(0, 4 * MAX_GAPS, 2)} <= set(covered(taken))
    assert sum(g.observations for g in taken) == 4 * MAX_GAPS


def test_rows():
    rows = rows_of([Gap("b", 3, 2, 50, 60, 7), Gap("a", 0, 1, ABSENT, ABSENT, 0)])
    assert rows.kind is ONE_WAY_GAP
    assert [(rows.strings[r["flow_class"]], *(r[n] for n in ("sequence", "pdus", "first", "last", "observations")))
            for r in rows.values] == [("b", 3, 2, 50, 60, 7), ("a", 0, 1, ABSENT, ABSENT, 0)]
