"""The cache of first fragments against a dictionary: the same while nothing gives way, and never anything wrong."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.father.table_packets import SECOND, START, packet
from tmon_probe import records as r
from tmon_probe.father.fragments import FRAGMENT_LIFETIME_NS, WAYS, FragmentCache, recall_first, remember_first

NOTHING = (False, 0, 0, 0, False)
words = st.sampled_from((0, 1, 0xFFFF, 1 << 31, 2**32 - 1))


class Twin:
    """Every first fragment there ever was."""

    def __init__(self) -> None:
        self.first = {}

    def remember(self, record, mask: int) -> None:
        self.first[key_of(record)] = (int(record["time_ns"]), mask, int(record["src_port"]), int(record["dst_port"]),
                                      bool(record["flags"] & r.HAS_PORTS))

    def recall(self, record) -> tuple:
        seen, *told = self.first.get(key_of(record), (None,))
        if seen is None or abs(int(record["time_ns"]) - seen) > FRAGMENT_LIFETIME_NS:
            return NOTHING
        return True, *told


def key_of(record) -> tuple:
    names = ("ip_version", "src_hi", "src_lo", "dst_hi", "dst_lo", "fragment_id", "interface", "vlan")
    return *(int(record[name]) for name in names), int(record["protocol"]) if record["ip_version"] == 4 else None


@st.composite
def fragments(draw, earliest_s=-40, latest_s=40):
    version = draw(st.sampled_from((4, 6)))
    address = words if version == 4 else st.builds(lambda high, low: high << 96 | low, words, words)
    return packet(
        draw(address), draw(address), version=version, time_ns=START + draw(st.integers(earliest_s, latest_s)) * SECOND,
        ports=draw(st.none() | st.tuples(st.integers(0, 65535), st.integers(0, 65535))), fragment_id=draw(words),
        protocol=draw(st.sampled_from((0, 6, 17))), interface=draw(st.sampled_from((0, 1, 256))), vlan=draw(st.integers(0, 1)))


def cache_of(entries: int, seed: int) -> FragmentCache:
    cache = FragmentCache(entries)
    cache.seed[:] = np.random.default_rng(seed).integers(0, 1 << 64, len(cache.seed), np.uint64)
    return cache


@given(st.lists(fragments(), min_size=1, max_size=WAYS), st.data())
def test_is_the_twin_while_nothing_gives_way(datagrams, data):
    """First and later fragments of a few datagrams in any order and time: known or not, and what is known, as by the twin."""
    cache, twin = cache_of(WAYS, 1), Twin()
    steps = st.tuples(st.booleans(), st.sampled_from(datagrams), st.integers(0, 2**64 - 1), st.integers(-40, 40))
    for first, datagram, mask, second in data.draw(st.lists(steps, max_size=40)):
        record = datagram.copy()
        record["time_ns"] = START + second * SECOND
        if first:
            assert 0 == remember_first(cache.table, cache.seed, record, 0, np.uint64(mask))
            twin.remember(record[0], mask)
        else:
            assert twin.recall(record[0]) == recall_first(cache.table, cache.seed, record, 0)


@given(st.lists(fragments(0, 5), max_size=40), st.sampled_from((4, 8, 16)), st.integers(0, 1000))
def test_what_is_known_is_right_and_what_is_lost_is_counted(datagrams, entries, seed):
    """With too little room: an answer is that of the twin or none, the newest is there, and as many are unknown as gave way."""
    cache, twin, gave_way = cache_of(entries, seed), Twin(), 0
    for mask, record in enumerate(datagrams, 1):
        gave_way += remember_first(cache.table, cache.seed, record, 0, np.uint64(mask))
        twin.remember(record[0], mask)
        assert twin.recall(record[0]) == recall_first(cache.table, cache.seed, record, 0)
    known = set()
    for record in datagrams:
        found = recall_first(cache.table, cache.seed, record, 0)
        assert found in (NOTHING, twin.recall(record[0]))
        if found[0]:
            known.add(key_of(record[0]))
    assert np.count_nonzero(cache.table["ip_version"]) == len(known) <= min(entries, len(twin.first))
    assert gave_way >= len(twin.first) - len(known)
    assert (gave_way == 0) == (len(known) == len(twin.first))


@given(st.integers(0, 1000))
def test_mixed_fragments_of_many_datagrams(seed):
    """Two interfaces, two IP versions, shuffled fragments and duplicates: a later one knows its own first if that came before."""
    rng = np.random.default_rng(seed)
    cache, twin = cache_of(4096, seed), Twin()
    ring = np.concatenate([
        packet(int(rng.integers(3)), 9, version=int(rng.choice([4, 6])), fragment_id=int(rng.integers(4)), protocol=17,
               interface=int(rng.integers(2)), time_ns=START + int(rng.integers(20)) * SECOND, ports=(i, 2 * i))
        for i in range(60)])  # fmt: skip
    for slot, first in enumerate(rng.integers(0, 3, len(ring)) == 0):
        if first:
            assert 0 == remember_first(cache.table, cache.seed, ring, slot, np.uint64(slot))
            twin.remember(ring[slot], slot)
        else:
            assert twin.recall(ring[slot]) == recall_first(cache.table, cache.seed, ring, slot)
