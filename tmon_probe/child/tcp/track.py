"""Kernels: the segments of a batch into the connections they belong to.

In blocks, each in passes, so that what lies far away is on its way before it is needed: hashes and places in the table, then the
connections found there, then what waits in their chains, then all that a segment changes.
"""

import numpy as np
from numba import int64, njit, uint64

from tmon_common.kernels.prefetch import LINE_OCTETS, prefetch
from tmon_probe import records as r
from tmon_probe.child.tcp import layout
from tmon_probe.child.tcp.boundary import BOUNDARY, WANT_TIMESTAMPS
from tmon_probe.child.tcp.chains import NONE
from tmon_probe.child.tcp.table import SKIPPED, hash_of, place_of, side_of
from tmon_probe.child.tcp.timing import time_data, time_echoes
from tmon_probe.child.tcp.update import BY_CLASS_BOUNDARIES, FOLLOW_FTP_DATA, update

BLOCK = 64
"""Records in a block: what was fetched for them must still be near when it is used."""
_HEAD_OCTETS, _WAY_OCTETS, _NODE_OCTETS = layout.HEAD.itemsize, layout.WAY.itemsize, layout.NODE.itemsize
_ENTRY_OCTETS = 8
_HAS_TCP, _TCP, _FRAGMENT, _PART = r.HAS_TCP, r.HAS_TCP | r.QUOTED, r.FRAGMENT, r.FRAGMENT | r.REASSEMBLED
_FTP_PEERS = r.FTP_PEERS


@njit(cache=True, nogil=True)
def track(records, first, count, class_bit, mode, want, points, randoms, table, table_octets, heads, head_octets, ways, way_octets,
          rests, pool,
          pool_octets, free, counts, of_record, from_server, opened, opened_by, ended, samples):
    """Bring connections up to date with records[first:count] (records.PACKET).

    class_bit       uint64: that of the class in the masks of records
    mode, want      int64: see tmon_probe.child.tcp.update.BY_CLASS_BOUNDARIES, tmon_probe.child.tcp.boundary.WANT_SERVER
    points          uint16 (256,): observation point of each interface
    randoms, table  see tmon_probe.child.tcp.table
    heads, ways, rests, pool    layout.HEAD (n,), WAY (2 n,), REST (n,), NODE (m,)
    *_octets        the same memory as uint8
    free            int32 (n,): stack of free slots; there must be one for each record
    counts          int64 (layout.COUNTS,)
    of_record, from_server      int32, uint8: slot of each record, NONE if it is nobody's, and 1 if the server sent it
    opened, opened_by, ended    int32, int64, int32: slots begun, the record that began each, slots ended by another connection
    samples         SAMPLE, four for each record
    """
    hashes = np.empty(BLOCK, np.uint64)
    slots = np.empty(BLOCK, np.int64)
    ends = np.empty(BLOCK, np.int64)
    voids = np.empty(BLOCK, np.int64)
    acks = np.empty(BLOCK, np.int64)
    for start in range(first, count, BLOCK):
        stop = min(start + BLOCK, count)
        _locate(records, start, stop, class_bit, mode, want & WANT_TIMESTAMPS, points, randoms, table, table_octets, heads,
                head_octets, ways, way_octets, pool_octets, hashes, slots, from_server)
        update(records, start, stop, class_bit, mode, points, randoms, table, heads, ways, rests, pool, free, counts, hashes,
               slots, of_record, from_server, opened, opened_by, ended, samples, want, ends, voids, acks)
        time_data(records, start, stop, slots, from_server, ends, voids, acks, want, heads, ways, pool, counts, samples)
        if want & WANT_TIMESTAMPS:
            time_echoes(records, start, stop, slots, from_server, heads, ways, pool, counts, samples)


@njit(cache=True, nogil=True, _nrt=False)
def _locate(records, start, stop, class_bit, mode, timestamps, points, randoms, table, table_octets, heads,  # noqa: C901 three passes
            head_octets, ways, way_octets, pool_octets, hashes, slots, from_server):
    """slots: SKIPPED, NONE if it must be searched, or the slot; then from_server is right too."""
    wrap = len(table) - 1
    for i in range(start, stop):
        record = records[i]
        flags = record.flags
        slots[i - start] = SKIPPED
        if flags & _TCP != _HAS_TCP or flags & _PART == _FRAGMENT:
            continue
        if record.class_mask & class_bit == 0 and not (
                mode & FOLLOW_FTP_DATA and flags & _FTP_PEERS and record.ftp_mask & class_bit != 0):
            continue
        if mode & BY_CLASS_BOUNDARIES and not record.tcp_flags & BOUNDARY:
            continue
        hashed = hash_of(randoms, place_of(record, points), record.src_hi, record.src_lo, record.dst_hi, record.dst_lo,
                         record.src_port, record.dst_port)
        hashes[i - start] = hashed
        slots[i - start] = NONE
        prefetch(table_octets, (int64(hashed) & wrap) * _ENTRY_OCTETS)
    for j in range(stop - start):
        if slots[j] == SKIPPED:
            continue
        hashed = hashes[j]
        at = int64(hashed) & wrap
        while table[at] != 0:
            if table[at] >> uint64(32) == hashed:
                slot = int64(table[at] & uint64(0xFFFFFFFF)) - 1
                slots[j] = slot
                prefetch(head_octets, slot * _HEAD_OCTETS)
                prefetch(way_octets, 2 * slot * _WAY_OCTETS)
                prefetch(way_octets, (2 * slot + 1) * _WAY_OCTETS)
                break
            at = (at + 1) & wrap
    for i in range(start, stop):
        slot = slots[i - start]
        if slot < 0:
            continue
        record = records[i]
        side = side_of(record, heads[slot], place_of(record, points))
        if side == NONE:
            slots[i - start] = NONE
            continue
        from_server[i] = side
        if int64(record.tcp_ack) == int64(ways[2 * slot + side].ack) and not timestamps:
            continue  # it acknowledges nothing: what the other side sent stays as it is
        other = 2 * slot + 1 - side
        prefetch(way_octets, other * _WAY_OCTETS + LINE_OCTETS)
        way = ways[other]
        if way.data_head != NONE:
            prefetch(pool_octets, int64(way.data_head) * _NODE_OCTETS)
        if timestamps and way.ts_head != NONE:
            prefetch(pool_octets, int64(way.ts_head) * _NODE_OCTETS)
