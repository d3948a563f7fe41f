"""Observations that wait."""

import numpy as np
import pytest

from tests.unit.collector.one_way.make import observed
from tmon_collector.one_way import buffer
from tmon_collector.one_way.buffer import Buffer
from tmon_collector.one_way.packets import Observed
from tmon_common.observations import ABSENT


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(buffer, "LEAST", 4)
    monkeypatch.setattr(buffer, "CHUNK", 8)


def rows(observations: Observed) -> list[tuple]:
    """Sorted: a buffer keeps no order."""
    o = observations
    last = np.full_like(o.time_ns, ABSENT) if o.last_ns is None else o.last_ns
    extras = np.zeros((len(last), 0)) if o.extras is None else o.extras
    columns = (o.time_ns, o.point, o.signature, o.definition, o.octets, last)
    return sorted((*row, tuple(times)) for *row, times in zip(*(c.tolist() for c in columns), extras.tolist(), strict=True))


def test_what_is_older_is_taken_and_the_rest_stays():
    held = Buffer(100)
    given = observed(*((1, time) for time in (5, 90, 10, 80, 15, 70, 20, 60, 25, 50, 30)))
    assert 11 == held.append(given)
    assert (11, 5) == (len(held), held.oldest_ns)
    taken = held.take(50)
    assert [5, 10, 15, 20, 25, 30] == sorted(taken.time_ns.tolist())
    assert (5, 50) == (len(held), held.oldest_ns)
    rest = held.take(1000)
    assert sorted(rows(taken) + rows(rest)) == rows(given)
    assert (0, None, 0) == (len(held), held.oldest_ns, held.octets)


def test_beyond_the_limit_they_are_refused_and_counted():
    held = Buffer(5)
    assert 3 == held.append(observed(*[(1, 1)] * 3))
    assert 2 == held.append(observed(*[(1, 2)] * 4))
    assert (5, 0, 2) == (len(held), held.room, held.refused)
    taken = held.take(10)
    assert 5 == held.append(taken)
    held.put_back(taken)
    assert 0 == held.append(observed((1, 3)))
    assert (10, 3) == (len(held), held.refused)


def test_last_times_and_times_in_packets_only_where_there_are_any():
    held = Buffer(100, extras=2)
    held.append(observed((1, 1), (1, 2)))
    assert held.take(2).last_ns is None
    held.append(observed((1, 3), last=[4]))
    held.append(observed((1, 5), extras=[[6, ABSENT]]))
    taken = held.take(10)
    expected = [(2, ABSENT, (ABSENT, ABSENT)), (3, 4, (ABSENT, ABSENT)), (5, ABSENT, (6, ABSENT))]
    assert expected == [(row[0], row[5], row[6]) for row in rows(taken)]


def test_memory_is_what_it_holds():
    """21 octets an observation, up to one chunk more."""
    held = Buffer(10_000)
    for start in range(0, 1000, 10):
        held.append(observed(*((1, time) for time in range(start, start + 10))))
    assert 1000 * 21 <= held.octets <= (1000 + 8) * 21
    held.take(900)
    assert 100 * 21 <= held.octets <= (100 + 8) * 21


def test_nothing_is_no_trouble():
    held = Buffer(10)
    assert 0 == held.append(observed())
    assert 0 == len(held.take(10).time_ns)
    assert np.int32 == held.take(10).definition.dtype
