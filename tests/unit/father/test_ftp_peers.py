"""The cache of FTP session peers: which packets it recognises, for how long, who gives way."""

import numpy as np
import pytest

from tests.unit.father.table_packets import SECOND, START, packet
from tmon_probe.father.ftp_peers import (
    FTP_PEERS_LIFETIME_NS,
    IN_USE,
    MAX_FTP_PEERS_ENTRIES,
    RANDOM,
    REFRESH_NS,
    TAGS,
    WAYS,
    YOUNG_NS,
    FtpPeers,
    recall_peers,
    remember_peers,
)

V4 = {"src": 0x0A000001, "dst": 0x0A000002}
V6 = {"src": 0x20010DB8 << 96 | 0xFFFFFFFF, "dst": 0x20010DB8 << 96 | 1 << 32, "version": 6}
ONE_HALF = {"src": 1 << 64 | 5, "dst": 1 << 64 | 5 | 1 << 63, "version": 6}  # the lower halves decide, as unsigned numbers
BOTH_HALVES = {"src": 1 << 127 | 1, "dst": 1 << 64 | 2, "version": 6}  # the upper halves decide, against the lower ones


def remember(peers: FtpPeers, mask_all: int, mask_boundaries: int, *, row: int = 0, **fields) -> int:
    return remember_peers(peers.words, row, packet(**fields), 0, np.uint64(mask_all), np.uint64(mask_boundaries))


def recall(peers: FtpPeers, **fields) -> tuple[int, int]:
    return recall_peers(peers.words, packet(**fields), 0)[:2]


def fades(peers: FtpPeers, **fields) -> bool:
    return recall_peers(peers.words, packet(**fields), 0)[2]


def between(src: int, dst: int) -> dict:
    return {"src": src, "dst": dst}


def reverse(fields: dict) -> dict:
    return fields | {"src": fields["dst"], "dst": fields["src"]}


@pytest.mark.parametrize("masks", [(1, 0), (0, 1), (6, 9), (1 << 63, 2**64 - 1)])
@pytest.mark.parametrize("pair", [V4, V6, ONE_HALF, BOTH_HALVES], ids=["IPv4", "IPv6", "one half", "both halves"])
def test_both_directions(pair, masks):
    """Whoever sends, now or then: the classes of both kinds are known to packets between the two, whatever their ports."""
    for then in (pair, reverse(pair)):
        peers = FtpPeers(1)
        assert (0, 0) == recall(peers, **pair)
        assert 0 == remember(peers, *masks, **then, ports=(1025, 21))
        for now in (pair, reverse(pair)):
            assert masks == recall(peers, **now, ports=(20, 1026))
        assert 1 == np.count_nonzero(peers.entries["sequence"])


def test_slot_of_the_ring():
    """The packet is the one in the slot that was named."""
    peers = FtpPeers(1)
    ring = np.concatenate([packet(i, 9) for i in range(4)])
    remember_peers(peers.words, 0, ring, 2, np.uint64(5), np.uint64(0))
    assert [0, 0, 5, 0] == [recall_peers(peers.words, ring, slot)[0] for slot in range(4)]


@pytest.mark.parametrize(("pair", "bit"), [
    *((V4, 1 << b) for b in (0, 31)), *((V6, 1 << b) for b in (0, 31, 32, 63, 64, 95, 96, 99, 127))])  # fmt: skip
@pytest.mark.parametrize("side", ["src", "dst"])
@pytest.mark.parametrize("hash_is_blind", [False, True])
def test_other_pairs_are_others(pair, bit, side, hash_is_blind):
    """One bit of one address makes another pair; so it is even if hash and tag are the same for all."""
    peers = FtpPeers(1, WAYS)
    if hash_is_blind:
        peers.words[RANDOM : RANDOM + 9] = 0
    remember(peers, 1, 2, **pair)
    other = pair | {side: pair[side] ^ bit}
    assert (0, 0) == recall(peers, **other)
    remember(peers, 4, 8, **other)
    assert [(1, 2), (4, 8)] == [recall(peers, **p) for p in (pair, other)]


def test_a_host_with_itself():
    """Both addresses may be the same, even all zeros, which is how unused memory looks."""
    peers = FtpPeers(1, WAYS)
    nobody = {"src": 0, "dst": 0, "version": 6}
    assert (0, 0) == recall(peers, **nobody)
    for masks in ((1, 0), (2, 4)):
        remember(peers, *masks, **nobody)
    assert (3, 4) == recall(peers, **nobody)
    assert (0, 0) == recall(peers, **nobody | {"dst": 1})


def test_classes_add_up_while_a_pair_lives():
    """Packets of one session may be of different classes: none is forgotten before the pair is, then all are."""
    peers = FtpPeers(1)
    for masks in ((1, 0), (0, 2), (4, 0), (1, 0)):
        remember(peers, *masks, **V4)
    assert (5, 2) == recall(peers, **V4)
    later = START + FTP_PEERS_LIFETIME_NS + 1
    remember(peers, 8, 0, **V4, time_ns=later)
    assert (8, 0) == recall(peers, **V4, time_ns=later)


def test_no_class_no_entry():
    """A control packet none of whose classes wants data connections takes no room, nor does it keep a pair alive."""
    peers = FtpPeers(1)
    assert 0 == remember(peers, 0, 0, **V4)
    assert 0 == peers.words[IN_USE] == np.count_nonzero(peers.entries["sequence"])
    remember(peers, 1, 0, **V4)
    assert 1 == peers.words[IN_USE]
    remember(peers, 0, 0, **V4, time_ns=START + FTP_PEERS_LIFETIME_NS)
    assert (0, 0) == recall(peers, **V4, time_ns=START + FTP_PEERS_LIFETIME_NS + 1)


@pytest.mark.parametrize(("later_ns", "known"), [
    (0, True), (FTP_PEERS_LIFETIME_NS, True), (FTP_PEERS_LIFETIME_NS + 1, False), (-SECOND, True), (-FTP_PEERS_LIFETIME_NS, True),
    (-FTP_PEERS_LIFETIME_NS - 1, False), (-START, False), (1 << 62, False)])  # fmt: skip
def test_lifetime(later_ns, known):
    """Known for 15 minutes, also to packets of another source that are earlier; not to a recording of another time."""
    peers = FtpPeers(1)
    remember(peers, 1, 0, **V4)
    assert known == (recall(peers, **V4, time_ns=START + later_ns) == (1, 0))


def test_control_packets_keep_a_pair_alive():
    """The lifetime counts from the last control packet, one second more or less; an earlier packet takes nothing away."""
    peers, step = FtpPeers(1), FTP_PEERS_LIFETIME_NS - SECOND
    for i in range(4):
        remember(peers, 1, 0, **V4, time_ns=START + i * step)
        remember(peers, 1, 0, **V4, time_ns=START + i * step - 60 * SECOND)
    last = START + 3 * step
    assert (1, 0) == recall(peers, **V4, time_ns=last + FTP_PEERS_LIFETIME_NS)
    assert (0, 0) == recall(peers, **V4, time_ns=last + FTP_PEERS_LIFETIME_NS + 1)
    assert 2 == peers.entries["sequence"].max()  # the entry was written once


@pytest.mark.parametrize(("later_ns", "fading"), [
    (-FTP_PEERS_LIFETIME_NS, False), (0, False), (YOUNG_NS, False), (YOUNG_NS + 1, True), (FTP_PEERS_LIFETIME_NS, True),
    (FTP_PEERS_LIFETIME_NS + 1, False)])  # fmt: skip
def test_old_entries_fade(later_ns, fading):
    """From half its lifetime on an entry asks to be remembered anew; neither a young one does nor one that is forgotten."""
    peers = FtpPeers(1)
    assert not fades(peers, **V4)
    remember(peers, 1, 2, **V4)
    assert fading == fades(peers, **V4, time_ns=START + later_ns)
    assert not fades(peers, **between(8, 9), time_ns=START + later_ns)


def test_other_packets_keep_a_pair_alive():
    """A transfer in silence of hours: what fades is remembered anew by who sees its packets, in its own row, and goes on."""
    peers, step = FtpPeers(2), 60 * SECOND
    remember(peers, 1, 2, row=0, **V4)
    written = 0
    for i in range(1, 200):
        now = START + i * step
        assert (1, 2) == recall(peers, **reverse(V4), time_ns=now)
        if fades(peers, **reverse(V4), time_ns=now):
            assert 0 == remember(peers, 1, 2, row=1, **reverse(V4), time_ns=now)
            written += 1
            assert not fades(peers, **V4, time_ns=now)
    assert written <= 200 * step // YOUNG_NS
    last = START + 199 * step
    assert (0, 0) == recall(peers, **V4, time_ns=last + FTP_PEERS_LIFETIME_NS + 1)


def test_a_class_that_fades_beside_one_that_does_not():
    """What one father knows may be old while another's knowledge of another class is young: the old is not lost."""
    peers, later = FtpPeers(2), START + YOUNG_NS + SECOND
    remember(peers, 1, 0, row=0, **V4)
    remember(peers, 2, 0, row=1, **V4, time_ns=later)
    assert fades(peers, **V4, time_ns=later)
    remember(peers, *recall(peers, **V4, time_ns=later), row=1, **V4, time_ns=later)
    assert not fades(peers, **V4, time_ns=later)
    assert (3, 0) == recall(peers, **V4, time_ns=later + FTP_PEERS_LIFETIME_NS)


def test_nothing_is_written_more_often_than_once_a_second():
    """A busy control connection leaves the memory that all fathers read alone."""
    peers = FtpPeers(1)
    remember(peers, 1, 0, **V4)
    before = peers.words.tobytes()
    for later_ns in (0, REFRESH_NS // 2, REFRESH_NS, -5 * SECOND):
        remember(peers, 1, 0, **V4, time_ns=START + later_ns)
    assert before == peers.words.tobytes()
    remember(peers, 1, 0, **V4, time_ns=START + REFRESH_NS + 1)
    assert START + REFRESH_NS + 1 == peers.entries["seen_ns"].max()


def test_the_oldest_gives_way():
    """In a full bucket the pair whose last control packet is oldest goes, and that is told; one that has expired is no loss."""
    peers = FtpPeers(1, WAYS)
    for i, age in enumerate((20, 40, 10, 30)):
        assert 0 == remember(peers, i + 1, 0, **between(i, 9), time_ns=START - age * SECOND)
    remember(peers, 2, 0, **between(1, 9))  # is the youngest now
    assert 1 == remember(peers, 5, 0, **between(4, 9))
    assert [1, 2, 3, 0, 5] == [recall(peers, **between(i, 9))[0] for i in range(5)]
    later = START + FTP_PEERS_LIFETIME_NS
    assert [0, 0, 1] == [remember(peers, 1, 0, **between(i, 9), time_ns=later) for i in (5, 6, 7)]


@pytest.mark.parametrize("jump_ns", [FTP_PEERS_LIFETIME_NS + 1, -FTP_PEERS_LIFETIME_NS - 1, -START, 1 << 62])
def test_what_has_expired_gives_way_first(jump_ns):
    """Pairs that no packet of this time knows are no loss, be they older or (after a jump back) younger than the living ones."""
    peers, now = FtpPeers(1, WAYS), START + jump_ns
    for i, time_ns in enumerate((START, now - SECOND, START, now - SECOND)):
        remember(peers, 1, 0, **between(i, 9), time_ns=time_ns)
    assert [0, 0, 1] == [remember(peers, 1, 0, **between(i, 9), time_ns=now) for i in (4, 5, 6)]
    assert [(1, 0)] * 3 == [recall(peers, **between(i, 9), time_ns=now) for i in (4, 5, 6)]


@pytest.mark.parametrize("shift", [0, 32, 64, 96])
@pytest.mark.parametrize("side", ["src", "dst"])
def test_nobody_can_aim_at_a_bucket(side, shift):
    """Pairs that share a bucket of one cache are spread over those of another, whichever part of an address was chosen."""
    far_apart = {"src": 0, "dst": (1 << 128) - 1, "version": 6}
    aimed, rng = [], np.random.default_rng(shift)
    one, other = FtpPeers(1, 128), FtpPeers(1, 128)
    for peers in (one, other):
        peers.words[RANDOM : RANDOM + 9] = rng.integers(-(1 << 63), 1 << 63, 9)  # the same in every run of this test
    for value in rng.integers(1 << 32, size=4000).tolist():
        pair = far_apart | {side: far_apart[side] ^ value << shift}
        one.entries[:] = np.zeros((), one.entries.dtype)
        one.words[TAGS : TAGS + 32] = 0
        remember(one, 1, 0, **pair)
        if one.entries["sequence"][0, :WAYS].any():
            aimed.append(pair)
    aimed = aimed[:16]
    one.words[TAGS : TAGS + 32] = 0
    assert 16 - WAYS == sum(remember(one, 1, 0, **pair) for pair in aimed)
    assert sum(remember(other, 1, 0, **pair) for pair in aimed) < 3


@pytest.mark.parametrize("fathers", [1, 2, 3, 9])
def test_a_row_for_each_father(fathers):
    """A father writes its own row only; all are read, and what several know of a pair is put together."""
    peers = FtpPeers(fathers, 16)
    for row in range(fathers):
        before = peers.entries.copy()
        assert 0 == remember(peers, 1 << row, 0, row=row, **V4)
        assert 0 == remember(peers, 0, 1 << row, row=row, **between(row, row + 1))
        changed = {int(i) for i in np.flatnonzero((before != peers.entries).any(axis=1))}
        assert {row} == changed
    assert ((1 << fathers) - 1, 0) == recall(peers, **V4)
    assert [(0, 1 << row) for row in range(fathers)] == [recall(peers, **between(row + 1, row)) for row in range(fathers)]


def test_an_entry_left_half_written():
    """A father killed while writing leaves an entry that nobody believes; the next one in its row writes it anew."""
    peers = FtpPeers(2, WAYS)
    remember(peers, 1, 0, **V4)
    peers.entries["sequence"][0, 0] += 1
    peers.entries["mask_all"][0, 0] = 0xBAD
    assert (0, 0) == recall(peers, **V4)
    assert 0 == remember(peers, 2, 0, **V4)
    assert (2, 0) == recall(peers, **V4)
    assert 1 == np.count_nonzero(peers.entries["sequence"][0])
    for i in range(3):
        remember(peers, 1, 0, **between(i, 9))
    peers.entries["sequence"][0, 1] += 1
    assert 0 == remember(peers, 1, 0, **between(7, 9))  # in its place
    assert (1, 0) == recall(peers, **between(7, 9))


@pytest.mark.parametrize(("fathers", "entries"), [(1, WAYS), (3, WAYS), (5, 8), (2, MAX_FTP_PEERS_ENTRIES)])
def test_each_entry_is_a_cache_line(fathers, entries):
    peers = FtpPeers(fathers, entries)
    assert (fathers, entries) == peers.entries.shape
    assert 0 == peers.entries.ctypes.data % 64
    for row in range(fathers):
        remember(peers, 1, 0, row=row, **between(row, row))
    assert [(1, 0)] * fathers == [recall(peers, **between(row, row)) for row in range(fathers)]


@pytest.mark.parametrize("entries", [0, 2, 3, 100, -4, 2 * MAX_FTP_PEERS_ENTRIES])
def test_impossible_sizes(entries):
    with pytest.raises(ValueError, match=rf"cache of {entries} FTP peers: must be a power of two from 4 to 262144"):
        FtpPeers(1, entries)
    with pytest.raises(ValueError, match="for 0 fathers"):
        FtpPeers(0)
