"""Kernel: the order of 64-bit keys."""

import numpy as np
from numba import njit

DIGIT = 11


@njit(cache=True, nogil=True)
def sort(key, order):
    """Sort by key, stably, digit by digit from the lowest (LSD radix sort): digits in which no two keys differ cost nothing.

    key uint64 (n,), order int32 (n,): what belongs to each key. Both are overwritten. Returns (key, order) sorted.
    """
    many = len(key)
    differ = np.uint64(0)
    for i in range(1, many):
        differ |= key[i] ^ key[0]
    if differ == 0:
        return key, order
    other_key, other_order = np.empty_like(key), np.empty_like(order)
    place = np.empty(1 << DIGIT, np.int64)
    low_bits = np.uint64((1 << DIGIT) - 1)
    shift = np.uint64(0)
    while shift < 64 and differ >> shift != 0:
        while (differ >> shift) & np.uint64(1) == 0:
            shift += np.uint64(1)
        place[:] = 0
        for i in range(many):
            place[(key[i] >> shift) & low_bits] += 1
        total = 0
        for digit in range(1 << DIGIT):
            here = place[digit]
            place[digit] = total
            total += here
        for i in range(many):
            digit = (key[i] >> shift) & low_bits
            to = place[digit]
            place[digit] = to + 1
            other_key[to] = key[i]
            other_order[to] = order[i]
        key, other_key = other_key, key
        order, other_order = other_order, order
        shift += np.uint64(DIGIT)
    return key, order
