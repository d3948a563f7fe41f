"""Kernels: the table that finds a connection by the addresses, ports and place of a packet. Open addressing; both directions of a
connection have the same hash."""

from numba import int64, njit, uint64

from tmon_common.kernels.keyed_hash import hash_word

HASH_WORDS = 5
"""A connection's identity: two addresses of two words, and ports with the place."""
NONE = -1
SKIPPED = -2
"""Of a record that is nobody's."""
_ONES, _SHIFT = uint64(0xFFFFFFFF), uint64(32)


@njit(cache=True, nogil=True, inline="always")
def place_of(record, points):
    """Where the packet was seen, as HEAD.place says it. points: uint16 (256,), see `tmon_probe.child.context.points_of`."""
    interface = int64(record.interface)
    return (interface & 0xFF00 | int64(points[interface & 0xFF])) << 16 | int64(record.vlan)


@njit(cache=True, nogil=True, inline="always")
def hash_of(randoms, place, src_hi, src_lo, dst_hi, dst_lo, src_port, dst_port):
    """32-bit hash of a connection (uint64). randoms: uint64 (2 * HASH_WORDS + 1,). Without branches: directions come at random."""
    higher = (src_hi > dst_hi) | ((src_hi == dst_hi) & ((src_lo > dst_lo) | ((src_lo == dst_lo) & (src_port > dst_port))))
    swap = uint64(0) - uint64(higher)
    other_hi = (src_hi ^ dst_hi) & swap
    other_lo = (src_lo ^ dst_lo) & swap
    ports = (uint64(src_port) ^ uint64(dst_port)) & swap
    low_port = uint64(src_port) ^ ports
    high_port = uint64(dst_port) ^ ports
    hashed = (randoms[10]
              + hash_word(randoms[0], randoms[1], src_hi ^ other_hi) + hash_word(randoms[2], randoms[3], src_lo ^ other_lo)
              + hash_word(randoms[4], randoms[5], dst_hi ^ other_hi) + hash_word(randoms[6], randoms[7], dst_lo ^ other_lo)
              + hash_word(randoms[8], randoms[9], low_port << _SHIFT | high_port << uint64(48) | uint64(place)))
    return hashed >> _SHIFT


@njit(cache=True, nogil=True, inline="always")
def side_of(record, head, place):
    """0: the packet is the client's, 1: the server's, NONE: another connection's. head: layout.HEAD."""
    side = NONE
    if int64(head.place) == place:
        if (record.src_port == head.client_port and record.src_lo == head.client_lo and record.dst_lo == head.server_lo
                and record.dst_port == head.server_port and record.src_hi == head.client_hi and record.dst_hi == head.server_hi):
            side = 0
        elif (record.src_port == head.server_port and record.src_lo == head.server_lo and record.dst_lo == head.client_lo
                and record.dst_port == head.client_port and record.src_hi == head.server_hi and record.dst_hi == head.client_hi):
            side = 1
    return side


@njit(cache=True, nogil=True, _nrt=False)
def find(record, place, hashed, table, heads):
    """(slot, side) of the packet's connection, (NONE, NONE) if it is not known.

    table       uint64 (power of two,): hash << 32 | slot + 1, or 0
    """
    wrap = len(table) - 1
    at = int64(hashed) & wrap
    while table[at] != 0:
        if table[at] >> _SHIFT == hashed:
            slot = int64(table[at] & _ONES) - 1
            side = side_of(record, heads[slot], place)
            if side != NONE:
                return slot, side
        at = (at + 1) & wrap
    return NONE, NONE


@njit(cache=True, nogil=True, _nrt=False)
def enter(slot, hashed, table):
    wrap = len(table) - 1
    at = int64(hashed) & wrap
    while table[at] != 0:
        at = (at + 1) & wrap
    table[at] = hashed << _SHIFT | uint64(slot + 1)


@njit(cache=True, nogil=True, _nrt=False)
def remove(slot, head, randoms, table):
    """Take out a connection that is in the table, moving up what had to be entered behind it."""
    wrap = len(table) - 1
    hashed = hash_of(randoms, int64(head.place), head.client_hi, head.client_lo, head.server_hi, head.server_lo, head.client_port,
                     head.server_port)
    hole = int64(hashed) & wrap
    while int64(table[hole] & _ONES) != slot + 1:
        hole = (hole + 1) & wrap
    at = (hole + 1) & wrap
    while table[at] != 0:
        home = int64(table[at] >> _SHIFT) & wrap
        if (at - home) & wrap >= (at - hole) & wrap:
            table[hole] = table[at]
            hole = at
        at = (at + 1) & wrap
    table[hole] = 0


@njit(cache=True, nogil=True, _nrt=False)
def enter_all(old, table):
    """Enter what is in `old` into a larger, empty table."""
    for word in old:
        if word != 0:
            enter(int64(word & _ONES) - 1, word >> _SHIFT, table)
