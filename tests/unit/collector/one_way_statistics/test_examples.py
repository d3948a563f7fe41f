"""Examples of the RFCs, and what one-way rows of single packets hold."""

import numpy as np
import pytest

from tests.oracles.one_way_statistics_twin import DROPPED, INJECTED, LOST, MISSED
from tests.unit.collector.one_way_statistics.make import Numbered, one_way, packed, packet
from tests.unit.collector.one_way_statistics.test_statistics import told
from tmon_collector.one_way.rows import exception_rows, packet_rows
from tmon_collector.one_way.statistics import Statistics
from tmon_common.config.model import Hop, OneWay, Point

SECOND, MS = 1_000_000_000, 1_000_000


def of(packets: list, cuts: tuple[int, ...] = (), **options) -> dict:
    """Statistics of packets, in rounds that end at these times, of one interval of a minute."""
    way = one_way(2, interval_ns=60 * SECOND, max_transit_ns=SECOND, **options)
    engine = Statistics("class", way, {}, Numbered())
    begin = 0
    for end in (*cuts, 60 * SECOND):
        engine.add(packed([p for p in packets if begin <= p.reference < end]), end)
        begin = end
    return told(engine.close(60 * SECOND))


@pytest.mark.parametrize("cuts", [(), (70 * MS,), (90 * MS, 95 * MS)])
def test_reordering_example_of_rfc_4737(cuts):
    """Section 7.1: packets every 20 ms, the fourth arrives 62 ms after the fifth, as the eighth: extent 4."""
    arrivals = [68, 88, 108, 210, 148, 168, 188, 208, 228, 248]
    row, = of([packet([20 * i * MS, t * MS]) for i, t in enumerate(arrivals)], cuts)["one_way_counters"]
    assert (row["reordered"], row["reordering_extent_sum"], row["reordering_extent_maximum"]) == (1, 4, 4)
    assert row["reordering_late_maximum"] == 62 * MS


def test_reordering_of_two_packets_after_one():
    """Section 7.2 of RFC 4737: 1 2 3 4 7 5 6 8: packets 5 and 6 are reordered, with extents 1 and 2."""
    order = [1, 2, 3, 4, 7, 5, 6, 8, 9, 10]
    row, = of([packet([s * MS, (100 + order.index(s)) * MS]) for s in range(1, 11)])["one_way_counters"]
    assert (row["reordered"], row["reordering_extent_sum"], row["reordering_extent_maximum"]) == (2, 3, 2)


def test_packets_that_left_or_arrived_at_the_same_moment_are_in_order():
    row, = of([packet([10, 50]), packet([10, 40]), packet([20, 50])])["one_way_counters"]
    assert (row["reordered"], row["reordering_extent_maximum"]) == (0, None)


@pytest.mark.parametrize("cuts", [(), (5 * MS,), (10 * MS,)])
def test_loss_example_of_rfc_3357(cuts):
    """Section 6.5: packets 2, 5, 7, 9 and 10 of 10 are lost: distances 3 2 2 1; four loss periods, the longest of 2."""
    lost = {2, 5, 7, 9, 10}
    packets = [packet([i * MS, None], verdict=LOST, lost_after=1) if i in lost else packet([i * MS, i * MS]) for i in range(1, 11)]
    row, = of(packets, cuts)["one_way_counters"]
    assert (row["loss_distance_population"], row["loss_distance_sum"]) == (4, 8)
    assert (row["loss_distance_minimum"], row["loss_distance_maximum"]) == (1, 3)
    assert (row["loss_periods"], row["loss_period_maximum"]) == (4, 2)


def test_variation_of_rfc_3393_is_undefined_around_a_lost_packet():
    """Delays 10, 12, lost, 20, 17: variations 2 and -3 alone. Also if a round ends with the lost one."""
    times = ((0, 10), (20, 32), (40, None), (60, 80), (80, 97))
    packets = [packet([sent * MS, arrived and arrived * MS]) for sent, arrived in times]
    for cuts in ((), (50 * MS,), (70 * MS,)):
        row, = of(packets, cuts)["one_way_delay_histogram"]
        assert (row["ipdv_population"], row["ipdv_sum"], row["ipdv_absolute_sum"]) == (2, -MS, 5 * MS)
        assert (row["ipdv_minimum"], row["ipdv_maximum"], row["ipdv_sum_of_squares"]) == (-3 * MS, 2 * MS, 13_000_000)


def test_numbers_that_do_not_fit_stop_at_the_largest():
    """Times in packets may be anything: moments do not begin anew."""
    row, = of([packet([i, 2**62 + 2**60]) for i in range(4)])["one_way_delay_histogram"]
    assert (row["sum"], row["sum_of_squares"], row["maximum"]) == (2**63 - 1, 2**63 - 1, 2**61)


def test_offset_of_hops_with_several_probes_and_of_hops_without():
    """Whichever probe saw a packet, the bounds hold; one probe is no time ahead of itself; of others' clocks nothing is known."""
    hops = (Hop("a", (Point(1, "p", "x"),)), Hop("b", (Point(2, "q", "x"), Point(3, "r", "x"))), Hop("c", ntp="transmit"),
            Hop("d", (Point(4, "p", "y"),)))
    engine = Statistics("class", OneWay(hops), {}, Numbered())
    engine.add(packed([packet([0, 7, 5, 9], points=[1, 2, 0, 4]), packet([0, 20, 5, 26], points=[1, 3, 0, 4])]), 60 * SECOND)
    offsets = engine._offsets
    assert offsets.bounds(0, 0, 1) == (-6, 20)
    assert offsets.bounds(0, 0, 3) == (0, 0)
    rows = told(engine.close(60 * SECOND))
    assert [(r["to_probe"], r["offset_low"], r["offset_high"]) for r in rows["clock_offset"]] == [("q", -2, 7), ("r", -6, 20)]
    assert [(r["offset_low"], r["offset_high"]) for r in rows["one_way_delay_histogram"]] == [(0, 0)]


def test_packet_rows():
    """A packet forward, seen everywhere in fragments, and one back, not seen at its first hop: which is the last of the class."""
    packets = [packet([10, 20, 30], flow=0, definition=4, last=[11, 21, 35], copies=2),
               packet([95, 90, None], flow=1, definition=7, octets=None, clash=1, verdict=LOST, lost_after=2, reverse=True,
                      reference=90)]
    first, second = told(packet_rows(packed(packets), one_way(3), Numbered()))["one_way_packet"]
    assert (first["probe"], first["flow"], first["time"], first["octets"], first["verdict"]) == ("a", 104, 10, 100, "complete")
    assert (first["one_way_delay"], first["path"], first["lost_after"], first["copies"]) == (25, "p0/eth0>p1/eth0>p2/eth0", None, 2)
    assert [first[f"time_at_{i:02}"] for i in range(1, 9)] == [10, 20, 30, *[None] * 5]
    assert [first[f"last_at_{i:02}"] for i in range(1, 9)] == [11, 21, 35, *[None] * 5]
    assert (second["probe"], second["flow"], second["octets"], second["lost_after"]) == ("b", 107, None, 2)
    assert (second["one_way_delay"], second["path"], second["clash"]) == (None, "p0/eth0>p1/eth0", 1)


@pytest.mark.parametrize(("times", "verdict", "back", "after", "before"), [
    ([1, 2, None, None], LOST, False, "hop1", "hop2"),
    ([None, None, 2, 1], LOST, True, "hop2", "hop1"),
    ([None, 2, 3, None], DROPPED, False, "hop2", "hop3"),
    ([1, None, 3, 4], DROPPED, False, "hop0", "hop1"),
    ([1, None, 3, 4], MISSED, False, "hop0", "hop1"),
    ([4, 3, 2, None], INJECTED, True, None, "hop3"),
    ([None, None, None, 4], INJECTED, False, None, "hop0"),
])
def test_exception_rows(times, verdict, back, after, before):
    """Between which hops a packet was lost, dropped or missed; complete ones have no row."""
    found = packet(times, verdict=verdict, reverse=back, reference=1)
    rows = told(exception_rows(packed([packet([1, 2, 3, 4]), found]), one_way(4), Numbered()))
    name = {LOST: "one_way_lost", DROPPED: "one_way_dropped"}.get(verdict, "one_way_missed")
    assert list(rows) == [name]
    assert [(r["after_hop"], r["before_hop"]) for r in rows[name]] == [(after, before)]


def test_nothing():
    nothing = packed([])
    assert (packet_rows(nothing, one_way(2), Numbered()), exception_rows(nothing, one_way(2), Numbered())) == ([], [])
    assert Statistics("class", one_way(2), {}, Numbered()).close(np.iinfo(np.int64).max) == []
