"""Kernel of the flow table: exact keys in open addressing."""

import numpy as np
from numba import njit

from tmon_common.kernels.keyed_hash import hash_word

KEY_WORDS = 5
FREE = -1


@njit(cache=True, nogil=True)
def _slot_of(key, random, slots, keys):
    """The slot that holds the key, or the free one where it belongs."""
    number = random[2 * KEY_WORDS]
    for w in range(KEY_WORDS):
        number += hash_word(random[2 * w], random[2 * w + 1], np.uint64(key[w]))
    mask = np.uint64(len(slots) - 1)
    slot = (number >> np.uint64(33)) & mask
    while slots[slot] != FREE:
        entry = slots[slot]
        same = True
        for w in range(KEY_WORDS):
            same = same and keys[entry, w] == key[w]
        if same:
            break
        slot = (slot + np.uint64(1)) & mask
    return slot


@njit(cache=True, nogil=True)
def assign(asked, start, now, random, slots, keys, last_seen, used, entries):
    """Fills entries (int64) for asked (int64 (n, 5)) from `start` on. Gives (first not done, entries used now).

    It stops where a new key finds no room: `keys` (capacity, 5) is full. slots: int32, a power of two, FREE or an entry.
    """
    for i in range(start, len(asked)):
        slot = _slot_of(asked[i], random, slots, keys)
        entry = slots[slot]
        if entry == FREE:
            if used == len(keys):
                return i, used
            entry = used
            for w in range(KEY_WORDS):
                keys[entry, w] = asked[i, w]
            slots[slot] = entry
            used += 1
        last_seen[entry] = now
        entries[i] = entry
    return len(asked), used


@njit(cache=True, nogil=True)
def rebuild(random, slots, keys, used):
    """Fills free slots for the first `used` keys."""
    for entry in range(used):
        slots[_slot_of(keys[entry], random, slots, keys)] = entry
