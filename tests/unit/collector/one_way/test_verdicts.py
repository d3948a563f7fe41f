"""What became of packets, by what their hops saw and whether those that did not were observing."""

import numpy as np
import pytest

from tests.unit.collector.one_way.make import BACK, FLOWS, FORWARD, OTHER, observed, one_way
from tmon_collector.one_way.join import join
from tmon_collector.one_way.packets import COMPLETE, DROPPED, INJECTED, LOST, MISSED
from tmon_collector.one_way.verdicts import judge

THREE = one_way(1, 1, 1)
USUAL = [(p, 10_000 + 1000 * n + 100 * (p - 1) + (p == 3) * (n % 2), n) for n in range(4) for p in (1, 2, 3)]
"""Packets that take 100 ns to the second hop, 100 or 101 more to the third."""
NEVER = np.zeros((0, 2), np.int64)


def verdict(*rows, blind=(), of=THREE, reverse=None, usual=USUAL, signature=77) -> tuple[int, int]:
    """(verdict, lost after) of the packet with that signature. blind: {point: [(from, to)]}."""
    seen_first = np.zeros(3, np.uint8)
    given = observed(*usual, *((row[0], row[1], signature, *row[2:]) for row in rows))
    packets = join(given, FLOWS, of, reverse, seen_first=seen_first).packets
    coverage = [np.array(dict(blind).get(p.number, []), np.int64).reshape(-1, 2) for p in of.points]
    judge(packets, coverage, of, seen_first)
    [mine] = np.flatnonzero(packets.signature == signature)
    return int(packets.verdict[mine]), int(packets.lost_after[mine])


def test_seen_everywhere():
    assert (COMPLETE, 0) == verdict((1, 0), (2, 100), (3, 200))


@pytest.mark.parametrize(("rows", "after"), [([(1, 0)], 1), ([(1, 0), (2, 100)], 2), ([(2, 100)], 2)])
def test_lost_after_the_last_hop_that_saw_it(rows, after):
    assert (LOST, after) == verdict(*rows)


def test_missed_where_a_later_hop_saw_it():
    assert (MISSED, 0) == verdict((1, 0), (3, 200))
    assert (MISSED, 0) == verdict((2, 100), (3, 200))


def test_injected_if_nothing_of_the_flow_was_ever_at_the_first_hop():
    assert (INJECTED, 0) == verdict((2, 100, OTHER), (3, 200, OTHER))
    assert (MISSED, 0) == verdict((2, 100, FORWARD), (3, 200, FORWARD))


def test_dropped_if_the_hop_was_blind_when_it_may_have_passed():
    """Usual times from the first hop to the third are 200 to 201 ns."""
    assert (DROPPED, 0) == verdict((1, 0), (2, 100), blind={3: [(201, 300)]})
    assert (LOST, 2) == verdict((1, 0), (2, 100), blind={3: [(202, 300)]})
    assert (DROPPED, 0) == verdict((1, 0), (2, 100), blind={3: [(150, 200)]})
    assert (LOST, 2) == verdict((1, 0), (2, 100), blind={3: [(150, 199)]})


@pytest.mark.parametrize(("many", "expected"), [(63, DROPPED), (64, LOST)])
def test_one_packet_that_is_late_does_not_widen_what_is_blind(many, expected):
    """Where there are enough others; nor does one that is early."""
    usual = [(p, 10_000 + 1000 * n + {1: 0, 2: 100, 3: 200}[p], n) for n in range(many - 2) for p in (1, 2, 3)]
    strange = [(1, 900_000, 900), (2, 900_100, 900), (3, 900_700, 900), (1, 800_000, 800), (2, 800_100, 800), (3, 799_500, 800)]
    for blind in ((300, 600), (-400, 100)):
        assert expected == verdict((1, 0), (2, 100), usual=usual + strange, blind={3: [blind]})[0]


def test_one_later_hop_that_observed_is_enough_for_lost():
    assert (LOST, 1) == verdict((1, 0), blind={3: [(0, 1000)]})
    assert (LOST, 1) == verdict((1, 0), blind={2: [(0, 1000)]})
    assert (DROPPED, 0) == verdict((1, 0), blind={2: [(0, 1000)], 3: [(0, 1000)]})


def test_earlier_hops_that_were_blind_are_no_evidence():
    assert (DROPPED, 0) == verdict((2, 100), (3, 200), blind={1: [(-50, 50)]})
    assert (MISSED, 0) == verdict((3, 200), blind={1: [(-50, 50)]})
    assert (LOST, 2) == verdict((2, 100), blind={1: [(-50, 50)]})


def test_all_alternative_points_must_be_blind():
    of = one_way(1, 2)
    usual = [(1, 10_000), (2, 10_100)]
    assert (LOST, 1) == verdict((1, 0), of=of, usual=usual, blind={2: [(0, 1000)]})
    assert (DROPPED, 0) == verdict((1, 0), of=of, usual=usual, blind={2: [(0, 1000)], 3: [(0, 1000)]})


def test_intervals_may_come_in_any_order_and_overlap():
    assert (DROPPED, 0) == verdict((1, 0), (2, 100), blind={3: [(900, 950), (0, 500), (10, 20), (30, 40), (-90, -80)]})
    assert (LOST, 2) == verdict((1, 0), (2, 100), blind={3: [(900, 950), (0, 150), (10, 20), (30, 40), (-90, -80)]})


def test_where_nothing_is_known_max_transit_is_assumed_either_way():
    assert (DROPPED, 0) == verdict((1, 0), usual=[], blind={2: [(1000, 1001)], 3: [(-5000, -1000)]})
    assert (LOST, 1) == verdict((1, 0), usual=[], blind={2: [(1001, 1002)], 3: [(-5000, -1000)]})


def test_another_flow_tells_when_the_flow_itself_does_not():
    assert (DROPPED, 0) == verdict((1, 0, OTHER), (2, 100, OTHER), blind={3: [(201, 300)]})
    assert (LOST, 2) == verdict((1, 0, OTHER), (2, 100, OTHER), blind={3: [(202, 300)]})


def test_the_way_back_is_judged_the_other_way_round():
    back = np.array([0, 1, 0], np.uint8)
    usual = [(p, 10_000 + 100 * (3 - p), 1, BACK) for p in (1, 2, 3)]
    arguments = {"reverse": back, "usual": usual}
    assert (LOST, 3) == verdict((3, 0, BACK), **arguments)
    assert (LOST, 2) == verdict((3, 0, BACK), (2, 100, BACK), **arguments)
    assert (MISSED, 0) == verdict((2, 100, BACK), (1, 200, BACK), **arguments)
    assert (DROPPED, 0) == verdict((3, 0, BACK), (2, 100, BACK), blind={1: [(200, 200)]}, **arguments)


def test_hops_whose_times_stand_in_packets_are_never_expected():
    of = one_way(1, 0, 1)
    assert (COMPLETE, 0) == verdict((1, 0), (2, 100), of=of, usual=[])
    assert (LOST, 1) == verdict((1, 0), of=of, usual=[])


def test_no_packets_no_verdicts():
    packets = join(observed(), FLOWS, THREE).packets
    judge(packets, [NEVER] * 3, THREE, np.zeros(3, np.uint8))
    assert 0 == len(packets.verdict)
