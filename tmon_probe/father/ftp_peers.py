"""Who talks FTP to whom: pairs of addresses with a control connection, so that their data connections are known (seed section 3.6).

One table for all fathers of a probe, in shared memory, without locks: each father writes its own row and reads all rows. All is
in one int64 array, `FtpPeers.words`:

    FATHERS, BUCKETS, ENTRIES_AT    how many rows, how many buckets in a row, where the entries begin
    IN_USE          not 0 once a pair has been remembered
    RANDOM          random words of the hash
    TAGS            (buckets, fathers): a word per bucket and row, 16 bits of the hash per entry, never 0 for one in use
    ENTRIES_AT      (fathers, buckets, WAYS): FTP_PEERS, a cache line each

Whoever looks for a pair reads the tags of its bucket, which say nearly always that it is not there. An entry is written between
two changes of its `sequence` (odd: being written), everything by stores with release order, and read by loads with acquire order
with `sequence` at both ends: what was torn is read again, a few times, and else is not there, as if it had come a moment later.
"""

import mmap

import numpy as np
from numba import int64, njit, uint64

from tmon_common.kernels.fences import load_acquire, store_release
from tmon_common.kernels.keyed_hash import hash_word, random_words

FTP_PEERS = np.dtype([
    ("sequence", "<i8"), ("seen_ns", "<i8"),  # packet time of the last packet that kept it young
    ("low_hi", "<u8"), ("low_lo", "<u8"), ("high_hi", "<u8"), ("high_lo", "<u8"),  # both addresses, the smaller one first
    ("mask_all", "<u8"), ("mask_boundaries", "<u8"),
])
assert FTP_PEERS.itemsize == 64
FTP_PEERS_LIFETIME_NS = 900 * 1_000_000_000
"""A pair is forgotten so long after its last packet."""
YOUNG_NS = FTP_PEERS_LIFETIME_NS // 2
"""Control packets keep a pair young; from this age on, the next packet of any kind does."""
FTP_PEERS_ENTRIES = 1024
MAX_FTP_PEERS_ENTRIES = 1 << 18
REFRESH_NS = 1_000_000_000
WAYS = 4
FATHERS, BUCKETS, ENTRIES_AT, IN_USE, RANDOM, TAGS = 0, 1, 2, 3, 4, 16
_SEQUENCE, _SEEN, _LOW_HI, _LOW_LO, _HIGH_HI, _HIGH_LO, _ALL, _BOUNDARIES, _ENTRY = range(9)
_LIFETIME, _YOUNG, _REFRESH, _WAYS = FTP_PEERS_LIFETIME_NS, YOUNG_NS, REFRESH_NS, WAYS
_FATHERS, _BUCKETS, _ENTRIES_AT, _IN_USE, _R, _TAGS = FATHERS, BUCKETS, ENTRIES_AT, IN_USE, RANDOM, TAGS
_ATTEMPTS = 4
_FREE = np.iinfo(np.int64).max
_EACH, _HIGHEST, _HALF = uint64(0x0001000100010001), uint64(0x8000800080008000), uint64(32)


class FtpPeers:
    """Make it before forking: every process that holds it then sees the same `words` (int64, 1-d).

    entries: pairs that each father may remember, a power of two. Of `fathers` fathers, number i writes row i.
    """

    def __init__(self, fathers: int, entries: int = FTP_PEERS_ENTRIES) -> None:
        if not WAYS <= entries <= MAX_FTP_PEERS_ENTRIES or entries & (entries - 1):
            raise ValueError(f"cache of {entries} FTP peers: must be a power of two from {WAYS} to {MAX_FTP_PEERS_ENTRIES}")
        if fathers < 1:
            raise ValueError(f"cache of FTP peers for {fathers} fathers: there is at least one")
        buckets = entries // WAYS
        entries_at = -(-(TAGS + buckets * fathers) // _ENTRY) * _ENTRY
        memory = mmap.mmap(-1, 8 * (entries_at + fathers * entries * _ENTRY))  # anonymous and shared; goes with its last array
        self.words = np.frombuffer(memory, np.int64)
        self.words[[FATHERS, BUCKETS, ENTRIES_AT]] = fathers, buckets, entries_at
        self.words[RANDOM : RANDOM + 9] = random_words(9).view(np.int64)
        self.entries = self.words[entries_at:].view(FTP_PEERS).reshape(fathers, entries)


@njit(cache=True, nogil=True)
def remember_peers(words, row, ring, slot, mask_all, mask_boundaries):
    """ring[slot] is a packet of an FTP control connection, or one that keeps a pair from being forgotten: of the classes of the
    session, these (uint64) want packets of its data connections.

    mask_all, mask_boundaries    classes that want all of them; those that begin and end a connection
    row     number of the father
    Classes add up while a pair lives. Returns how many living pairs gave way: 0 or 1.
    """
    record = ring[slot]
    low_hi, low_lo, high_hi, high_lo = _in_order(record)
    hashed = _hash(words, low_hi, low_lo, high_hi, high_lo)
    bucket = _bucket(words, hashed)
    tag = _tag(hashed)
    tags_at = _TAGS + bucket * words[_FATHERS] + row
    tags = uint64(words[tags_at])
    start = words[_ENTRIES_AT] + (row * words[_BUCKETS] + bucket) * _WAYS * _ENTRY
    time_ns = record.time_ns
    wanted = mask_all | mask_boundaries != 0
    chosen, age_of_chosen = 0, -_LIFETIME - 1
    for way in range(_WAYS if wanted else 0):
        at = start + way * _ENTRY
        tag_there = (tags >> uint64(16 * way)) & uint64(0xFFFF)
        age = time_ns - words[at + _SEEN]
        # an odd sequence in one's own row: a father before this one was killed while writing
        if tag_there == 0 or words[at + _SEQUENCE] & 1:
            age = _FREE
        elif age < -_LIFETIME:  # of another recording, which was later
            age = -age
        if (tag_there == tag and words[at + _LOW_HI] == int64(low_hi) and words[at + _LOW_LO] == int64(low_lo)
                and words[at + _HIGH_HI] == int64(high_hi) and words[at + _HIGH_LO] == int64(high_lo)):
            if age <= _LIFETIME:
                known_all, known_boundaries = uint64(words[at + _ALL]), uint64(words[at + _BOUNDARIES])
                mask_all |= known_all
                mask_boundaries |= known_boundaries
                time_ns = max(time_ns, words[at + _SEEN])
                if mask_all == known_all and mask_boundaries == known_boundaries:
                    wanted = False
                    if age > _REFRESH:
                        store_release(words, at + _SEEN, time_ns)
            chosen, age_of_chosen = way, _FREE
            break
        if age > age_of_chosen:
            chosen, age_of_chosen = way, age
    if wanted:
        at = start + chosen * _ENTRY
        odd = words[at + _SEQUENCE] | 1
        store_release(words, at + _SEQUENCE, odd)
        store_release(words, at + _SEEN, time_ns)
        store_release(words, at + _LOW_HI, int64(low_hi))
        store_release(words, at + _LOW_LO, int64(low_lo))
        store_release(words, at + _HIGH_HI, int64(high_hi))
        store_release(words, at + _HIGH_LO, int64(high_lo))
        store_release(words, at + _ALL, int64(mask_all))
        store_release(words, at + _BOUNDARIES, int64(mask_boundaries))
        store_release(words, at + _SEQUENCE, odd + 1)
        shift = uint64(16 * chosen)
        store_release(words, tags_at, int64((tags & ~(uint64(0xFFFF) << shift)) | (tag << shift)))
        if words[_IN_USE] == 0:
            store_release(words, _IN_USE, 1)
    return int64(wanted & (age_of_chosen <= _LIFETIME))


@njit(cache=True, nogil=True)
def recall_peers(words, ring, slot):
    """Classes (uint64) of FTP sessions between the two addresses of ring[slot], in either direction, that any father remembers.

    Returns (those that want every packet, those that want packets that begin or end a connection, whether some of these would be
    forgotten soon: the caller then remembers them anew, in its own row); 0, 0, False: there is none.
    While words[IN_USE] is 0 there is none either, and a caller that looks there first saves the call.
    """
    mask_all, mask_boundaries, young_all, young_boundaries = uint64(0), uint64(0), uint64(0), uint64(0)
    record = ring[slot]
    low_hi, low_lo, high_hi, high_lo = _in_order(record)
    hashed = _hash(words, low_hi, low_lo, high_hi, high_lo)
    bucket = _bucket(words, hashed)
    wanted = _tag(hashed) * _EACH
    fathers = words[_FATHERS]
    for row in range(fathers):
        # has one of the four 16-bit numbers the same bits: is one of the differences zero?
        differences = uint64(load_acquire(words, _TAGS + bucket * fathers + row)) ^ wanted
        zeros = (differences - _EACH) & ~differences & _HIGHEST
        if zeros == 0:
            continue
        for way in range(_WAYS):
            if zeros & (uint64(0x8000) << uint64(16 * way)) == 0:
                continue
            at = words[_ENTRIES_AT] + ((row * words[_BUCKETS] + bucket) * _WAYS + way) * _ENTRY
            for _ in range(_ATTEMPTS):
                before = load_acquire(words, at + _SEQUENCE)
                age = record.time_ns - load_acquire(words, at + _SEEN)
                same = (load_acquire(words, at + _LOW_HI) == int64(low_hi) and load_acquire(words, at + _LOW_LO) == int64(low_lo)
                        and load_acquire(words, at + _HIGH_HI) == int64(high_hi)
                        and load_acquire(words, at + _HIGH_LO) == int64(high_lo))
                every = uint64(load_acquire(words, at + _ALL))
                boundaries = uint64(load_acquire(words, at + _BOUNDARIES))
                if before & 1 == 0 and load_acquire(words, at + _SEQUENCE) == before:
                    if same and -_LIFETIME <= age <= _LIFETIME:
                        mask_all |= every
                        mask_boundaries |= boundaries
                        if age <= _YOUNG:
                            young_all |= every
                            young_boundaries |= boundaries
                    break
    return mask_all, mask_boundaries, mask_all != young_all or mask_boundaries != young_boundaries


@njit(cache=True, nogil=True, inline="always")
def _in_order(record):
    """The addresses of the record, the smaller one first."""
    if record.src_hi < record.dst_hi or (record.src_hi == record.dst_hi and record.src_lo <= record.dst_lo):
        return record.src_hi, record.src_lo, record.dst_hi, record.dst_lo
    return record.dst_hi, record.dst_lo, record.src_hi, record.src_lo


@njit(cache=True, nogil=True, inline="always")
def _hash(words, low_hi, low_lo, high_hi, high_lo):
    return (uint64(words[_R])
            + hash_word(uint64(words[_R + 1]), uint64(words[_R + 2]), low_hi)
            + hash_word(uint64(words[_R + 3]), uint64(words[_R + 4]), low_lo)
            + hash_word(uint64(words[_R + 5]), uint64(words[_R + 6]), high_hi)
            + hash_word(uint64(words[_R + 7]), uint64(words[_R + 8]), high_lo))


@njit(cache=True, nogil=True, inline="always")
def _bucket(words, hashed):
    return int64(hashed >> _HALF) & (words[_BUCKETS] - 1)


@njit(cache=True, nogil=True, inline="always")
def _tag(hashed):
    """Bits of the hash that the bucket does not tell, and never 0."""
    return (hashed >> uint64(48)) | uint64(1)
