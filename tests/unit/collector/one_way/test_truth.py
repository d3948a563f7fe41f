"""Simulated networks of which all is known: rounds of a collector find just that out."""

import numpy as np
import pytest

from tests.unit.collector.one_way.make import one_way
from tmon_collector.one_way.buffer import Buffer
from tmon_collector.one_way.orientation import Learned
from tmon_collector.one_way.packets import COMPLETE, DROPPED, LOST, MISSED, Flows, Observed, Packets, chosen
from tmon_collector.one_way.settle import settle
from tmon_common.observations import ABSENT

MS = 1_000_000
ROUND, ROUNDS, TRANSIT = 10_000 * MS, 3, 1_000 * MS
PACKETS, FLOWS, HOPS = 20_000, 40, 4
CLOCKS = np.array([0, -200, 70, -30]) * MS
"""A packet takes 20 to 30 ms from hop to hop, so with these clocks it seems to arrive before it left."""
GAP = 12_000 * MS, 12_400 * MS
"""By its clock, the probe at the last hop gave up what it observed then."""


class Truth:
    """Packets of 20 flows and their reverse flows. times: when each passed each hop, on its clock, even if nobody told of it."""

    def __init__(self, seed: int, bits: int) -> None:
        random = np.random.default_rng(seed)
        self.flow = random.integers(0, FLOWS, PACKETS)
        self.back = self.flow % 2 == 1
        self.signature = random.integers(0, 1 << bits, PACKETS)
        sent = np.sort(random.integers(TRANSIT, ROUND * ROUNDS - TRANSIT, PACKETS))
        steps = random.integers(20 * MS, 30 * MS, (PACKETS, HOPS))
        steps[:, 0] = 0
        along = sent[:, None] + steps.cumsum(axis=1)
        self.times = np.where(self.back[:, None], along[:, ::-1], along) + CLOCKS
        self.got = np.where(random.random(PACKETS) < 0.03, random.integers(1, HOPS, PACKETS), HOPS)  # hops it passed
        position = np.where(self.back[:, None], HOPS - 1 - np.arange(HOPS), np.arange(HOPS))
        self.passed = position < self.got[:, None]
        self.unseen = random.random((PACKETS, HOPS)) < 0.01  # by a capture that was too slow, not at the first hop
        self.unseen &= (position > 0) & (position < HOPS - 1)
        self.given_up = np.zeros((PACKETS, HOPS), bool)
        self.given_up[:, -1] = (self.times[:, -1] >= GAP[0]) & (self.times[:, -1] <= GAP[1])
        self.told = self.passed & ~self.unseen & ~self.given_up
        self.doubled = self.told & (position == 2) & (random.random((PACKETS, HOPS)) < 0.02)

    def observed(self, random) -> Observed:
        """Each observation once, copies 1 ms later, in any order."""
        parts = []
        for which, later in ((self.told, 0), (self.doubled, MS)):
            packet, hop = np.nonzero(which)
            parts.append((self.flow[packet], hop + 1, self.signature[packet], self.times[packet, hop] + later))
        flow, point, signature, time_ns = (np.concatenate(column) for column in zip(*parts, strict=True))
        all_of_them = Observed(flow.astype(np.int32), point.astype(np.uint8), signature.astype(np.uint32), time_ns,
                               np.full(len(flow), 500, np.int32), None, None)
        return chosen(all_of_them, random.permutation(len(flow)))

    def expected(self) -> dict:
        """{(flow, signature, times): (verdict, lost after, copies)}."""
        found = {}
        for i in range(PACKETS):
            if self.told[i].any():
                times = tuple(np.where(self.told[i], self.times[i], ABSENT).tolist())
                found[int(self.flow[i]), int(self.signature[i]), times] = (*self._verdict(i), int(self.doubled[i].sum()))
        return found

    def _verdict(self, i: int) -> tuple[int, int]:
        way = range(HOPS - 1, -1, -1) if self.back[i] else range(HOPS)
        missing = [hop for hop in way if not self.told[i, hop]]
        if not missing:
            return COMPLETE, 0
        seen = [hop for hop in way if self.told[i, hop]]
        if seen[-1] == way[-1]:
            return (MISSED if any(not self.given_up[i, hop] for hop in missing) else DROPPED), 0
        later = way[list(way).index(seen[-1]) + 1 :]
        if all(self.given_up[i, hop] for hop in later):
            return DROPPED, 0
        return LOST, seen[-1] + 1


def reconciled(truth: Truth, **options) -> list[Packets]:
    of = one_way(*[1] * HOPS, max_transit_ns=TRANSIT, direction="both", **options)
    numbers = np.arange(FLOWS, dtype=np.int32)
    flows = Flows(numbers, numbers ^ 1, numbers, numbers ^ 1)
    buffer, learned = Buffer(10 * PACKETS), Learned()
    buffer.append(truth.observed(np.random.default_rng(9)))
    coverage = [np.zeros((0, 2))] * (HOPS - 1) + [np.array([GAP])]
    settled = [settle(buffer, flows, of, learned, coverage, ROUND * (n + 1)).packets for n in range(ROUNDS + 1)]
    assert 0 == len(buffer)
    return settled


def found_in(settled: list[Packets]) -> dict:
    return {(int(p.flow[i]), int(p.signature[i]), tuple(p.times[i].tolist())):
            (int(p.verdict[i]), int(p.lost_after[i]), int(p.copies[i])) for p in settled for i in range(len(p.flow))}


@pytest.mark.parametrize("nat", [False, True])
def test_every_packet_has_its_times_and_its_verdict(nat):
    """Both ways, clocks apart by more than the way takes, losses on every segment, copies, slow captures, observations given up.

    Around what was given up, a packet that was lost may count as dropped: when it would have passed is known but for the jitter.
    """
    truth = Truth(3, bits=32)
    expected, found = truth.expected(), found_in(reconciled(truth, nat=nat))
    assert expected.keys() == found.keys()
    differ = [(key, expected[key], found[key]) for key in expected if expected[key] != found[key]]
    slack = 3 * 30 * MS  # steps times the jitter, twice
    assert [] == [one for one in differ if (one[1][0], one[2][0]) != (LOST, DROPPED) or not near_gap(one[0][2], slack)]
    assert {COMPLETE, LOST, DROPPED, MISSED} == {verdict for verdict, _, _ in found.values()}


def near_gap(times: tuple, slack: int) -> bool:
    """Some time of the packet, on the clock of the last hop, is so near that the packet may have passed that hop in the gap."""
    true = [t - clock for t, clock in zip(times, CLOCKS.tolist(), strict=True) if t != ABSENT]
    return any(GAP[0] - 4 * 30 * MS - slack <= t + CLOCKS[-1] <= GAP[1] + 4 * 30 * MS + slack for t in true)


@pytest.mark.parametrize("bits", [8, 12])
def test_clashing_signatures_spoil_few_packets(bits):
    """Errors need two packets of one key within max_transit of which one was lost or doubled: their share is below the product.

    Clashes are as many as packets in the window / 2^bits.
    """
    truth = Truth(4, bits)
    settled = reconciled(truth)
    expected, found = truth.expected(), found_in(settled)
    clashing = 1 - np.exp(-2 * (PACKETS / FLOWS) * TRANSIT / (ROUND * ROUNDS) / 2**bits)
    assert abs(clashing - np.concatenate([p.clash for p in settled]).mean()) < 0.1 * clashing + 0.001
    spoilt = 1 - truth.told.all(axis=1).mean() + truth.doubled.any(axis=1).mean()
    wrong = len(expected.keys() - found.keys())
    assert 0 < wrong <= PACKETS * clashing * spoilt
