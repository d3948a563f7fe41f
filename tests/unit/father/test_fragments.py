"""The cache of first fragments: what makes a datagram, how long it is known, who gives way."""

import numpy as np
import pytest

from tests.unit.father.table_packets import SECOND, START, packet
from tmon_probe.father.fragments import (
    FRAGMENT_LIFETIME_NS,
    MAX_FRAGMENT_ENTRIES,
    WAYS,
    FragmentCache,
    recall_first,
    remember_first,
)

V4 = {"version": 4, "src": 0x0A000001, "dst": 0x0A000002, "fragment_id": 0xBEEF, "protocol": 17, "interface": 1, "vlan": 12}
V6 = V4 | {"version": 6, "src": 0x20010DB8 << 96 | 1, "dst": 0x20010DB8 << 96 | 2, "fragment_id": 0xDEADBEEF}
UNKNOWN = (False, 0, 0, 0, False)


def remember(cache: FragmentCache, mask: int, **fields) -> int:
    return remember_first(cache.table, cache.seed, packet(**fields), 0, np.uint64(mask))


def recall(cache: FragmentCache, **fields) -> tuple:
    return recall_first(cache.table, cache.seed, packet(**fields), 0)


@pytest.mark.parametrize("datagram", [V4, V6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("ports", [None, (0, 0), (53, 65535)])
@pytest.mark.parametrize("mask", [0, 1, 1 << 63, 2**64 - 1])
def test_later_fragments_learn_what_the_first_told(datagram, ports, mask):
    """Class mask (64 bits, none too) and ports, again and again, whatever a later fragment has in its own fields of them."""
    cache = FragmentCache()
    assert UNKNOWN == recall(cache, **datagram)
    assert 0 == remember(cache, mask, ports=ports, **datagram)
    for _ in range(3):
        assert (True, mask, *(ports or (0, 0)), ports is not None) == recall(cache, **datagram, src_port=7, fragment_offset=185)


def test_slot_of_the_ring():
    """The packet is the one in the slot that was named."""
    cache = FragmentCache()
    ring = np.concatenate([packet(**V4 | {"fragment_id": i}) for i in range(4)])
    assert 0 == remember_first(cache.table, cache.seed, ring, 2, np.uint64(5))
    assert [False, False, True, False] == [recall_first(cache.table, cache.seed, ring, slot)[0] for slot in range(4)]


OTHER = [("src", 0x0A000003), ("dst", 0x0A000003), ("fragment_id", 0xBEEE), ("protocol", 6), ("interface", 2), ("interface", 257),
         ("vlan", 13)]
OTHER_V6 = [("src", V6["src"] ^ 1 << 127), ("src", V6["src"] ^ 1), ("dst", V6["dst"] ^ 1 << 64), ("dst", V6["dst"] ^ 1 << 63),
            ("fragment_id", 0xBEEF), ("interface", 0), ("vlan", 0)]


@pytest.mark.parametrize(("datagram", "name", "value"), [*((V4, *o) for o in OTHER), *((V6, *o) for o in OTHER_V6)])
def test_other_datagrams_are_others(datagram, name, value):
    """A datagram that differs in any part of the key is not known, also in a table of one bucket; both are kept."""
    cache = FragmentCache(WAYS)
    other = datagram | {name: value}
    remember(cache, 1, **datagram)
    assert UNKNOWN == recall(cache, **other)
    assert 0 == remember(cache, 2, **other)
    assert [1, 2] == [recall(cache, **d)[1] for d in (datagram, other)]


def test_direction_matters():
    cache = FragmentCache(WAYS)
    remember(cache, 1, **V4)
    assert UNKNOWN == recall(cache, **V4 | {"src": V4["dst"], "dst": V4["src"]})


def test_versions_are_kept_apart():
    """An IPv6 packet between mapped addresses is not the IPv4 one, even with protocol 0."""
    cache = FragmentCache(WAYS)
    v4 = V4 | {"protocol": 0}
    remember(cache, 1, **v4)
    assert UNKNOWN == recall(cache, **v4 | {"version": 6, "src": v4["src"] | 0xFFFF << 32, "dst": v4["dst"] | 0xFFFF << 32})


def test_next_headers_of_ipv6_fragments_may_differ():
    """RFC 8200 section 4.5: only the one of the first fragment counts, and identification and addresses are the key."""
    cache = FragmentCache()
    remember(cache, 1, **V6)
    assert recall(cache, **V6 | {"protocol": 60})[0]


@pytest.mark.parametrize(("later_ns", "known"), [
    (0, True), (FRAGMENT_LIFETIME_NS, True), (FRAGMENT_LIFETIME_NS + 1, False), (-SECOND, True), (-FRAGMENT_LIFETIME_NS, True),
    (-FRAGMENT_LIFETIME_NS - 1, False), (-START, False), (1 << 62, False)])  # fmt: skip
def test_lifetime(later_ns, known):
    """Known for 15 s, also to packets that are a little earlier; a recording of another time knows nothing of it."""
    cache = FragmentCache()
    remember(cache, 1, **V4)
    assert known == recall(cache, **V4, time_ns=START + later_ns)[0]


def test_identification_used_again():
    """A new first fragment replaces the old one of its key, and the lifetime begins anew."""
    cache = FragmentCache(WAYS)
    remember(cache, 1, **V4, ports=(1, 2))
    later = START + FRAGMENT_LIFETIME_NS
    assert 0 == remember(cache, 6, **V4, time_ns=later)
    assert (True, 6, 0, 0, False) == recall(cache, **V4, time_ns=later + FRAGMENT_LIFETIME_NS)
    assert 1 == np.count_nonzero(cache.table["ip_version"])


def test_the_oldest_gives_way():
    """In a full bucket the oldest living entry goes, and that is told; of equally old ones just one."""
    cache = FragmentCache(WAYS)
    for i, age in enumerate((2, 4, 1, 3)):
        assert 0 == remember(cache, i, **V4 | {"fragment_id": i}, time_ns=START - age * SECOND)
    assert 1 == remember(cache, 9, **V4 | {"fragment_id": 9})
    assert [0, 2, 3, 9] == [i for i in range(10) if recall(cache, **V4 | {"fragment_id": i})[0]]


@pytest.mark.parametrize(("later_ns", "lost"), [(FRAGMENT_LIFETIME_NS, 1), (FRAGMENT_LIFETIME_NS + 1, 0)])
def test_who_has_just_expired_is_no_loss(later_ns, lost):
    """Counted is what was still known to the packet that came."""
    cache = FragmentCache(WAYS)
    for i in range(WAYS):
        remember(cache, i, **V4 | {"fragment_id": i})
    assert lost == remember(cache, 9, **V4, time_ns=START + later_ns)


@pytest.mark.parametrize("jump_ns", [FRAGMENT_LIFETIME_NS + 1, -FRAGMENT_LIFETIME_NS - 1, -START, 1 << 62])
def test_what_has_expired_gives_way_first(jump_ns):
    """Entries that no packet of this time knows are no loss, be they older or (after a jump back) younger than the living ones."""
    cache = FragmentCache(WAYS)
    now = START + jump_ns
    for i, time_ns in enumerate((START, now - SECOND, START, now - SECOND)):
        remember(cache, i, **V4 | {"fragment_id": i}, time_ns=time_ns)
    assert [0, 0, 1] == [remember(cache, i, **V4 | {"fragment_id": i}, time_ns=now) for i in (4, 5, 6)]
    assert 3 == sum(recall(cache, **V4 | {"fragment_id": i}, time_ns=now)[0] for i in (4, 5, 6))


@pytest.mark.parametrize(("name", "shift"), [("fragment_id", 0), *((side, s) for side in ("src", "dst") for s in (0, 32, 64, 96))])
def test_nobody_can_aim_at_a_bucket(name, shift):
    """Datagrams that share a bucket of one cache are spread over those of another, whichever part of the key was chosen."""
    aimed, rng = [], np.random.default_rng(shift)
    one, other = FragmentCache(128), FragmentCache(128)
    for cache in (one, other):
        cache.seed[:] = rng.integers(1 << 64, size=len(cache.seed), dtype=np.uint64)  # the same in every run of this test
    for value in rng.integers(1 << 32, size=4000).tolist():
        datagram = V6 | {name: V6[name] ^ value << shift}
        one.table[:] = np.zeros((), one.table.dtype)
        remember(one, 1, **datagram)
        if one.table["ip_version"][:WAYS].any():
            aimed.append(datagram)
    aimed = aimed[:16]
    one.table[:] = np.zeros((), one.table.dtype)
    assert 16 - WAYS == sum(remember(one, 1, **datagram) for datagram in aimed)
    assert sum(remember(other, 1, **datagram) for datagram in aimed) < 3


@pytest.mark.parametrize("entries", [WAYS, MAX_FRAGMENT_ENTRIES])
def test_smallest_and_largest(entries):
    cache = FragmentCache(entries)
    remember(cache, 1, **V4)
    assert recall(cache, **V4)[0]
    assert (entries,) == cache.table.shape


@pytest.mark.parametrize("entries", [0, 2, 3, 5, 100, -4, 2 * MAX_FRAGMENT_ENTRIES])
def test_impossible_sizes(entries):
    with pytest.raises(ValueError, match=rf"cache of {entries} first fragments: must be a power of two from 4 to 1048576"):
        FragmentCache(entries)
