"""What the join makes of what happens to packets, case by case (docs/decisions/0022)."""

import numpy as np
import pytest

from tests.unit.collector.one_way.make import BACK, FLOWS, FORWARD, NOT_YET, OTHER, observed, one_way, times
from tmon_collector.one_way.join import JOINED, LATER, UNDEFINED, join
from tmon_collector.one_way.packets import Observed
from tmon_common.observations import ABSENT

TWO, THREE = one_way(1, 1), one_way(1, 1, 1)
USUAL = tuple((point, 10_000 + 5_000 * n + 100 * (point - 1), 100 + n) for n in range(3) for point in (1, 2, 3))
"""Three packets that take 100 ns from hop to hop."""


def found(observations: Observed, of=THREE, reverse=None) -> list[tuple]:
    return times(join(observations, FLOWS, of, reverse).packets)


def after_usual(*rows: tuple, of=THREE):
    """Packets of signature 7, in a flow of which more is known."""
    usual = USUAL if len(of.hops) == 3 else tuple(row for row in USUAL if row[0] < 3)
    packets = join(observed(*usual, *rows), FLOWS, of).packets
    mine = packets.signature == 7
    return packets._replace(**{name: column[mine] for name, column in packets._asdict().items() if column is not None})


def test_a_packet_is_put_together_whoever_speaks_first():
    packets, fate = join(observed((3, 300), (1, 100), (2, 200)), FLOWS, THREE)
    assert [(100, 200, 300)] == times(packets)
    assert [[1, 2, 3]] == packets.points.tolist()
    columns = (packets.flow, packets.definition, packets.signature, packets.octets, packets.reference_ns)
    assert [[FORWARD], [FORWARD], [7], [101], [100]] == [column.tolist() for column in columns]
    assert ([0], [0], [0]) == (packets.copies.tolist(), packets.clash.tolist(), packets.reverse.tolist())
    assert [JOINED] * 3 == fate.tolist()


def test_nothing_observed_is_no_packet():
    assert [] == found(observed())


def test_packets_come_by_flow_then_reference_then_signature():
    packets = join(observed((1, 50, 9), (1, 50, 8), (1, 40, 9, OTHER), (1, 20, 5), (1, 10, 5, OTHER)), FLOWS, TWO).packets
    assert [(0, 20, 5), (0, 50, 8), (0, 50, 9), (2, 10, 5), (2, 40, 9)] == list(
        zip(packets.flow.tolist(), packets.reference_ns.tolist(), packets.signature.tolist(), strict=True))


def test_order_holds_however_far_apart_packets_are():
    rows = [(1, 2**62, 1, OTHER), (1, 0, 2, OTHER), (1, 2**62 - 1, 3), (1, 5, 4)]
    assert [4, 3, 2, 1] == join(observed(*rows), FLOWS, TWO).packets.signature.tolist()


def test_losses_leave_hops_empty_wherever_they_are():
    assert [(100, None, None)] == found(observed((1, 100)))
    assert [(None, 200, 300)] == found(observed((2, 200), (3, 300)))
    assert [(100, None, 300)] == found(observed((1, 100), (3, 300)))


def test_a_loss_and_a_copy_do_not_move_what_is_between_them():
    """Equal packets, one every 75 ms; the second is lost, the last doubled: nobody else gets a neighbour's time."""
    ms = 1_000_000
    of = one_way(1, 1, max_transit_ns=2000 * ms)
    usual = [(point, 10_000 * ms + 9 * n * ms + (258 + n) * ms * (point - 1), 100 + n) for n in range(3) for point in (1, 2)]
    sent = [(1, 75 * n * ms) for n in range(8)]
    seen = [(2, 75 * n * ms + 259 * ms) for n in range(8) if n != 1]
    packets = join(observed(*usual, *sent, *seen, (2, 75 * 7 * ms + 259 * ms + 1)), FLOWS, of).packets
    mine = packets.signature == 7
    assert [(75 * n * ms, None if n == 1 else 75 * n * ms + 259 * ms) for n in range(8)] == [
        row for row, one in zip(times(packets), mine, strict=True) if one]
    assert [0] * 7 + [1] == packets.copies[mine].tolist()


def test_max_transit_is_allowed_and_no_more():
    assert [(0, 1000)] == found(observed((1, 0), (2, 1000)), TWO)
    assert [(0, None), (None, 1001)] == found(observed((1, 0), (2, 1001)), TWO)


def test_clocks_may_be_apart_by_more_than_the_way_takes():
    assert [(500, 0)] == found(observed((1, 500), (2, 0)), TWO)
    assert [(None, 0), (1001, None)] == found(observed((1, 1001), (2, 0)), TWO)


def test_of_two_sent_alike_the_lost_one_is_told_by_time():
    """A retransmission with the same signature: the first was lost behind the second hop."""
    packets = after_usual((1, 0), (2, 100), (1, 400), (2, 500), (3, 600))
    assert [(0, 100, None), (400, 500, 600)] == times(packets)
    assert [1, 1] == packets.clash.tolist()


def test_two_sent_alike_and_both_arrived():
    assert [(0, 100, 200), (150, 250, 350)] == times(after_usual((1, 0), (2, 100), (1, 150), (3, 200), (2, 250), (3, 350)))


def test_a_late_burst_of_equal_packets_keeps_its_order():
    sent = [(1, n) for n in range(5)]
    assert [(n, 140 + n) for n in range(5)] == times(after_usual(*sent, *((2, 140 + n) for n in range(5)), of=TWO))


def test_a_lost_packet_shifts_no_equal_ones():
    rows = [(1, 200 * n) for n in range(10)] + [(2, 200 * n + 100) for n in range(1, 10)]
    assert [(0, None)] + [(200 * n, 200 * n + 100) for n in range(1, 10)] == times(after_usual(*rows, of=TWO))


def test_packets_lost_in_the_middle_are_the_same_for_later_hops():
    """The burst comes 40 ns late; the one that the second hop did not see, the third did not either."""
    rows = [(1, n) for n in range(4)] + [(p, 40 + 100 * (p - 1) + n) for p in (2, 3) for n in (0, 1, 3)]
    packets = after_usual(*rows)
    assert [0, 0, 0, 2] == sorted(row.count(None) for row in times(packets))


def test_copies_made_on_the_way_are_counted_and_the_first_one_is_timed():
    packets = after_usual((1, 0), (2, 100), (2, 130), (3, 170), (3, 195))
    assert ([(0, 100, 170)], [2], [0]) == (times(packets), packets.copies.tolist(), packets.clash.tolist())


def test_a_copy_belongs_to_the_nearer_packet():
    """And may have come before the observation that fits best."""
    packets = after_usual((1, 0), (2, 100), (1, 300), (2, 380), (2, 400), of=TWO)
    assert ([(0, 100), (300, 380)], [0, 1]) == (times(packets), packets.copies.tolist())
    packets = after_usual((1, 0), (2, 100), (2, 120), (1, 300), (2, 400), of=TWO)
    assert ([(0, 100), (300, 400)], [1, 0]) == (times(packets), packets.copies.tolist())


def test_the_flow_itself_tells_what_is_usual_before_others_do():
    """OTHER takes 100 ns, as most do; FORWARD takes 600: the second observation is of the first packet."""
    others = [(point, 10_000 + 50 * n + 100 * (point - 1), 100 + n, OTHER) for n in range(9) for point in (1, 2)]
    own = [(1, 20_000, 90), (2, 20_600, 90)]
    packets = join(observed(*others, *own, (1, 0), (1, 500), (2, 600)), FLOWS, TWO).packets
    assert [(0, 600), (500, None)] == [t for t, signature in zip(times(packets), packets.signature, strict=True) if signature == 7]
    packets = join(observed(*others, (1, 0), (1, 500), (2, 600)), FLOWS, TWO).packets
    assert [(0, None), (500, 600)] == [t for t, signature in zip(times(packets), packets.signature, strict=True) if signature == 7]


def test_what_is_there_twice_at_the_first_hop_is_two_packets():
    assert [(0, None), (10, 108)] == times(after_usual((1, 0), (1, 10), (2, 108), of=TWO))


def test_behind_a_silent_first_hop_equal_packets_are_packets():
    assert [(None, 0, 100), (None, 300, 400)] == found(observed((2, 0), (3, 100), (2, 300), (3, 400)))


def test_a_silent_hop_in_the_middle():
    assert [(0, None, 200), (300, None, 500)] == times(after_usual((1, 0), (3, 200), (1, 300), (3, 500)))


def test_reordering_needs_nothing():
    assert [(0, 900), (1, 100)] == found(observed((1, 0, 1), (1, 1, 2), (2, 100, 2), (2, 900, 1)), TWO)


def test_a_signature_met_by_chance_is_told_by_time():
    packets = after_usual((1, 0), (2, 100), (3, 201), (1, 450), (2, 551), (3, 650))
    assert [(0, 100, 201), (450, 551, 650)] == times(packets)
    assert [1, 1] == packets.clash.tolist()


def test_the_same_signature_after_a_silence_is_no_clash():
    packets = join(observed((1, 0), (2, 100), (1, 1200), (2, 1300)), FLOWS, TWO).packets
    assert ([(0, 100), (1200, 1300)], [0, 0]) == (times(packets), packets.clash.tolist())
    packets = join(observed((1, 0), (2, 1000), (1, 2001), (2, 3001)), FLOWS, TWO).packets
    assert [(0, 1000), (2001, 3001)] == times(packets)


def test_other_flows_do_not_matter():
    assert [(0, None), (None, 100)] == found(observed((1, 0), (2, 100, 7, OTHER)), TWO)


def test_both_ways_at_once():
    reverse = np.array([0, 1, 0], np.uint8)
    packets = join(observed((1, 0), (2, 100), (2, 10, 7, BACK), (1, 110, 7, BACK)), FLOWS, TWO, reverse).packets
    assert [(0, 100), (110, 10)] == times(packets)
    assert ([0, 1], [0, 10], [101, 102]) == (packets.reverse.tolist(), packets.reference_ns.tolist(), packets.octets.tolist())


def test_alternative_points_are_one_hop():
    packets = join(observed((1, 0, 1), (2, 10, 2), (3, 100, 1), (4, 110, 2)), FLOWS, one_way(2, 2)).packets
    assert ([(0, 100), (10, 110)], [[1, 3], [2, 4]]) == (times(packets), packets.points.tolist())


def test_behind_a_translator_the_flow_is_that_of_the_first_hop():
    """Packets of other flows with the same signature are told apart by time, then."""
    seen_first = np.zeros(3, np.uint8)
    packets = join(observed((1, 0), (2, 100, 7, OTHER)), FLOWS, one_way(1, 1, nat=True), None, seen_first=seen_first).packets
    assert ([(0, 100)], [FORWARD]) == (times(packets), packets.flow.tolist())
    assert [1, 0, 1] == seen_first.tolist()


def test_flows_seen_at_the_first_hop_are_noted():
    seen_first = np.zeros(3, np.uint8)
    join(observed((1, 0), (2, 100, 7, OTHER)), FLOWS, TWO, seen_first=seen_first)
    assert [1, 0, 0] == seen_first.tolist()


def test_last_fragments_and_times_in_packets():
    """Of two observations that tell the time of a hop, the first one on the way counts."""
    packets = join(observed((1, 0), (2, 300), last=[20, ABSENT], extras=[[150], [160]]), FLOWS, one_way(1, 0, 1)).packets
    assert ([(0, 150, 300)], [[20, ABSENT, ABSENT]]) == (times(packets), packets.last.tolist())
    packets = join(observed((1, 0), (2, 300), last=[20, 310], extras=[[ABSENT], [160]]), FLOWS, one_way(1, 0, 1)).packets
    assert ([(0, 160, 300)], [[20, ABSENT, 310]]) == (times(packets), packets.last.tolist())


def test_what_cannot_be_placed_or_is_later_is_told():
    given = observed((1, 0), (2, 100), (1, 10, 7, NOT_YET), (3, 10), (0, 10), (1, 90, 8), (2, 20, 8))
    packets, fate = join(given, FLOWS, TWO, before_ns=90)
    assert [(0, 100)] == times(packets)
    assert [JOINED, JOINED, UNDEFINED, UNDEFINED, UNDEFINED, LATER, LATER] == fate.tolist()


@pytest.mark.parametrize("equal", [2000, 300_000])
def test_many_equal_packets(equal):
    """One key, without end: in order, the lost ones lost (here every seventh), in a time that tests can wait for."""
    sent = np.arange(equal) * 30
    arrived = sent[np.arange(equal) % 7 != 3] + 100
    many = len(sent) + len(arrived)
    point = np.repeat(np.array([1, 2], np.uint8), [len(sent), len(arrived)])
    one_key = Observed(np.zeros(many, np.int32), point, np.full(many, 7, np.uint32), np.concatenate((sent, arrived)),
                       np.zeros(many, np.int32), None, None)
    usual = observed(*(row for row in USUAL if row[0] < 3))
    both = Observed(*(None if a is None else np.concatenate((a, b)) for a, b in zip(one_key, usual, strict=True)))
    packets = join(both, FLOWS, TWO).packets
    mine = packets.times[packets.signature == 7]
    assert equal == len(mine)
    assert np.array_equal(np.arange(equal) % 7 == 3, mine[:, 1] == ABSENT)
    assert {100} == set((mine[:, 1] - mine[:, 0])[mine[:, 1] != ABSENT].tolist())
