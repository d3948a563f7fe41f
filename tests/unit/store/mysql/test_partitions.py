"""Which partitions there are to be: against a table in memory that does what the statements say."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_store.mysql.partitions import (
    FUTURE,
    MAX_PARTITIONS,
    PAST,
    Partition,
    TooManyPartitionsError,
    covered,
    first_partitions,
    span_of,
    to_drop,
    to_prepare,
)

DAYS = st.dates(date(2023, 12, 20), date(2024, 3, 10))
SPANS = st.sampled_from(["day", "month"])


class Twin:
    """A table as a server has it: partitions by name, and in which of them the rows of a day are."""

    def __init__(self) -> None:
        self.partitions = self._parsed(first_partitions())
        self.rows: list[date] = []

    def _parsed(self, text):
        return [Partition(name, None if bound == "(MAXVALUE)" else date.fromisoformat(bound[2:-2])) for name, bound in re.findall(
            r'PARTITION "(\w+)" VALUES LESS THAN (\(MAXVALUE\)|\(\'[0-9-]+\'\))', text)]

    def run(self, statement):
        head, rest = re.match(r'ALTER TABLE "t" (\w+) PARTITION (.*)', statement).groups()
        names = re.findall(r'"(\w+)"', rest.partition(" INTO ")[0])
        at = [i for i, p in enumerate(self.partitions) if p.name in names]
        assert len(at) == len(names)
        if head in ("DROP", "TRUNCATE"):
            self.rows = [d for d in self.rows if self.of(d).name not in names]
            if head == "DROP":
                self.partitions = [p for p in self.partitions if p.name not in names]
        else:
            assert head == "REORGANIZE"
            pieces = self._parsed(rest.partition(" INTO ")[2])
            assert [self.partitions[i].until for i in at][-1] == pieces[-1].until, "the range has to stay"
            self.partitions[at[0] : at[-1] + 1] = pieces
        bounds = [p.until or date.max for p in self.partitions]
        assert bounds == sorted(set(bounds))
        assert len({p.name.lower() for p in self.partitions}) == len(self.partitions), "a name twice"

    def of(self, day):
        return next(p for p in self.partitions if p.until is None or day < p.until)

    def check(self, span):
        """Every partition with rows covers their span and nothing else; the last one is pFuture, and empty."""
        assert self.partitions[-1] == Partition(FUTURE, None)
        for day in self.rows:
            first, after = span_of(day, span)
            at = self.partitions.index(self.of(day))
            assert at > 0
            assert (first, after) == (self.partitions[at - 1].until, self.partitions[at].until)


@given(st.lists(st.one_of(st.lists(DAYS, min_size=1, max_size=5), st.tuples(DAYS)), max_size=12), SPANS)
def test_a_life_of_days_and_purges(steps, span):
    """Lists of days that rows come for, in any order, and days before which all is dropped."""
    table = Twin()
    for step in steps:
        if isinstance(step, list):
            for statement in to_prepare("t", table.partitions, step, span):
                table.run(statement)
            assert {span_of(d, span)[0] for d in step} <= covered(table.partitions, span)
            table.rows += step
            assert [] == to_prepare("t", table.partitions, step, span)
        else:
            until = step[0]
            before = list(table.rows)
            names, statements = to_drop("t", table.partitions, until)
            gone = [d for d in table.rows if table.of(d).name in names]
            for statement in statements:
                table.run(statement)
            assert sorted(gone + table.rows) == sorted(before)
            assert all(span_of(d, span)[1] <= until for d in gone)
            assert all(span_of(d, span)[1] > until for d in table.rows)
        table.check(span)


def test_days_in_a_row_take_a_partition_each():
    """A month of days, one after the other: no empty ones between."""
    table = Twin()
    for n in range(31):
        for statement in to_prepare("t", table.partitions, [date(2024, 5, 1) + timedelta(n)], "day"):
            table.run(statement)
    assert [PAST, "g20240501", *(f"p202405{n:02d}" for n in range(1, 32)), FUTURE] == [p.name for p in table.partitions]


def test_one_statement_makes_room_for_days_of_one_gap():
    """However many they are: each takes the table's lock once."""
    present = Twin().partitions
    statement, = to_prepare("t", present, [date(2024, 1, n) for n in (9, 3, 5)], "day")
    names = re.findall(r'PARTITION "(\w+)" V', statement)
    assert ["g20240103", "p20240103", "g20240105", "p20240105", "g20240109", "p20240109", FUTURE] == names


def test_too_many_days_are_refused():
    """With what to do; nothing is done."""
    days = [date(2001, 1, 1) + timedelta(days=2 * n) for n in range(MAX_PARTITIONS // 2)]
    with pytest.raises(TooManyPartitionsError, match=r"at most 2000 are kept.*<retention>"):
        to_prepare("t", Twin().partitions, days, "day")
    assert to_prepare("t", Twin().partitions, days[:-1], "day")


def test_nothing_old_nothing_dropped():
    """Not even a statement."""
    assert ([], []) == to_drop("t", Twin().partitions, date(2024, 1, 1))
