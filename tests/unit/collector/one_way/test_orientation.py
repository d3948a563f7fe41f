"""Which way flows go is learned from their packets."""

import io

import numpy as np
import pytest

from tests.unit.collector.one_way.make import BACK, FLOWS, FORWARD, NOT_YET, OTHER, observed, one_way
from tmon_collector.one_way.orientation import GUESSED, OFFSET, PAIR, SIGN, Learned, orient
from tmon_collector.one_way.packets import Flows

TWO, THREE = one_way(1, 1, direction="both"), one_way(1, 1, 1, direction="both")


def trip(flow: int, forward: bool, offset: int = 0, took: int = 100, signature: int = 7, start: int = 0) -> list[tuple]:
    """Observations of a packet at two hops; the clock of the second is ahead by offset."""
    times = (start, start + took) if forward else (start + took, start)
    return [(1, times[0], signature, flow), (2, times[1] + offset, signature, flow)]


def ways(*trips, learned=None, of=TWO, flows=FLOWS) -> tuple[list[int], list[int]]:
    learned = Learned() if learned is None else learned
    found = orient(observed(*(row for one in trips for row in one)), flows, of, learned)
    return found.tolist(), learned.certainty.tolist()


@pytest.mark.parametrize("offset", [0, 400, -400])
def test_a_flow_and_its_reverse_flow_tell_each_other_whatever_the_clocks(offset):
    found, certainty = ways(trip(FORWARD, True, offset), trip(BACK, False, offset))
    assert ([0, 1], [PAIR, PAIR]) == (found[:2], certainty[:2])
    found, _ = ways(trip(FORWARD, False, offset), trip(BACK, True, offset))
    assert [1, 0] == found[:2]


def test_a_single_flow_is_told_by_the_offset_that_others_give():
    learned = Learned()
    found, certainty = ways(trip(FORWARD, True, -400), trip(BACK, False, -400), trip(OTHER, True, -400, took=120), learned=learned)
    assert ([0, 1, 0], [PAIR, PAIR, OFFSET]) == (found, certainty)
    assert {(0, 1): -400} == learned.offset_ns


def test_a_single_flow_alone_is_told_by_its_sign_until_better_is_known():
    learned = Learned()
    assert ([0, 1, 1], [SIGN, SIGN, SIGN]) == ways(trip(OTHER, True, -400), trip(BACK, False), learned=learned)
    found, certainty = ways(trip(OTHER, True, -400), trip(FORWARD, True, -400), trip(BACK, False, -400), learned=learned)
    assert ([0, 1, 0], [PAIR, PAIR, OFFSET]) == (found, certainty)


def test_a_flow_keeps_its_way():
    learned = Learned()
    ways(trip(FORWARD, True), trip(BACK, False), learned=learned)
    assert [0, 1] == ways(trip(FORWARD, False), trip(BACK, True), learned=learned)[0][:2]
    assert [0, 1] == ways(learned=learned)[0][:2]


def test_a_flow_of_which_nothing_was_timed_goes_against_its_reverse_flow():
    found, certainty = ways(trip(BACK, True), [(1, 0, 9, FORWARD)])
    assert ([1, 0], [SIGN, SIGN]) == (found[:2], certainty[:2])


def test_a_flow_of_which_nothing_is_known_goes_as_its_addresses_do():
    """OTHER comes from an address of its own to the one that FORWARD goes to."""
    assert ([0, 1, 0], GUESSED) == (ways(trip(FORWARD, True))[0], ways(trip(FORWARD, True))[1][OTHER])
    assert [1, 0, 1] == ways(trip(FORWARD, False))[0]
    assert [0, 0, 0] == ways()[0]


def test_median_of_several_packets_counts():
    found, _ = ways(*(trip(OTHER, n > 2, signature=n, start=5000 * n) for n in range(7)))
    assert 0 == found[OTHER]
    found, _ = ways(*(trip(OTHER, n > 4, signature=n, start=5000 * n) for n in range(7)))
    assert 1 == found[OTHER]


def test_signatures_seen_twice_tell_nothing():
    assert GUESSED == ways(trip(OTHER, False), trip(OTHER, False, start=300))[1][OTHER]


def test_with_a_silent_hop_others_tell():
    rows = [(2, 100, 7, OTHER), (3, 0, 7, OTHER)]
    assert 1 == ways(rows, of=THREE)[0][OTHER]


def test_behind_a_translator_both_flows_of_a_packet_learn():
    """The client's flow before the translator is FORWARD, behind it OTHER."""
    found, certainty = ways([(1, 100, 7, FORWARD), (2, 0, 7, OTHER)], of=one_way(1, 1, nat=True, direction="both"))
    assert ([1, 0, 1], [SIGN, SIGN, SIGN]) == (found, certainty)


def test_what_cannot_be_placed_is_passed_over():
    none = Flows(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int32))
    assert [] == ways(trip(FORWARD, True), flows=none)[0]
    assert [0, 0, 0] == ways(trip(NOT_YET, False), trip(-9, False), trip(100, False), [(0, 1), (9, 0)])[0]


def test_flows_can_be_forgotten_and_grow():
    learned = Learned()
    ways(trip(FORWARD, False), trip(BACK, True), learned=learned)
    learned.forget(np.array([FORWARD]))
    assert ([0, 0], [GUESSED, PAIR]) == (learned.way[:2].tolist(), learned.certainty[:2].tolist())
    learned.cover(10)
    assert (10, 10, 10) == (len(learned.way), len(learned.certainty), len(learned.seen_first))


def test_what_was_learned_can_be_saved():
    """After a restart a collector goes on as if there had been none."""
    learned = Learned()
    ways(trip(FORWARD, False, -400), trip(BACK, True, -400), learned=learned)
    file = io.BytesIO()
    np.savez(file, **learned.saved())
    file.seek(0)
    again = Learned.restored(np.load(file))
    assert ways(trip(OTHER, True, -400), learned=learned) == ways(trip(OTHER, True, -400), learned=again)
    assert OFFSET == again.certainty[OTHER]
