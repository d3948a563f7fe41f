"""Kernels of the flow table: open addressing over exact keys, any number of granular flow definitions in one pass."""

import numpy as np
from numba import int64, njit, uint8, uint64

from tmon_common.observations import ABSENT, FLOW_DEFINITION
from tmon_probe import records as r

KEY_WORDS = 6
"""uint64 words of a key: source address (2), destination address (2), ports + interface + VLAN, the rest."""

_HAS_PORTS = r.HAS_PORTS
PORTS_HELD = 1 << 40  # in the last word: the packet had ports
FREE = np.iinfo(np.int64).min
"""`last_ns` of an entry that is no flow."""
_ABSENT = ABSENT
_FLOW, _CLASS, _INTERFACE, _SRC, _DST, _PROTOCOL, _SRC_PORT, _DST_PORT, _BIDIRECTIONAL, _VLAN, _DSCP, _FIRST_SEEN = (
    FLOW_DEFINITION.word_of(c.name) for c in FLOW_DEFINITION.expanded)
_SPEC_SHIFT = uint64(48)  # in the last word: number of the granular flow definition
_MULTIPLIER = uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def assign_flows(records, count, start_at, spec_class, spec_masks, spec_bidirectional, seed, slots, keys, hashes, swapped, first_ns,
                 last_ns, free, counters, flow, direction):
    """Flow of every record for every granular flow definition whose class it belongs to; unknown ones are entered.

    records         records.PACKET (n,); those from `start_at` to `count` are done
    spec_class      uint64 (specs,): bit of the class of each definition
    spec_masks      uint64 (specs, KEY_WORDS): bits of the key that it holds
    spec_bidirectional  uint8 (specs,): both directions share a flow
    slots           int32 (power of two,): flow + 1, or 0
    keys, hashes, swapped, first_ns, last_ns    the flows: uint64 (flows, KEY_WORDS), uint64, uint8, int64, int64
    free            int32: stack of free flow entries; counters[0] is its height
    flow, direction int32, uint8 (specs, n): filled with the flow (-1: not of this class) and 0 forward, 1 reverse
    Returns the first record not done: `count`, or one for which no entry was left.
    """
    wrap = len(slots) - 1
    specs = len(spec_class)
    for i in range(start_at, count):
        if counters[0] < specs:
            return i
        record = records[i]
        mask = record.class_mask
        ports = (uint64(record.src_port) << uint64(48)) | (uint64(record.dst_port) << uint64(32))
        ports_reverse = (uint64(record.dst_port) << uint64(48)) | (uint64(record.src_port) << uint64(32))
        place = (uint64(record.interface) << uint64(16)) | uint64(record.vlan)
        rest = (uint64(record.protocol) << uint64(8)) | uint64(record.tos >> 2)
        if record.flags & _HAS_PORTS:
            rest |= uint64(PORTS_HELD)
        for s in range(specs):
            flow[s, i] = -1
            if mask & spec_class[s] == 0:
                continue
            a = record.src_hi & spec_masks[s, 0]
            b = record.src_lo & spec_masks[s, 1]
            c = record.dst_hi & spec_masks[s, 2]
            d = record.dst_lo & spec_masks[s, 3]
            e = (ports | place) & spec_masks[s, 4]
            f = (rest & spec_masks[s, 5]) | (uint64(s) << _SPEC_SHIFT)
            swap = uint8(0)
            if spec_bidirectional[s]:
                other = (ports_reverse | place) & spec_masks[s, 4]
                if a > c or (a == c and (b > d or (b == d and e > other))):
                    swap = uint8(1)
                    a, b, c, d, e = c, d, a, b, other
            hashed = _hash(seed, a, b, c, d, e, f)
            at = int64(hashed) & wrap
            found = -1
            while slots[at] != 0:
                found = slots[at] - 1
                if (hashes[found] == hashed and keys[found, 0] == a and keys[found, 1] == b and keys[found, 2] == c
                        and keys[found, 3] == d and keys[found, 4] == e and keys[found, 5] == f):
                    break
                found = -1
                at = (at + 1) & wrap
            if found < 0:
                counters[0] -= 1
                found = int64(free[counters[0]])
                slots[at] = found + 1
                keys[found, 0] = a
                keys[found, 1] = b
                keys[found, 2] = c
                keys[found, 3] = d
                keys[found, 4] = e
                keys[found, 5] = f
                hashes[found] = hashed
                swapped[found] = swap
                first_ns[found] = record.time_ns
                last_ns[found] = record.time_ns
            elif record.time_ns > last_ns[found]:
                last_ns[found] = record.time_ns
            flow[s, i] = found
            direction[s, i] = swap ^ swapped[found]
    return count


@njit(cache=True, nogil=True, inline="always")
def _hash(seed, a, b, c, d, e, f):
    """64-bit hash of a key: multiply and fold, word by word. The seed keeps others from choosing colliding keys."""
    h = seed
    for word in (a, b, c, d, e, f):
        h = (h ^ word) * _MULTIPLIER
        h ^= h >> uint64(29)
    return h


@njit(cache=True, nogil=True)
def enter_flows(slots, hashes, last_ns):
    """Enter every flow (last_ns is not FREE) into emptied `slots` (int32, power of two)."""
    slots[:] = 0
    wrap = len(slots) - 1
    for flow in range(len(last_ns)):
        if last_ns[flow] != FREE:
            at = int64(hashes[flow]) & wrap
            while slots[at] != 0:
                at = (at + 1) & wrap
            slots[at] = flow + 1


@njit(cache=True, nogil=True)
def remove_flows(entries, slots, hashes, last_ns):
    """Take flows (int32 entries) out of `slots`, moving up what had to be entered behind them; they become FREE."""
    wrap = len(slots) - 1
    for flow in entries:
        last_ns[flow] = FREE
        hole = int64(hashes[flow]) & wrap
        while slots[hole] != flow + 1:
            hole = (hole + 1) & wrap
        at = (hole + 1) & wrap
        while slots[at] != 0:
            home = int64(hashes[slots[at] - 1]) & wrap
            if (at - home) & wrap >= (at - hole) & wrap:
                slots[hole] = slots[at]
                hole = at
            at = (at + 1) & wrap
        slots[hole] = 0


@njit(cache=True, nogil=True)
def find_obsolete(keys, last_ns, obsolescence_ns, now_ns, found):
    """Entries of flows silent for longer than their definition allows (int64 per definition), into `found` (int32); how many."""
    count = 0
    for flow in range(len(last_ns)):
        if last_ns[flow] != FREE and now_ns - last_ns[flow] > obsolescence_ns[int64(keys[flow, 5] >> _SPEC_SHIFT)]:
            found[count] = flow
            count += 1
    return count


@njit(cache=True, nogil=True)
def describe_flows(entries, keys, swapped, first_ns, numbers, spec_class, spec_bidirectional, spec_held, interface_offset, rows):
    """flow_definition rows (int64 (n, words)) of the entries.

    The class is the number in spec_class, the interface that of the record, from interface_offset on.
    spec_held   uint8 (definitions, words): whether a word of the row is filled; the others become ABSENT
    Returns the highest interface number seen, -1 if there is none.
    """
    highest = -1
    for i in range(len(entries)):
        flow = entries[i]
        spec = int64(keys[flow, 5] >> _SPEC_SHIFT)
        first = 2 if swapped[flow] else 0
        ports = keys[flow, 4]
        low = int64((ports >> uint64(32)) & uint64(0xFFFF))
        high = int64(ports >> uint64(48))
        rows[i, _FLOW] = numbers[flow]
        rows[i, _CLASS] = spec_class[spec]
        interface = int64((ports >> uint64(16)) & uint64(0xFFFF))
        highest = max(highest, interface)
        rows[i, _INTERFACE] = interface_offset + interface
        for half in range(2):
            rows[i, _SRC + half] = int64(keys[flow, first + half])
            rows[i, _DST + half] = int64(keys[flow, 2 - first + half])
        rows[i, _PROTOCOL] = int64((keys[flow, 5] >> uint64(8)) & uint64(0xFF))
        rows[i, _SRC_PORT] = low if first else high
        rows[i, _DST_PORT] = high if first else low
        rows[i, _BIDIRECTIONAL] = spec_bidirectional[spec]
        rows[i, _VLAN] = int64(ports & uint64(0xFFFF))
        rows[i, _DSCP] = int64(keys[flow, 5] & uint64(0x3F))
        rows[i, _FIRST_SEEN] = first_ns[flow]
        for word in range(rows.shape[1]):
            if not spec_held[spec, word]:
                rows[i, word] = _ABSENT
        if not keys[flow, 5] & uint64(PORTS_HELD):
            rows[i, _SRC_PORT] = _ABSENT
            rows[i, _DST_PORT] = _ABSENT
    return highest
