"""Length of rounds, and which may be settled."""

from __future__ import annotations

import pytest

from tests.unit.collector.one_way_engine.make import one_way
from tmon_collector.one_way.progress import FOREVER, NEVER
from tmon_collector.one_way.rounds import Rounds, needed_from_ns, round_ns
from tmon_collector.one_way.settle import horizon
from tmon_common.config.model import SECOND

LAG = -(-horizon(0, one_way()) // SECOND)  # seconds


@pytest.mark.parametrize(("interval", "transit", "expected"), [
    (60, 2, 10), (3600, 2, 10), (300, 10, 50), (1, 2, 8), (3, 2, 9), (90, 2, 10), (3600, 20, 80), (61, 1, 7.625), (10, 1, 10)])
def test_length(interval, transit, expected):
    parameters = one_way(interval_ns=interval * SECOND, max_transit_ns=transit * SECOND)
    found = round_ns(parameters)
    assert found == expected * SECOND
    assert found >= 4 * parameters.max_transit_ns
    assert max(found, parameters.interval_ns) % min(found, parameters.interval_ns) == 0


def due(rounds, delivered_ns, newest_s=100, now_s=0, **kept):
    found = rounds.due(delivered_ns, newest_s * SECOND, now_s * SECOND, **({"short_of_room": False} | kept))
    return found.until_ns // SECOND if found.until_ns != NEVER else None, found.forced


def test_what_is_delivered_is_due():
    rounds = Rounds(one_way())
    assert due(rounds, NEVER) == (None, False)
    assert due(rounds, (19 + LAG) * SECOND) == (10, False)
    assert due(rounds, (20 + LAG) * SECOND) == (20, False)
    assert due(rounds, FOREVER) == (120, False)  # a round more, in which the last interval is closed


def test_late_slots_wait_unless_room_is_short():
    rounds = Rounds(one_way(late_slots=2))
    assert due(rounds, (49 + LAG) * SECOND) == (20, False)
    assert due(rounds, (49 + LAG) * SECOND, short_of_room=True) == (40, False)


def test_max_lifetime():
    """From when some probe had delivered what the round needs; and of what nobody tells anything any more."""
    rounds = Rounds(one_way(max_lifetime_ns=600 * SECOND))
    for second in range(200):
        rounds.reached(second * SECOND, second * SECOND)
        assert due(rounds, NEVER, now_s=second) == (None, False)
    until, forced = due(rounds, NEVER, now_s=700)
    assert forced
    assert 100 - LAG - 10 - 4 <= until <= 100 - LAG  # marks are 2.3 s apart
    assert due(rounds, NEVER, newest_s=195, now_s=799) == (210, True)
    assert rounds.waits_since(50 * SECOND) is not None


def test_needed_after_a_restart():
    """The intervals that are open, and as much before them, up to a minute; a round at least. An interval is open as long as its
    packets may be overtaken by those of later ones."""
    assert needed_from_ns(one_way(), 25 * SECOND) == 10 * SECOND
    assert needed_from_ns(one_way(), 20 * SECOND) == 0
    transit_ns = one_way().max_transit_ns
    assert needed_from_ns(one_way(interval_ns=SECOND), 24 * SECOND) == 20 * SECOND - 2 * transit_ns // SECOND * SECOND
    assert needed_from_ns(one_way(interval_ns=60 * SECOND), 150 * SECOND) == 60 * SECOND
    assert needed_from_ns(one_way(interval_ns=600 * SECOND), 650 * SECOND) == 540 * SECOND
