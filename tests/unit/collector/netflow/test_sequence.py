"""What did not arrive, by sequence numbers."""

import random

from tmon_collector.netflow.sequence import MAX_GAP, MAX_LATE, MODULUS, Sequence


def test_gaps_are_counted_beyond_the_wrap():
    sequence = Sequence()
    assert [0, 0, 5, 0] == [sequence.came(n % MODULUS, c) for n, c in ((MODULUS - 4, 3), (MODULUS - 1, 2), (MODULUS + 6, 1),
                                                                      (MODULUS + 7, 1))]
    assert sequence.lost == 5


def test_what_comes_late_was_not_lost():
    sequence = Sequence()
    assert [0, 10, 0, -10, 0] == [sequence.came(n, 10) for n in (0, 20, 30, 10, 40)]
    assert (sequence.lost, sequence.late) == (0, 1)


def test_new_starts():
    """Far ahead or far back."""
    sequence = Sequence()
    assert [0, 0, 0, 0] == [sequence.came(n, 1) for n in (MAX_LATE + 5, 0, MAX_GAP + 2, MAX_GAP + 3)]
    assert (sequence.lost, sequence.restarts) == (0, 2)


def test_an_unknown_number_of_units_loses_nothing():
    sequence = Sequence()
    assert [0, 0, 0] == [sequence.came(n, c) for n, c in ((0, None), (50, 3), (53, 3))]


def numbers(seed, second, dropped=()):
    """(number, count, flows) of datagrams in the first or the second way of numbering, without those dropped; and what is lost."""
    draw = random.Random(seed)
    sent, kept, lost = 1000, [], 0
    for i in range(400):
        flows, options = draw.randrange(1, 31), i % 40 == 0
        count = flows + options
        if second:
            sent += flows
        if i not in dropped:
            kept.append((sent, count, flows))
        else:
            lost += flows if second else count
        if not second:
            sent += count
    return kept, lost


def test_numbers_of_the_end_are_understood():
    """Those of softflowd: nothing seems to be lost, and what is lost is counted."""
    for second in (False, True):
        for seed in range(5):
            sequence = Sequence()
            kept, lost = numbers(seed, second, dropped=(100, 101, 250))
            for number, count, flows in kept:
                sequence.came(number, count, flows)
            assert lost == sequence.lost, (second, seed)
