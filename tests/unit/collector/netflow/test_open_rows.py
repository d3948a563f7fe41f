"""Rows that are open until their minute has been over for a while."""

import random
from collections import Counter

import numpy as np

from tmon_collector.netflow import open_rows as module
from tmon_collector.netflow.open_rows import LARGE, OpenRows, folded
from tmon_collector.netflow.spread import FLOW, MINUTE, OCTETS, RECORDS

MINUTE_NS = 60_000_000_000
LINGER_NS = 30_000_000_000


def rows_of(*rows):
    """(minute, flow, octets)."""
    return np.array([(m, f, 0, o, 1, 1) for m, f, o in rows], np.int64)


def seen(rows):
    return [(r[MINUTE], r[FLOW], r[OCTETS], r[RECORDS]) for r in rows.tolist()]


def test_a_minute_is_written_when_it_has_been_over_for_the_linger():
    """And not before; rows of one flow and minute are one."""
    rows = OpenRows(LINGER_NS)
    rows.add(rows_of((10, 1, 5), (10, 2, 6), (11, 1, 7)), 10 * MINUTE_NS)
    rows.add(rows_of((10, 1, 8)), 11 * MINUTE_NS)
    due = 11 * MINUTE_NS + LINGER_NS
    assert rows.next_ns() == due
    assert seen(rows.take(due - 1)) == []
    assert seen(rows.take(due)) == [(10, 1, 13, 2), (10, 2, 6, 1)]
    assert rows.next_ns() == due + MINUTE_NS
    assert seen(rows.take(due + MINUTE_NS)) == [(11, 1, 7, 1)]
    assert (rows.next_ns(), len(rows)) == (None, 0)


def test_late_rows_wait_together():
    """For the linger, from the first on."""
    rows = OpenRows(LINGER_NS)
    now = 100 * MINUTE_NS
    rows.add(rows_of((10, 1, 5)), now)
    rows.add(rows_of((10, 1, 6), (20, 1, 1)), now + 5)
    assert rows.next_ns() == now + LINGER_NS
    assert seen(rows.take(now + LINGER_NS - 1)) == []
    assert seen(rows.take(now + LINGER_NS)) == [(10, 1, 11, 2), (20, 1, 1, 1)]
    rows.add(rows_of((10, 1, 5)), now)
    assert seen(rows.take(now - 1)) == [(10, 1, 5, 1)]  # the clock was set back


def test_all_of_it():
    rows = OpenRows(LINGER_NS)
    rows.add(rows_of((10, 1, 5), (200, 1, 5)), 100 * MINUTE_NS)
    assert len(rows) == 2
    assert seen(rows.take_all()) == [(10, 1, 5, 1), (200, 1, 5, 1)]
    assert (rows.next_ns(), len(rows)) == (None, 0)


def test_nothing_is_lost_or_counted_twice(monkeypatch):
    """Random rows, random moments: the sums are those of a Counter."""
    monkeypatch.setattr(module, "FOLD_AT", 50)
    draw, rows, expected, found, now = random.Random(4), OpenRows(LINGER_NS), Counter(), Counter(), 1000 * MINUTE_NS
    for _ in range(300):
        now += draw.randrange(20_000_000_000)
        made = [(now // MINUTE_NS - draw.choice((0, 0, 1, 2, 30)), draw.randrange(4), draw.randrange(100)) for _ in range(7)]
        rows.add(rows_of(*made), now)
        for minute, flow, octets in made:
            expected[minute, flow] += octets
        for minute, flow, octets, _ in seen(rows.take(now)):
            assert (minute + 1) * MINUTE_NS + LINGER_NS <= now
            found[minute, flow] += octets
    for minute, flow, octets, _ in seen(rows.take_all()):
        found[minute, flow] += octets
    assert +expected == +found


def test_sums_stay_within_63_bits():
    """A row that is large already stays alone."""
    many = rows_of(*((1, 1, LARGE),) * 3, *((1, 1, 1),) * 3)
    assert sorted(seen(folded(many))) == [(1, 1, 3, 3), *[(1, 1, LARGE, 1)] * 3]
    assert LARGE * module.MAX_ROWS < 1 << 62
