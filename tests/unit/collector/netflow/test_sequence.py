"""What did not arrive, by sequence numbers."""

import random

from tmon_collector.netflow.sequence import ANEW, MAX_GAP, MODULUS, Sequence


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
    """Far back, or near: it shows when the next ones go on from there. Ahead by more than can be lost: the same."""
    for before in (5, 2000, 1 << 20, MAX_GAP * 3):
        sequence = Sequence()
        assert [0] * (ANEW + 1) == [sequence.came(n, 1) for n in (before, *range(ANEW))], before
        assert (sequence.lost, sequence.restarts, sequence.late, sequence.repeated) == (0, 1, 0, 0)
        assert sequence.came(ANEW + 2, 1) == 2
    sequence = Sequence()
    assert [0] * (ANEW + 1) == [sequence.came(n, 1) for n in (0, *range(MAX_GAP + 2, MAX_GAP + 2 + ANEW))]
    assert (sequence.lost, sequence.restarts) == (0, 1)


def test_a_second_copy_was_not_lost():
    """Nothing is taken off for it; what comes late closes its gap once."""
    sequence = Sequence()
    assert [0, 10, 0, 0, -10, 0, 0] == [sequence.came(n, 10) for n in (0, 20, 20, 0, 10, 10, 30)]
    assert (sequence.lost, sequence.late, sequence.repeated, sequence.restarts) == (0, 1, 3, 0)


def test_any_order_and_copies_beside_sets():
    """Lost is what no datagram held, whatever is late or comes twice; the first and the last in their places."""
    judged = 0
    for seed in range(200):
        draw = random.Random(seed)
        sent = [(n * 7, 7) for n in range(60)]
        kept = [d for d in sent[1:-1] if draw.random() > 0.2]
        kept += [d for d in kept if draw.random() < 0.1]
        kept.sort(key=lambda d: d[0] + draw.uniform(-40, 40))
        sequence = Sequence()
        told = sum(sequence.came(*d) for d in [sent[0], *kept, sent[-1]])
        held = {n for first, count in [sent[0], *kept, sent[-1]] for n in range(first, first + count)}
        if not sequence.restarts:  # many copies one after the other look like one
            judged += 1
            assert 60 * 7 - len(held) == sequence.lost == told, seed
    assert judged > 190


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
