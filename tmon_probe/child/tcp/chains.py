"""Kernels: chains of nodes out of one pool, for segments that wait for an acknowledgement, TSvals that wait for an echo, holes."""

from numba import int64, njit

from tmon_probe.child.tcp import layout

_FREE_NODE, _FREE_NODES, _HOLES_DROPPED, _MAX_HOLES = layout.FREE_NODE, layout.FREE_NODES, layout.HOLES_DROPPED, layout.MAX_HOLES
NONE = -1


@njit(cache=True, nogil=True, inline="always")
def signed(number):
    """The lower 32 bits of an int64 as a signed number: the distance of sequence numbers (RFC 9293 section 3.4)."""
    return ((number + 0x80000000) & 0xFFFFFFFF) - 0x80000000


@njit(cache=True, nogil=True, _nrt=False)
def take(pool, counts):
    """A node (layout.NODE) of the pool, NONE if there is none left."""
    node = counts[_FREE_NODE]
    if node != NONE:
        counts[_FREE_NODE] = int64(pool[node].next)
        counts[_FREE_NODES] -= 1
    return node


@njit(cache=True, nogil=True, _nrt=False)
def give_back(pool, counts, node):
    pool[node].next = counts[_FREE_NODE]
    counts[_FREE_NODE] = node
    counts[_FREE_NODES] += 1


@njit(cache=True, nogil=True, _nrt=False)
def give_back_chain(pool, counts, node):
    while node != NONE:
        following = int64(pool[node].next)
        give_back(pool, counts, node)
        node = following


@njit(cache=True, nogil=True, _nrt=False)
def forget_from(pool, counts, way, start):
    """Segments that wait, from the one with the octet `start` (sequence number) on, can no longer tell a round trip: something at
    or below them passed again or late, so that their acknowledgement may have waited for it (Karn; RFC 6298 section 3)."""
    before = NONE
    node = int64(way.data_head)
    kept = 0
    while node != NONE and signed(int64(pool[node].key) - start) <= 0:
        before = node
        node = int64(pool[node].next)
        kept += 1
    if node == NONE:
        return
    give_back_chain(pool, counts, node)
    way.data_waiting = kept
    way.data_tail = before
    if before == NONE:
        way.data_head = NONE
    else:
        pool[before].next = NONE


@njit(cache=True, nogil=True, _nrt=False)
def add_hole(pool, counts, way, before, after, start, length):
    """A hole between the holes `before` and `after` (nodes or NONE). Returns octets that had to be given up instead, and its
    node."""
    given_up = 0
    if way.hole_count >= _MAX_HOLES:  # the lowest goes
        counts[_HOLES_DROPPED] += 1
        lowest = int64(way.holes)
        given_up = int64(pool[lowest].key)
        way.holes = pool[lowest].next
        way.hole_count -= 1
        if before == lowest:
            before = NONE
        if after == lowest:
            after = int64(pool[lowest].next)
        give_back(pool, counts, lowest)
    node = take(pool, counts)
    if node == NONE:
        counts[_HOLES_DROPPED] += 1
        return given_up + length, NONE
    pool[node].key = length
    pool[node].value = start
    pool[node].next = after
    if before == NONE:
        way.holes = node
    else:
        pool[before].next = node
    way.hole_count += 1
    return given_up, node
