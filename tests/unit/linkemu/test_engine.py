"""The link's decisions on a fake clock: time is a number here, and nothing is sent anywhere."""

import pytest

from tests.linkemu import engine as engine_module
from tests.linkemu.engine import LinkEngine
from tests.linkemu.impairment import Direction, Fate, Impairment
from tests.linkemu.vlan import VlanRule

MS = 1_000_000
WEST_TO_EAST, EAST_TO_WEST = Direction.WEST_TO_EAST, Direction.EAST_TO_WEST
MANY = 20_000


def frame_of(number: int, octets: int = 100) -> bytes:
    return bytes.fromhex("020000000002 020000000001 88b5") + number.to_bytes(4) + bytes(octets - 18)


def symmetric(seed: int = 1, **impairment) -> LinkEngine:
    both = Impairment(**impairment)
    return LinkEngine(both, both, seed=seed)


def feed(engine: LinkEngine, count: int, *, gap_ns: int = MS, octets: int = 100):
    """Frames 0..count-1 eastward, one each `gap_ns`; gives the deliveries in delivery order."""
    delivered = []
    for number in range(count):
        now_ns = number * gap_ns
        delivered += engine.due(now_ns)
        engine.receive(frame_of(number, octets), WEST_TO_EAST, now_ns)
    while (timer := engine.next_timer()) is not None:
        delivered += engine.due(timer)
    return delivered


def test_a_clean_link_delivers_at_once_what_it_received():
    engine = symmetric()
    arrival = engine.receive(b"x" * 60, WEST_TO_EAST, 5)
    assert (arrival.fate, arrival.seq, engine.next_timer()) == (Fate.FORWARDED, 0, 5)
    assert [delivery.frame for delivery in engine.due(5)] == [b"x" * 60]
    assert engine.next_timer() is None


def test_nothing_is_due_before_the_delay_has_passed():
    engine = symmetric(delay_ns=20 * MS)
    engine.receive(frame_of(0), WEST_TO_EAST, 7 * MS)
    assert engine.next_timer() == 27 * MS
    assert engine.due(27 * MS - 1) == []
    assert [delivery.planned_ns for delivery in engine.due(27 * MS)] == [27 * MS]


def test_each_direction_has_its_own_impairment_and_numbers():
    engine = LinkEngine(Impairment(delay_ns=10 * MS), Impairment(delay_ns=3 * MS))
    engine.receive(frame_of(0), WEST_TO_EAST, 0)
    engine.receive(frame_of(1), EAST_TO_WEST, 0)
    order = [(delivery.direction, delivery.seq, delivery.planned_ns) for delivery in engine.due(10 * MS)]
    assert order == [(EAST_TO_WEST, 0, 3 * MS), (WEST_TO_EAST, 0, 10 * MS)]


def test_jitter_stays_within_its_bound_and_keeps_the_order():
    delivered = feed(symmetric(delay_ns=10 * MS, jitter_ns=5 * MS), 2_000)
    assert list(range(2_000)) == [delivery.seq for delivery in delivered]
    delays_ns = [delivery.planned_ns - delivery.arrival_ns for delivery in delivered]
    assert min(delays_ns) >= 10 * MS
    assert max(delays_ns) < 15 * MS
    assert len(set(delays_ns)) > 1_000


def test_loss_takes_its_share_and_says_so():
    engine = symmetric(loss=0.01)
    delivered = feed(engine, MANY)
    counts = engine.counts(WEST_TO_EAST)
    assert (MANY, len(delivered)) == (counts.forwarded + counts.lost, counts.forwarded)
    assert 0.007 < counts.lost / MANY < 0.013


def test_loss_one_loses_everything_and_loss_zero_nothing():
    assert feed(symmetric(loss=1.0), 500) == []
    assert len(feed(symmetric(loss=0.0), 500)) == 500


def test_duplicates_follow_their_original_with_equal_octets():
    engine = symmetric(duplicate=0.05, jitter_ns=MS)
    delivered = feed(engine, MANY)
    copies = [delivery for delivery in delivered if delivery.copy]
    assert len(copies) == engine.counts(WEST_TO_EAST).duplicated == len(delivered) - MANY
    assert 0.04 < len(copies) / MANY < 0.06
    place = {(delivery.seq, delivery.copy): index for index, delivery in enumerate(delivered)}
    assert all(place[copy.seq, 0] < place[copy.seq, 1] for copy in copies)
    assert all(frame_of(copy.seq) == copy.frame for copy in copies)


def test_held_back_frames_are_overtaken_and_no_others():
    engine = symmetric(delay_ns=10 * MS, reorder=0.02, reorder_extra_ns=5 * MS + MS // 2)
    delivered = feed(engine, 5_000)
    straight = [delivery.seq for delivery in delivered if not delivery.held_back]
    assert sorted(straight) == straight
    held = [delivery for delivery in delivered if delivery.held_back]
    assert 50 < len(held) == engine.counts(WEST_TO_EAST).held_back < 150
    assert {15 * MS + MS // 2} == {delivery.planned_ns - delivery.arrival_ns for delivery in held}
    overtaken = next(delivery for delivery in held if delivery.seq < 4_000)
    assert delivered.index(overtaken) > max(index for index, other in enumerate(delivered) if other.seq == overtaken.seq + 1)


def test_rate_spaces_frames_by_their_transmission_time():
    # 1,000 octets at 8 Mbit/s take exactly one millisecond.
    delivered = feed(symmetric(rate_bps=8_000_000), 10, gap_ns=0, octets=1_000)
    assert [number * MS for number in range(1, 11)] == [delivery.planned_ns for delivery in delivered]


def test_a_full_queue_drops_the_tail_and_the_link_never_exceeds_its_rate():
    engine = symmetric(rate_bps=8_000_000, queue_octets=5_000)
    delivered = feed(engine, 20, gap_ns=0, octets=1_000)
    assert [delivery.seq for delivery in delivered] == [0, 1, 2, 3, 4]
    assert engine.counts(WEST_TO_EAST).queue_drop == 15


def test_a_frame_larger_than_the_queue_still_passes_an_idle_link():
    assert len(feed(symmetric(rate_bps=8_000_000, queue_octets=10), 1, octets=1_000)) == 1


def test_corruption_inverts_one_bit_behind_the_header():
    delivered = feed(symmetric(corrupt=1.0), 500)
    for delivery in delivered:
        changed = int.from_bytes(delivery.frame) ^ int.from_bytes(frame_of(delivery.seq))
        assert changed.bit_count() == 1
        assert frame_of(delivery.seq)[:14] == delivery.frame[:14]


def test_a_frame_without_payload_cannot_be_corrupted():
    engine = symmetric(corrupt=1.0)
    engine.receive(bytes(14), WEST_TO_EAST, 0)
    assert [bytes(14)] == [delivery.frame for delivery in engine.due(0)]
    assert engine.counts(WEST_TO_EAST).corrupted == 0


def test_tags_exist_in_the_middle_only_even_when_corrupted():
    engine = LinkEngine(Impairment(corrupt=1.0), Impairment(), vlan_rules=(VlanRule(7, outer_id=9),))
    arrival = engine.receive(frame_of(3), WEST_TO_EAST, 0)
    (delivery,) = engine.due(0)
    assert bytes.fromhex("88a80009 81000007 88b5") == arrival.carried[12:22]
    assert arrival.carried[:22] == delivery.carried[:22]
    assert delivery.frame == delivery.carried[:12] + delivery.carried[20:]
    assert engine.counts(WEST_TO_EAST).received_octets == 108


def test_same_seed_same_fates_other_seed_other_fates():
    def fates(seed: int) -> list[tuple[int, int, int]]:
        delivered = feed(symmetric(seed, loss=0.1, duplicate=0.1, reorder=0.1, jitter_ns=MS), 1_000)
        return [(delivery.seq, delivery.copy, delivery.planned_ns) for delivery in delivered]

    assert fates(1) == fates(1)
    assert fates(1) != fates(2)


def test_other_impairments_leave_the_choice_of_lost_frames_alone():
    def lost(**more) -> set[int]:
        return set(range(1_000)) - {delivery.seq for delivery in feed(symmetric(loss=0.1, **more), 1_000)}

    assert lost() == lost(duplicate=0.3, jitter_ns=MS, reorder=0.2, corrupt=0.2)


def test_a_new_impairment_starts_a_phase_and_never_lets_frames_overtake():
    engine = symmetric(delay_ns=100 * MS)
    engine.receive(frame_of(0), WEST_TO_EAST, 0)
    assert engine.impair(Impairment(delay_ns=MS), Impairment()) == 1
    engine.receive(frame_of(1), WEST_TO_EAST, MS)
    assert [(delivery.seq, delivery.phase) for delivery in engine.due(100 * MS)] == [(0, 0), (1, 1)]


def test_frames_in_flight_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine_module, "MAX_IN_FLIGHT", 10)
    engine = symmetric(delay_ns=MS)
    fates = [engine.receive(frame_of(number), WEST_TO_EAST, 0).fate for number in range(12)]
    assert fates == [Fate.FORWARDED] * 10 + [Fate.QUEUE_DROP] * 2


def test_closing_gives_back_what_is_still_on_its_way():
    engine = symmetric(delay_ns=MS)
    for number in range(3):
        engine.receive(frame_of(number), WEST_TO_EAST, number)
    assert [delivery.seq for delivery in engine.abandon()] == [0, 1, 2]
    assert (engine.in_flight, engine.next_timer()) == (0, None)
