"""Kernels: the packets of a block that the kernel has handed over, found in place, and the block given back."""

import numpy as np
from numba import njit

from tmon_common.kernels.fences import load_acquire_u32, store_release_u32
from tmon_common.kernels.prefetch import LINE_OCTETS, prefetch
from tmon_probe.father.capture.afpacket.if_packet import (
    BLK_LEN,
    BLOCK_HEADER_OCTETS,
    BLOCK_STATUS,
    ETH_P_8021Q,
    NUM_PKTS,
    OFFSET_TO_FIRST_PKT,
    PACKET_HEADER_OCTETS,
    PACKET_OUTGOING,
    SLL_PKTTYPE,
    TP_LEN,
    TP_MAC,
    TP_NEXT_OFFSET,
    TP_NSEC,
    TP_SEC,
    TP_SNAPLEN,
    TP_STATUS,
    TP_STATUS_KERNEL,
    TP_STATUS_USER,
    TP_STATUS_VLAN_TPID_VALID,
    TP_STATUS_VLAN_VALID,
    TP_VLAN_TCI,
    TP_VLAN_TPID,
    V3_ALIGNMENT,
    VLAN_TAG_OCTETS,
)

# where a reader is in the ring
BLOCK = 0  # number of the oldest block that is ours, or will be next
HELD = 1  # blocks that are ours, from that one on; the last of them is read, the others have been
AT = 2  # octet of the ring at which its next packet starts
LEFT = 3  # packets of the block that is read not yet read
UNREADABLE = 4  # packets in all that were not read because their block contradicts itself
PLACES = 5

HOLDABLE = 4
SECOND = 1_000_000_000
ADDRESSES_OCTETS = 12  # the two MAC addresses, in front of a tag
AHEAD_OCTETS = 8192
"""What lies so far ahead is fetched. Each header tells where the next one is, so that a processor cannot look ahead by itself:
the walk took 75 ns a packet without and 31 with it (frames of 420 octets on the average); whoever dissects gains too."""


@njit(cache=True, nogil=True)
def next_packets(octets, halves, words, place, block_octets, snaplen, ethernet, skip_outgoing, offsets, captured, wire, times_ns):
    """The next packets of a ring: those of all blocks that are ready, or as many as the arrays take.

    octets, halves, words   uint8, uint16, uint32: three views of the ring, writable
    place                   int64 (PLACES,), changed; all zeros for a fresh ring
    snaplen                 octets of a frame kept at most, its tag included
    ethernet                tags that the kernel put aside belong into the frames
    skip_outgoing           leave out what this machine sent
    Fills the int64 arrays of a Batch. Returns how many packets; 0 when no block is ready: then none is held either.
    A block is given back by the first call after all its packets were returned; at most a quarter of the ring is held.
    """
    blocks = len(octets) // block_octets
    most = max(blocks // HOLDABLE, 1)
    n = 0
    while n == 0 and blocks:
        while place[HELD] > 1 or (place[HELD] and place[LEFT] == 0):
            store_release_u32(words, (place[BLOCK] * block_octets + BLOCK_STATUS) >> 2, TP_STATUS_KERNEL)
            place[BLOCK] = (place[BLOCK] + 1) % blocks
            place[HELD] -= 1
        while n < len(offsets):
            if place[LEFT] == 0:
                start = (place[BLOCK] + place[HELD]) % blocks * block_octets
                if place[HELD] == most or not load_acquire_u32(words, (start + BLOCK_STATUS) >> 2) & TP_STATUS_USER:
                    break
                place[HELD] += 1
                place[AT] = start + np.int64(words[(start + OFFSET_TO_FIRST_PKT) >> 2])
                place[LEFT] = words[(start + NUM_PKTS) >> 2]
            start = (place[BLOCK] + place[HELD] - 1) % blocks * block_octets
            n += walk_block(octets, halves, words, place, start, block_octets, snaplen, ethernet, skip_outgoing, offsets[n:],
                            captured[n:], wire[n:], times_ns[n:])
        if place[HELD] == 0:
            break
    return n


@njit(cache=True, nogil=True)
def walk_block(octets, halves, words, place, start, block_octets, snaplen, ethernet, skip_outgoing, offsets, captured, wire,
               times_ns):
    """Packets of the block at `start` from place[AT] on. Returns how many were found; see `next_packets`.

    Nothing outside of the block is read or written, whatever stands in it. Where an offset or a length is not possible the walk
    ends, and what was left counts as unreadable (a count beyond what fits into a block is taken for what fits).
    """
    at = place[AT]
    left = place[LEFT]
    end = start + min(np.int64(words[(start + BLK_LEN) >> 2]), block_octets)
    sound = True
    n = 0
    while left > 0 and n < len(offsets):
        if at % V3_ALIGNMENT or at < start + BLOCK_HEADER_OCTETS or at + PACKET_HEADER_OCTETS > end:
            sound = False
            break
        word = at >> 2
        status = words[word + (TP_STATUS >> 2)]
        mac = np.int64(halves[(at + TP_MAC) >> 1])
        size = np.int64(words[word + (TP_SNAPLEN >> 2)])
        room = VLAN_TAG_OCTETS if ethernet else 0
        step = np.int64(words[word + (TP_NEXT_OFFSET >> 2)])
        if mac < PACKET_HEADER_OCTETS + room or at + mac + size > end or (left > 1 and step < mac + size):
            sound = False
            break
        first = at + mac
        for line in range(at, first + size, LINE_OCTETS):
            prefetch(octets, line + AHEAD_OCTETS)
        length = max(np.int64(words[word + (TP_LEN >> 2)]), size)
        if ethernet and status & TP_STATUS_VLAN_VALID and size >= ADDRESSES_OCTETS:
            for i in range(first, first + ADDRESSES_OCTETS):
                octets[i - VLAN_TAG_OCTETS] = octets[i]
            kind = np.int64(halves[(at + TP_VLAN_TPID) >> 1]) if status & TP_STATUS_VLAN_TPID_VALID else ETH_P_8021Q
            tag = np.int64(words[word + (TP_VLAN_TCI >> 2)])
            behind = first + ADDRESSES_OCTETS
            octets[behind - 4] = kind >> 8
            octets[behind - 3] = kind & 0xFF
            octets[behind - 2] = (tag >> 8) & 0xFF
            octets[behind - 1] = tag & 0xFF
            first -= VLAN_TAG_OCTETS
            size += VLAN_TAG_OCTETS
            length += VLAN_TAG_OCTETS
        if not (skip_outgoing and octets[at + SLL_PKTTYPE] == PACKET_OUTGOING):
            offsets[n] = first
            captured[n] = min(size, snaplen)
            wire[n] = length
            times_ns[n] = np.int64(words[word + (TP_SEC >> 2)]) * SECOND + np.int64(words[word + (TP_NSEC >> 2)])
            n += 1
        at += step
        left -= 1
    if not sound:
        place[UNREADABLE] += min(left, block_octets // PACKET_HEADER_OCTETS)
        left = 0
    place[AT] = at
    place[LEFT] = left
    return n
