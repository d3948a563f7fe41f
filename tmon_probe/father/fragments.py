"""What the first fragment of a datagram has told, kept for a moment: later fragments have no transport header to go by.

A bounded table of FIRST_FRAGMENT: buckets of WAYS entries, chosen by a keyed hash; in a full bucket the oldest gives way.
Kernels take the packet in question as a record (records.PACKET) in an array and its index.
"""

import numpy as np
from numba import int64, njit, uint16, uint64

from tmon_common.kernels.keyed_hash import hash_word, random_words
from tmon_probe import records as r

FIRST_FRAGMENT = np.dtype([  # one cache line
    ("src_hi", "<u8"), ("src_lo", "<u8"), ("dst_hi", "<u8"), ("dst_lo", "<u8"),
    ("datagram", "<u8"),  # identification | interface << 32 | vlan << 48
    ("seen_ns", "<i8"),  # packet time
    ("class_mask", "<u8"),
    ("src_port", "<u2"), ("dst_port", "<u2"),
    ("protocol", "u1"),  # of IPv4; 0 with IPv6
    ("ip_version", "u1"),  # 0: a free entry
    ("had_ports", "u1"),
    ("unused", "u1"),
])
assert FIRST_FRAGMENT.itemsize == 64
FRAGMENT_LIFETIME_NS = 15_000_000_000
"""A first fragment is known to packets so much later or, of another source, earlier (RFC 791 section 3.2: 15 s)."""
FRAGMENT_ENTRIES = 4096
MAX_FRAGMENT_ENTRIES = 1 << 20
WAYS = 4

_LIFETIME, _WAYS, _HAS_PORTS, _FREE = FRAGMENT_LIFETIME_NS, WAYS, r.HAS_PORTS, np.iinfo(np.int64).max


class FragmentCache:
    """Of one father. `table`: FIRST_FRAGMENT (entries,); `seed`: uint64 (13,), random."""

    def __init__(self, entries: int = FRAGMENT_ENTRIES) -> None:
        if not WAYS <= entries <= MAX_FRAGMENT_ENTRIES or entries & (entries - 1):
            raise ValueError(f"cache of {entries} first fragments: must be a power of two from {WAYS} to {MAX_FRAGMENT_ENTRIES}")
        self.table = np.zeros(entries, FIRST_FRAGMENT)
        self.seed = random_words(13)


@njit(cache=True, nogil=True)
def remember_first(table, seed, ring, slot, mask):
    """The first fragment ring[slot], of the classes `mask` (uint64), goes into the arrays of FragmentCache.

    An earlier one with its key is replaced. It has the flag MORE_FRAGMENTS: an IPv6 packet that is first and last fragment in one
    stands alone, whatever its identification (RFC 6946). Returns how many living entries gave way: 0 or 1.
    """
    record = ring[slot]
    datagram, protocol = _key(record)
    start = _bucket(seed, record, datagram, protocol, len(table))
    chosen, age_of_chosen = start, -_LIFETIME - 1
    for at in range(start, start + _WAYS):
        entry = table[at]
        age = record.time_ns - entry.seen_ns
        if _is_of(entry, record, datagram, protocol):
            chosen, age_of_chosen = at, _FREE
            break
        if entry.ip_version == 0:
            age = _FREE
        elif age < -_LIFETIME:  # of another recording, which was later
            age = -age
        if age > age_of_chosen:
            chosen, age_of_chosen = at, age
    entry = table[chosen]
    entry.src_hi = record.src_hi
    entry.src_lo = record.src_lo
    entry.dst_hi = record.dst_hi
    entry.dst_lo = record.dst_lo
    entry.datagram = datagram
    entry.seen_ns = record.time_ns
    entry.class_mask = mask
    entry.src_port = record.src_port
    entry.dst_port = record.dst_port
    entry.protocol = protocol
    entry.ip_version = record.ip_version
    entry.had_ports = (record.flags & _HAS_PORTS) != 0
    return int64(age_of_chosen <= _LIFETIME)


@njit(cache=True, nogil=True)
def recall_first(table, seed, ring, slot):
    """What is known of the first fragment of the datagram of the later fragment ring[slot].

    Returns (found, class mask given to `remember_first` (uint64), source and destination port (uint16), whether it had ports).
    """
    record = ring[slot]
    datagram, protocol = _key(record)
    start = _bucket(seed, record, datagram, protocol, len(table))
    found, mask, src_port, dst_port, had_ports = False, uint64(0), uint16(0), uint16(0), False
    for at in range(start, start + _WAYS):
        entry = table[at]
        age = record.time_ns - entry.seen_ns
        if _is_of(entry, record, datagram, protocol) and -_LIFETIME <= age <= _LIFETIME:
            found, mask, had_ports = True, entry.class_mask, entry.had_ports != 0
            src_port, dst_port = entry.src_port, entry.dst_port
    return found, mask, src_port, dst_port, had_ports  # one exit: with two Numba would count references to the arrays


@njit(cache=True, nogil=True, inline="always")
def _key(record):
    """RFC 791 section 3.2 has the protocol in it; RFC 8200 section 4.5 has not: IPv6 fragments may differ in their next header."""
    datagram = uint64(record.fragment_id) | (uint64(record.interface) << uint64(32)) | (uint64(record.vlan) << uint64(48))
    return datagram, record.protocol if record.ip_version == 4 else 0


@njit(cache=True, nogil=True, inline="always")
def _bucket(seed, record, datagram, protocol, entries):
    """Index of the first entry of the bucket."""
    h = (seed[0] + hash_word(seed[1], seed[2], record.src_hi) + hash_word(seed[3], seed[4], record.src_lo)
         + hash_word(seed[5], seed[6], record.dst_hi) + hash_word(seed[7], seed[8], record.dst_lo)
         + hash_word(seed[9], seed[10], datagram) + hash_word(seed[11], seed[12], uint64(protocol)))
    return int64(h >> uint64(32)) & (entries - _WAYS)


@njit(cache=True, nogil=True, inline="always")
def _is_of(entry, record, datagram, protocol):
    return (entry.src_lo == record.src_lo and entry.dst_lo == record.dst_lo and entry.datagram == datagram
            and entry.src_hi == record.src_hi and entry.dst_hi == record.dst_hi
            and entry.protocol == protocol and entry.ip_version == record.ip_version)
