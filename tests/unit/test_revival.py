"""When a program that keeps ending is started again."""

from itertools import pairwise

import pytest

from tmon_common.revival import FIRST_PAUSE_NS, LONGEST_PAUSE_NS, STEADY_NS, Revival


def test_pauses_grow_up_to_the_longest():
    """Each twice the one before, for a program that ends as soon as it was started."""
    revival, now, pauses = Revival(), 0, []
    for n in range(10):
        revival.started(now)
        assert revival.due_ns is None
        pauses.append(revival.ended(now))
        assert (revival.failures, revival.due_ns) == (n + 1, now + pauses[-1])
        now = revival.due_ns
    assert pauses[0] == FIRST_PAUSE_NS
    assert pauses[-1] == LONGEST_PAUSE_NS
    assert all(after == min(2 * before, LONGEST_PAUSE_NS) for before, after in pairwise(pauses))


@pytest.mark.parametrize(("ran_ns", "pause_ns"), [(LONGEST_PAUSE_NS - 1, 2 * FIRST_PAUSE_NS), (LONGEST_PAUSE_NS, FIRST_PAUSE_NS)])
def test_who_ran_long_enough_waits_little_again(ran_ns, pause_ns):
    revival = Revival()
    revival.started(0)
    revival.ended(0)
    revival.started(FIRST_PAUSE_NS)
    assert revival.ended(FIRST_PAUSE_NS + ran_ns) == pause_ns


def test_it_is_back_once():
    """Not before it has run for a while, not while it is down, not without a failure before."""
    revival = Revival()
    revival.started(0)
    assert not revival.back(STEADY_NS)
    revival.ended(STEADY_NS)
    assert not revival.back(10 * STEADY_NS)
    revival.started(10 * STEADY_NS)
    assert not revival.back(11 * STEADY_NS - 1)
    assert revival.back(11 * STEADY_NS)
    assert not revival.back(12 * STEADY_NS)
