"""The tables that fragments wait in: arrays of a fixed size, handed from kernel to kernel as one tuple.

A context per datagram, found by its exact key. Its octets lie in pages of a common pool; which units of eight octets are there, the
page's words in `covered` tell. Contexts are in one of two lists, OPEN in order of their beginning, DONE in order of their end.
"""

from typing import NamedTuple

import numpy as np

from tmon_common.kernels.keyed_hash import random_words
from tmon_probe.demand import FragmentMasks
from tmon_probe.records import PACKET

LIFETIME_NS = 15_000_000_000
"""A datagram is incomplete when its fragments are not there so long after the first of them (RFC 791 section 3.2: 15 s)."""
LINGER_NS = 100_000_000
"""A datagram is known so long after it was complete: duplicates of its fragments do not begin another."""
MAX_DATAGRAMS = 4096
"""Contexts: datagrams of which fragments wait, and those that linger."""
PAGE = 2048
MAX_PAGES = 8192
"""Pages for the octets of all datagrams together: 16 MiB."""
MAX_HELD = 8192
"""Records of early fragments that wait for the first one of their datagram."""
MAX_IP = 65_535
"""Octets of an IPv4 datagram, or of the payload of an IPv6 packet."""

UNIT = 8
PAGE_WORDS = PAGE // UNIT // 64
DATA_PAGES = (MAX_IP + PAGE) // PAGE
HEADER_PAGE = DATA_PAGES  # its place in the page table: what stands before the payload of the first fragment
MAX_OCTETS = PAGE + MAX_IP
"""Of a datagram, with all its headers."""
BUCKETS = 2 * MAX_DATAGRAMS
KEY_WORDS = 6
NONE = -1

FREE, OPEN, DONE = 0, 1, 2
CONTEXT = np.dtype([
    ("src_hi", "<u8"), ("src_lo", "<u8"), ("dst_hi", "<u8"), ("dst_lo", "<u8"),
    ("place", "<u8"),  # identification | interface << 32 | vlan << 48
    ("started_ns", "<i8"),  # packet time of the fragment that came first
    ("done_ns", "<i8"),  # and of the one that made it complete
    ("oldest_ns", "<i8"), ("newest_ns", "<i8"),  # of all that brought something
    ("covered", "<i4"),  # units there
    ("end", "<i4"),  # of the payload, as far as fragments have reached
    ("total", "<i4"),  # octets of the payload; NONE until the last fragment has come
    ("header", "<i4"),  # octets before the payload of the first fragment; 0: not there
    ("named_at", "<i4"),  # IPv6: where among these stands which header comes after the unfragmentable part
    ("fragments", "<i4"),  # that brought something
    ("bucket", "<i4"), ("next", "<i4"),
    ("older", "<i4"), ("newer", "<i4"),
    ("held_first", "<i4"), ("held_last", "<i4"),
    ("protocol", "u1"),  # of IPv4; 0 with IPv6
    ("ip_version", "u1"),
    ("state", "u1"),
    ("has_first", "u1"),  # its record is in `firsts`
    ("wanted", "u1"),  # some class is known to want it whole
    ("unused", "u1", (3,)),
])

# words of `state`
FREE_CONTEXTS, FREE_PAGES, FREE_HELD = 0, 1, 2  # heights of the stacks
OLDEST, NEWEST = 3, 6  # + OPEN or DONE: ends of the list
REASSEMBLED, INCOMPLETE, UNCLAIMED, EVICTED, DUPLICATE, OVERLAP, MALFORMED, CUT, NOT_HELD = range(9, 18)
STATE_WORDS = 18
EVERY, WHOLE, BY_TRANSPORT = 0, 1, 2
"""Words of `masks`."""
INSERTED, OCTETS = 0, 1
"""Words of `filled`."""


class Tables(NamedTuple):
    """contexts CONTEXT (MAX_DATAGRAMS,); firsts: PACKET, records of their first fragments

    pages       int32 (MAX_DATAGRAMS, DATA_PAGES + 1): the pages of each, NONE where there is none
    pool        uint8 (MAX_PAGES * PAGE,); covered: uint64 (MAX_PAGES, PAGE_WORDS)
    buckets     int32 (BUCKETS,): the first context of each
    held        PACKET (MAX_HELD,); held_next: int32
    free_*      int32: stacks
    state       int64 (STATE_WORDS,); masks: uint64 (3,) of classes; seed: uint64 (2 KEY_WORDS + 1,), random
    """

    contexts: np.ndarray
    firsts: np.ndarray
    pages: np.ndarray
    pool: np.ndarray
    covered: np.ndarray
    buckets: np.ndarray
    held: np.ndarray
    held_next: np.ndarray
    free_contexts: np.ndarray
    free_pages: np.ndarray
    free_held: np.ndarray
    state: np.ndarray
    masks: np.ndarray
    seed: np.ndarray


class Output(NamedTuple):
    """What a call brings forth.

    records, after  PACKET (n,), int32 (n,): records to insert, and the index after which each comes, in order
    dropped         uint8: 1 for each record that is taken out
    octets          uint8 (power of two,): datagrams
    filled          int64 (2,): how many records, and how many octets
    """

    records: np.ndarray
    after: np.ndarray
    dropped: np.ndarray
    octets: np.ndarray
    filled: np.ndarray


def make_tables(masks: FragmentMasks, datagrams: int = MAX_DATAGRAMS, pages: int = MAX_PAGES, held: int = MAX_HELD) -> Tables:
    """Nothing in them. ValueError if two datagrams of the largest size have no room."""
    if datagrams < 2 or pages < 2 * (DATA_PAGES + 1) or held < 1:
        raise ValueError(f"reassembly of {datagrams} datagrams in {pages} pages with {held} records held: too little")
    state = np.zeros(STATE_WORDS, np.int64)
    state[FREE_CONTEXTS], state[FREE_PAGES], state[FREE_HELD] = datagrams, pages, held
    state[OLDEST + OPEN] = state[OLDEST + DONE] = state[NEWEST + OPEN] = state[NEWEST + DONE] = NONE
    return Tables(
        np.zeros(datagrams, CONTEXT), np.zeros(datagrams, PACKET), np.full((datagrams, DATA_PAGES + 1), NONE, np.int32),
        np.zeros(pages * PAGE, np.uint8), np.zeros((pages, PAGE_WORDS), np.uint64), np.full(2 * datagrams, NONE, np.int32),
        np.zeros(held, PACKET), np.full(held, NONE, np.int32),
        *(np.arange(n - 1, -1, -1, dtype=np.int32) for n in (datagrams, pages, held)),
        state, np.array([masks.every, masks.whole, masks.by_transport], np.uint64), random_words(2 * KEY_WORDS + 1))


def make_output(records: int, octets: int) -> Output:
    return Output(np.zeros(records, PACKET), np.zeros(records, np.int32), np.zeros(records, np.uint8), np.zeros(octets, np.uint8),
                  np.zeros(2, np.int64))
