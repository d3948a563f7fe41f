"""The cache of FTP session peers against a dictionary per father: the same while nothing gives way, and never anything wrong."""

from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.father.table_packets import SECOND, START, packet
from tmon_probe.father.ftp_peers import (
    FTP_PEERS_LIFETIME_NS,
    RANDOM,
    REFRESH_NS,
    WAYS,
    YOUNG_NS,
    FtpPeers,
    recall_peers,
    remember_peers,
)

FATHERS = 3
masks = st.sampled_from((0, 1, 2, 1 << 63, 2**64 - 1)) | st.integers(0, 2**64 - 1)
words = st.sampled_from((0, 1, 1 << 31, 1 << 63, 2**64 - 1))
addresses = st.builds(lambda high, low: high << 64 | low, words, words)
pairs = st.tuples(addresses, addresses)
seconds = st.sampled_from((0, 0, 1, 2, 3, -1, 60, 449, 450, 451, 880, 900, 901, 1700, 1801, -899, -950))


@dataclass
class Pair:
    mask_all: int
    mask_boundaries: int
    seen_ns: int

    def lives(self, time_ns: int) -> bool:
        return abs(time_ns - self.seen_ns) <= FTP_PEERS_LIFETIME_NS


def masks_of(known: list[Pair]) -> tuple[int, int]:
    return reduce(or_, (k.mask_all for k in known), 0), reduce(or_, (k.mask_boundaries for k in known), 0)


class Twin:
    """Every pair there ever was, for each father."""

    def __init__(self) -> None:
        self.rows = [{} for _ in range(FATHERS)]

    def remember(self, row: int, pair: tuple, time_ns: int, mask_all: int, mask_boundaries: int) -> None:
        if not mask_all and not mask_boundaries:
            return
        key, known = tuple(sorted(pair)), self.rows[row].get(tuple(sorted(pair)))
        if known is None or not known.lives(time_ns):
            self.rows[row][key] = Pair(mask_all, mask_boundaries, time_ns)
            return
        more = (known.mask_all | mask_all, known.mask_boundaries | mask_boundaries)
        if more != (known.mask_all, known.mask_boundaries) or time_ns > known.seen_ns + REFRESH_NS:
            self.rows[row][key] = Pair(*more, max(time_ns, known.seen_ns))

    def recall(self, pair: tuple, time_ns: int) -> tuple[int, int, bool]:
        living = [known for row in self.rows if (known := row.get(tuple(sorted(pair)))) and known.lives(time_ns)]
        young = [known for known in living if time_ns - known.seen_ns <= YOUNG_NS]
        (every, boundaries), still = masks_of(living), masks_of(young)
        return every, boundaries, (every, boundaries) != still


def peers_of(entries: int, seed: int) -> FtpPeers:
    """seed 0: a hash that is the same for all pairs but of large halves, so that buckets and tags are, too."""
    peers = FtpPeers(FATHERS, entries)
    peers.words[RANDOM : RANDOM + 9] = np.random.default_rng(seed).integers(0, 1 << 62, 9) if seed else 0
    return peers


def record_of(pair: tuple, time_ns: int) -> np.ndarray:
    return packet(*pair, version=6, time_ns=time_ns)


@given(st.lists(pairs, min_size=1, max_size=WAYS), st.integers(0, 20), st.data())
def test_is_the_twin_while_nothing_gives_way(known, seed, data):
    """Control packets and others of a few pairs, of several fathers, in any direction and at any time: answers are the twin's."""
    peers, twin, time_ns = peers_of(WAYS, seed), Twin(), START
    steps = st.tuples(st.booleans(), st.sampled_from(known), st.booleans(), st.integers(0, FATHERS - 1), masks, masks, seconds)
    for control, pair, swapped, row, mask_all, mask_boundaries, later_s in data.draw(st.lists(steps, max_size=40)):
        time_ns += later_s * SECOND
        record = record_of(pair[::-1] if swapped else pair, time_ns)
        if control:
            assert 0 == remember_peers(peers.words, row, record, 0, np.uint64(mask_all), np.uint64(mask_boundaries))
            twin.remember(row, pair, time_ns, mask_all, mask_boundaries)
        else:
            all_mask, boundary_mask, fading = found = recall_peers(peers.words, record, 0)
            assert twin.recall(pair, time_ns) == found
            if fading:  # as the father does
                assert 0 == remember_peers(peers.words, row, record, 0, np.uint64(all_mask), np.uint64(boundary_mask))
                twin.remember(row, pair, time_ns, all_mask, boundary_mask)


@given(st.lists(st.tuples(pairs, st.integers(1, 2**64 - 1), st.integers(0, 800)), max_size=40), st.sampled_from((4, 8)),
       st.integers(0, 20))
def test_what_is_known_is_right_and_what_is_lost_is_counted(packets, entries, seed):
    """With too little room: an answer has no class that the pair never had, the newest is there, losses are told."""
    peers, twin, gave_way = peers_of(entries, seed), Twin(), 0
    for pair, mask, second in packets:
        record = record_of(pair, START + second * SECOND)
        gave_way += remember_peers(peers.words, 0, record, 0, np.uint64(mask), np.uint64(0))
        twin.remember(0, pair, START + second * SECOND, mask, 0)
        assert mask == recall_peers(peers.words, record, 0)[0] & mask
    known = 0
    for pair, pair_of_twin in twin.rows[0].items():
        found = recall_peers(peers.words, record_of(pair, START), 0)[:2]
        assert (0, 0) == (found[0] & ~pair_of_twin.mask_all, found[1])
        known += found != (0, 0)
    assert known <= min(entries, len(twin.rows[0]))
    assert gave_way >= len(twin.rows[0]) - known
    assert (gave_way == 0) == (known == len(twin.rows[0]))
