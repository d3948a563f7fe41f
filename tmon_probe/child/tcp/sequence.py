"""Kernels: which octets of sequence space are new, which were seen before, which are missing (RFC 9293 section 3.4).

Numbers here are int64 that count on beyond 2**32; the first one of a direction is 2**32 + its sequence number.
"""

from numba import int64, njit

from tmon_probe.child.tcp.chains import NONE, add_hole, give_back

_LATEST_BEGINNING = 1 << 30
"""Octets after which nothing is expected any more from before the place where a direction was picked up."""
_FARTHEST = 1 << 33
"""Numbers begin at 2**32: beyond, that place is a whole sequence space back, and nothing tells it from a later one."""


@njit(cache=True, nogil=True, _nrt=False)
def place(pool, counts, way, start, end, syn_seen):
    """Octets `start` to `end` (not included) of a direction (layout.WAY): mark them as seen.

    Returns (new ones below the highest seen, seen before, octets of holes given up for want of room). syn_seen: nothing lies below
    its first octet; else, picked up in the middle, earlier octets are new.
    """
    reached = int64(way.next)
    given_up = 0
    if start > reached:
        before = int64(way.holes)
        while before != NONE and pool[before].next != NONE:
            before = int64(pool[before].next)
        given_up, _ = add_hole(pool, counts, way, before, NONE, reached, start - reached)
    way.next = max(reached, end)
    if start >= reached:
        return 0, 0, given_up
    new = 0
    top = min(end, reached)
    if not syn_seen and way.octets < _LATEST_BEGINNING and reached - ((int64(way.isn) + 1) & 0xFFFFFFFF) < _FARTHEST:
        first = reached - ((reached - int64(way.isn) - 1) & 0xFFFFFFFF)
        if start < first:
            new = min(top, first) - start
            if end < first:
                given_up, _ = add_hole(pool, counts, way, NONE, int64(way.holes), end, first - end)
            way.isn = (start - 1) & 0xFFFFFFFF
    before = NONE
    node = int64(way.holes)
    while node != NONE:
        left = int64(pool[node].value)
        right = left + int64(pool[node].key)
        following = int64(pool[node].next)
        if left >= top:
            break
        if right > start:
            lowest = max(left, start)
            highest = min(right, top)
            new += highest - lowest
            if lowest > left:
                pool[node].key = lowest - left
                before = node
                if highest < right:  # split
                    more, _ = add_hole(pool, counts, way, node, following, highest, right - highest)
                    given_up += more
                    break
            elif highest < right:
                pool[node].value = highest
                pool[node].key = right - highest
                break
            else:
                if before == NONE:
                    way.holes = following
                else:
                    pool[before].next = following
                way.hole_count -= 1
                give_back(pool, counts, node)
        else:
            before = node
        node = following
    return new, top - start - new, given_up


@njit(cache=True, nogil=True, _nrt=False)
def missing(pool, way):
    """Octets of the holes of a direction."""
    octets = 0
    node = int64(way.holes)
    while node != NONE:
        octets += int64(pool[node].key)
        node = int64(pool[node].next)
    return octets
