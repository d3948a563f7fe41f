"""Rounds: every packet is judged once, in the round of its reference, as if all had been joined together."""

import subprocess
import sys

import numpy as np

from tests.unit.collector.one_way.make import BACK, FLOWS, FORWARD, NOT_YET, observed, one_way, times
from tmon_collector.one_way.buffer import Buffer
from tmon_collector.one_way.join import join
from tmon_collector.one_way.orientation import Learned
from tmon_collector.one_way.packets import COMPLETE, LOST, Flows, chosen
from tmon_collector.one_way.settle import horizon, settle

TWO = one_way(1, 1)


def rounds(buffer, of, ends, flows=FLOWS, learned=None):
    learned = Learned() if learned is None else learned
    return [settle(buffer, flows, of, learned, [], end) for end in ends]


def test_a_packet_belongs_to_the_round_of_its_reference():
    buffer = Buffer(100)
    buffer.append(observed((1, 4990, 1), (2, 5090, 1), (1, 5000, 2), (2, 5100, 2)))
    first, second = rounds(buffer, TWO, [5000, 10_000])
    assert [(4990, 5090)] == times(first.packets)
    assert [(5000, 5100)] == times(second.packets)
    assert ((2, 0), (0, 0)) == ((first.kept, first.undefined), (second.kept, second.undefined))
    assert [COMPLETE] == first.packets.verdict.tolist()


def test_clocks_apart_do_not_tear_packets_at_the_end_of_a_round():
    """The second clock is behind: its observation is before the end, the packet's reference is not."""
    buffer = Buffer(100)
    buffer.append(observed((1, 5050, 1), (2, 4950, 1)))
    first, second = rounds(buffer, TWO, [5000, 10_000])
    assert [] == times(first.packets)
    assert [(5050, 4950)] == times(second.packets)


def test_what_comes_behind_the_horizon_waits():
    buffer = Buffer(100)
    buffer.append(observed((1, horizon(5000, TWO), 3)))
    [first] = rounds(buffer, TWO, [5000])
    assert ([], 0, 1) == (times(first.packets), first.kept, len(buffer))


def test_flows_not_yet_defined_wait_for_their_round_and_are_counted_then():
    buffer = Buffer(100)
    buffer.append(observed((1, 100, 1, NOT_YET), (1, 5100, 2, NOT_YET), (2, 5200, 2, NOT_YET)))
    [first] = rounds(buffer, TWO, [5000])
    assert (1, 2) == (first.undefined, first.kept)
    defined = Flows(np.array([0, 1, 2, 0], np.int32), *FLOWS[1:])
    [second] = rounds(buffer, TWO, [10_000], defined)
    assert [(5100, 5200)] == times(second.packets)
    assert (0, 0) == (second.undefined, second.kept)


def test_both_ways_are_learned_and_judged():
    of = one_way(1, 1, direction="both")
    buffer = Buffer(100)
    buffer.append(observed((1, 0, 1), (2, 100, 1), (2, 10, 2, BACK), (1, 110, 2, BACK), (2, 20, 3, BACK), (1, 30, 4, FORWARD)))
    [settled] = rounds(buffer, of, [5000])
    packets = settled.packets
    assert [(0, 100), (30, None), (110, 10), (None, 20)] == times(packets)
    assert [COMPLETE, LOST, COMPLETE, LOST] == packets.verdict.tolist()
    assert ([0, 1, 0, 2], [0, 0, 1, 1]) == (packets.lost_after.tolist(), packets.reverse.tolist())


def test_when_warm_nothing_is_left_to_compile():
    """In a process of its own: whatever observations have, with or without nat, both ways, blind or not."""
    program = """
from tests.unit.collector.one_way import make, test_settle as t
from tmon_collector.one_way.kernels import gathering, pieces, placing, sorting, untangle, usual, verdict
from tmon_collector.one_way.settle import warm_up
kernels = [sorting.sort, placing.place, placing.in_order, pieces.cut, usual.of_flows, usual.of_ways, usual.positions,
           untangle.untangle, gathering.select, gathering.flow_keys, gathering.gather,
           gathering.gather_of_observations, verdict.judge]
warm_up()
before = [len(k.signatures) for k in kernels]
for nat in (False, True):
    for last, extras in ((None, None), ([1, 2, 3, 4], [[5]] * 4)):
        buffer = t.Buffer(100, 1)
        buffer.append(make.observed((1, 0), (1, 5), (2, 100), (1, 50, 8), last=last, extras=extras))
        t.rounds(buffer, make.one_way(1, 0, 1, direction="both", nat=nat), [5000])
assert [1] * len(kernels) == before == [len(k.signatures) for k in kernels], before
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_rounds_give_what_one_join_gives():
    """Signatures that repeat, losses, copies, clocks apart: cut into rounds or not, the same packets, each once."""
    random = np.random.default_rng(5)
    rows = []
    for n in range(3000):
        sent, signature, flow = n * 20, int(random.integers(0, 400)), int(random.choice([FORWARD, BACK]))
        for point in (1, 2, 3):
            if random.random() < 0.05:
                continue
            passed = sent + 150 * point + int(random.integers(0, 40)) - 250 * (point == 2)
            copies = 1 + (point > 1 and random.random() < 0.05)
            rows += [(point, passed + 3 * copy, signature, flow) for copy in range(copies)]
    of = one_way(1, 1, 1)
    everything = observed(*rows)
    together = join(everything, FLOWS, of).packets
    order = random.permutation(len(rows))
    buffer = Buffer(100_000)
    for part in np.array_split(order, 7):
        buffer.append(chosen(everything, part))
    settled = [s.packets for s in rounds(buffer, of, range(8000, 72_001, 8000))]
    assert 0 == len(buffer)
    assert len(together.flow) == sum(len(p.flow) for p in settled)
    seen = sum(np.count_nonzero(p.points) + int(p.copies.sum()) for p in settled)
    assert len(rows) == seen, "each observation is in one packet, or a copy"
    # Usual delays are those of each round, so packets with clashing signatures may be told apart otherwise; the others may not.
    sure, all_settled = as_tuples(together, together.clash == 0), {p for s in settled for p in as_tuples(s, s.clash < 2)}
    assert len(sure) > 2000
    assert [] == [packet for packet in sure if packet not in all_settled]


def as_tuples(packets, which) -> list[tuple]:
    return [(int(packets.flow[i]), int(packets.signature[i]), str(packets.times[i].tolist()), int(packets.copies[i]))
            for i in np.flatnonzero(which)]
