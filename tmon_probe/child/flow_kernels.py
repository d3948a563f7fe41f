"""Kernels of the flow table: open addressing over exact keys, any number of granular flow definitions in one pass.

A packet touches a slot of the index and the entry of its flow, a cache line each, asked for a block of packets ahead.
"""

import numpy as np
from numba import int64, njit, uint8, uint32, uint64

from tmon_common.kernels.keyed_hash import hash_word
from tmon_common.kernels.prefetch import BLOCK, prefetch
from tmon_common.observations import ABSENT, FLOW_DEFINITION
from tmon_probe import records as r

KEY_WORDS = 6
"""uint64 words of a key: source address (2), destination address (2), ports + interface + VLAN, the rest."""
HASH_WORDS = 2 * KEY_WORDS + 1
"""Random numbers that the hash of a key takes."""
ENTRY = np.dtype([  # a flow: one cache line, so that finding it and saying that it lives touches nothing else
    ("src_hi", "<u8"), ("src_lo", "<u8"), ("dst_hi", "<u8"), ("dst_lo", "<u8"), ("ports", "<u8"), ("rest", "<u8"),  # the key
    ("last_ns", "<i8"),  # time of its last packet
    ("tag", "<u4"),  # upper half of the key's hash
    ("swapped", "<u1"),  # bidirectional: source and destination of the first packet stand in the key the other way round
    ("unused", "<u1", (3,)),
])
assert ENTRY.itemsize == 64

_HAS_PORTS, _LATER = r.HAS_PORTS, r.LATER_FRAGMENT
PORTS_HELD = 1 << 40  # in the last word: the packet had ports
FREE = np.iinfo(np.int64).min
"""`last_ns` of an entry that is no flow."""
_ABSENT = ABSENT
_FLOW, _CLASS, _INTERFACE, _SRC, _DST, _PROTOCOL, _SRC_PORT, _DST_PORT, _BIDIRECTIONAL, _VLAN, _DSCP, _FIRST_SEEN = (
    FLOW_DEFINITION.word_of(c.name) for c in FLOW_DEFINITION.expanded)
_SPEC_SHIFT = uint64(48)  # in the last word: number of the granular flow definition
_HALF, _LOW, _ALL = uint64(32), uint64(0xFFFFFFFF), uint64(0xFFFFFFFFFFFFFFFF)
_BLOCK = BLOCK


@njit(cache=True, nogil=True)
def assign_flows(records, count, start_at, spec_class, spec_masks, spec_later, spec_bidirectional, random, slots, entries, first_ns,
                 free, counters, asked, places, flow, direction):
    """Flow of every record for every granular flow definition whose class it belongs to; unknown ones are entered.

    records         records.PACKET (n,); those from `start_at` to `count` are done
    spec_class      uint64 (specs,): bit of the class of each definition
    spec_masks      uint64 (specs, KEY_WORDS): bits of the key that it holds
    spec_later      uint64 (specs, 2): of later fragments, instead of the last two of these words
    spec_bidirectional  uint8 (specs,): both directions share a flow
    random          uint64 (HASH_WORDS,): key of the hash
    slots           uint64 (power of two,): tag << 32 | flow + 1, or 0; a flow's place follows from the upper bits of its tag
    entries, first_ns   the flows: ENTRY, int64
    free            int32: stack of free flow entries; counters[0] is its height
    asked, places   ENTRY, int64 (BLOCK,): for the block that is being worked at
    flow, direction int32, uint8 (specs, n): filled with the flow (-1: not of this class) and 0 forward, 1 reverse
    Returns the first record not done: `count`, or one for which no entry was left.
    """
    specs = len(spec_class)
    begin = start_at
    while begin < count:
        end = min(begin + _BLOCK, count, begin + counters[0] // specs if specs else count)
        if end <= begin:
            break
        for s in range(specs):
            wanted = _ask(records, begin, end, s, spec_class, spec_masks, spec_later, spec_bidirectional, random, slots, asked,
                          places, flow)
            _look_up(wanted, slots, entries, asked, places)
            _settle(wanted, s, slots, entries, first_ns, free, counters, asked, places, flow, direction)
        begin = end
    return begin


@njit(cache=True, nogil=True)
def _ask(records, begin, end, s, spec_class, spec_masks, spec_later, spec_bidirectional, random, slots, asked, places, flow):
    """First pass over a block, for definition s: keys, and the places where the search begins. Gives how many.

    places is filled with place in slots << 32 | record: both fit.
    """
    shift = _shift(slots)
    wanted = 0
    for i in range(begin, end):
        record = records[i]
        flow[s, i] = -1
        if record.class_mask & spec_class[s] == 0:
            continue
        a = record.src_hi & spec_masks[s, 0]
        b = record.src_lo & spec_masks[s, 1]
        c = record.dst_hi & spec_masks[s, 2]
        d = record.dst_lo & spec_masks[s, 3]
        later = record.flags & _LATER != 0
        ports, others = (spec_later[s, 0], spec_later[s, 1]) if later else (spec_masks[s, 4], spec_masks[s, 5])
        near, far = uint64(record.src_port), uint64(record.dst_port)
        place = (uint64(record.interface) << uint64(16)) | uint64(record.vlan)
        e = ((near << uint64(48)) | (far << _HALF) | place) & ports
        rest = (uint64(record.protocol) << uint64(8)) | uint64(record.tos >> 2)
        if record.flags & _HAS_PORTS:
            rest |= uint64(PORTS_HELD)
        f = (rest & others) | (uint64(s) << _SPEC_SHIFT)
        swap = uint64(0)
        if spec_bidirectional[s]:  # no branches: which way a packet goes cannot be guessed
            other = ((far << uint64(48)) | (near << _HALF) | place) & ports
            swap = uint64((a > c) | ((a == c) & ((b > d) | ((b == d) & (e > other)))))
            both = _ALL * swap
            x, y, z = (a ^ c) & both, (b ^ d) & both, (e ^ other) & both
            a, c, b, d, e = a ^ x, c ^ x, b ^ y, d ^ y, e ^ z
        hashed = (random[12] + hash_word(random[0], random[1], a) + hash_word(random[2], random[3], b)
                  + hash_word(random[4], random[5], c) + hash_word(random[6], random[7], d)
                  + hash_word(random[8], random[9], e) + hash_word(random[10], random[11], f))
        key = asked[wanted]
        key.src_hi, key.src_lo, key.dst_hi, key.dst_lo, key.ports, key.rest = a, b, c, d, e, f
        key.last_ns = record.time_ns
        key.tag = uint32(hashed >> _HALF)
        key.swapped = uint8(swap)
        at = int64(hashed >> shift)
        prefetch(slots, at)
        places[wanted] = (at << 32) | i
        wanted += 1
    return wanted


@njit(cache=True, nogil=True)
def _look_up(wanted, slots, entries, asked, places):
    """Second pass: on to the slot with the tag of the key, or the empty one where the search ends; and the entry is asked for."""
    wrap = len(slots) - 1
    for k in range(wanted):
        tag = uint64(asked[k].tag)
        at = places[k] >> 32
        slot = slots[at]
        while slot != 0 and slot >> _HALF != tag:
            at = (at + 1) & wrap
            slot = slots[at]
        prefetch(entries, int64(slot & _LOW) - 1)
        places[k] = (at << 32) | (places[k] & 0xFFFFFFFF)


@njit(cache=True, nogil=True)
def _settle(wanted, s, slots, entries, first_ns, free, counters, asked, places, flow, direction):
    """Third pass: compare. The search goes on if the tag was another key's, or a packet of the block has taken the empty slot."""
    wrap = len(slots) - 1
    for k in range(wanted):
        key = asked[k]
        at, i = places[k] >> 32, places[k] & 0xFFFFFFFF
        found = int64(-1)
        while slots[at] != 0:
            if slots[at] >> _HALF == uint64(key.tag):
                found = int64(slots[at] & _LOW) - 1
                entry = entries[found]
                if ((entry.src_hi ^ key.src_hi) | (entry.src_lo ^ key.src_lo) | (entry.dst_hi ^ key.dst_hi)
                        | (entry.dst_lo ^ key.dst_lo) | (entry.ports ^ key.ports) | (entry.rest ^ key.rest)) == 0:
                    break
                found = int64(-1)
            at = (at + 1) & wrap
        if found < 0:
            counters[0] -= 1
            found = int64(free[counters[0]])
            slots[at] = (uint64(key.tag) << _HALF) | uint64(found + 1)
            entries[found] = key
            first_ns[found] = key.last_ns
        elif key.last_ns > entries[found].last_ns:
            entries[found].last_ns = key.last_ns
        flow[s, i] = found
        direction[s, i] = key.swapped ^ entries[found].swapped


@njit(cache=True, nogil=True, inline="always")
def _shift(slots):
    """What brings a hash to a place in `slots`."""
    shift, size = uint64(64), len(slots)
    while size > 1:
        shift -= uint64(1)
        size >>= 1
    return shift


@njit(cache=True, nogil=True)
def move_flows(old, slots):
    """Enter every flow of the slots `old` into `slots`, which are empty."""
    wrap, shift = len(slots) - 1, _shift(slots) - _HALF
    for slot in old:
        if slot != 0:
            at = int64((slot >> _HALF) >> shift)
            while slots[at] != 0:
                at = (at + 1) & wrap
            slots[at] = slot


@njit(cache=True, nogil=True)
def remove_flows(numbers, slots, entries):
    """Take flows (int32 numbers of entries) out of `slots`, moving up what had to be entered behind them; they become FREE."""
    wrap, shift = len(slots) - 1, _shift(slots) - _HALF
    for flow in numbers:
        entries[flow].last_ns = FREE
        hole = int64(uint64(entries[flow].tag) >> shift)
        while int64(slots[hole] & _LOW) != flow + 1:
            hole = (hole + 1) & wrap
        at = (hole + 1) & wrap
        while slots[at] != 0:
            home = int64((slots[at] >> _HALF) >> shift)
            if (at - home) & wrap >= (at - hole) & wrap:
                slots[hole] = slots[at]
                hole = at
            at = (at + 1) & wrap
        slots[hole] = 0


@njit(cache=True, nogil=True)
def find_obsolete(entries, obsolescence_ns, now_ns, found):
    """Entries of flows silent for longer than their definition allows (int64 per definition), into `found` (int32); how many."""
    count = 0
    for flow in range(len(entries)):
        entry = entries[flow]
        if entry.last_ns != FREE and now_ns - entry.last_ns > obsolescence_ns[int64(entry.rest >> _SPEC_SHIFT)]:
            found[count] = flow
            count += 1
    return count


@njit(cache=True, nogil=True)
def describe_flows(chosen, entries, first_ns, numbers, spec_class, spec_bidirectional, spec_held, interface_offset, rows):
    """flow_definition rows (int64 (n, words)) of the `chosen` entries (int32).

    The class is the number in spec_class, the interface that of the record, from interface_offset on.
    spec_held   uint8 (definitions, words): whether a word of the row is filled; the others become ABSENT
    Returns the highest interface number seen, -1 if there is none.
    """
    highest = -1
    for i in range(len(chosen)):
        flow = chosen[i]
        entry = entries[flow]
        spec = int64(entry.rest >> _SPEC_SHIFT)
        src, dst = (_DST, _SRC) if entry.swapped else (_SRC, _DST)
        low = int64((entry.ports >> _HALF) & uint64(0xFFFF))
        high = int64(entry.ports >> uint64(48))
        rows[i, _FLOW] = numbers[flow]
        rows[i, _CLASS] = spec_class[spec]
        interface = int64((entry.ports >> uint64(16)) & uint64(0xFFFF))
        highest = max(highest, interface)
        rows[i, _INTERFACE] = interface_offset + interface
        rows[i, src], rows[i, src + 1] = int64(entry.src_hi), int64(entry.src_lo)
        rows[i, dst], rows[i, dst + 1] = int64(entry.dst_hi), int64(entry.dst_lo)
        rows[i, _PROTOCOL] = int64((entry.rest >> uint64(8)) & uint64(0xFF))
        rows[i, _SRC_PORT] = low if entry.swapped else high
        rows[i, _DST_PORT] = high if entry.swapped else low
        rows[i, _BIDIRECTIONAL] = spec_bidirectional[spec]
        rows[i, _VLAN] = int64(entry.ports & uint64(0xFFFF))
        rows[i, _DSCP] = int64(entry.rest & uint64(0x3F))
        rows[i, _FIRST_SEEN] = first_ns[flow]
        for word in range(rows.shape[1]):
            if not spec_held[spec, word]:
                rows[i, word] = _ABSENT
        if not entry.rest & uint64(PORTS_HELD):
            rows[i, _SRC_PORT] = _ABSENT
            rows[i, _DST_PORT] = _ABSENT
    return highest
