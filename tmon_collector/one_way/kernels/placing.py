"""Kernel: what observations are about: whose key they have, and which hop of the way they were made at."""

import numpy as np
from numba import njit

NO_HOP = 255
POSITION, POINT = 48, 40
"""Bits of an observation's second word: position << POSITION | point << POINT | definition."""


@njit(cache=True, nogil=True)
def place(definition, point, signature, time_ns, flow_of_definition, reverse, hop_of_point, hops, nat, key, order, words):
    """Fill key and order of the observations that can be placed, and words: (time, position on the way with point and definition).

    definition int32, point uint8, signature uint32, time_ns int64 (n,): of observations
    flow_of_definition int32, reverse uint8 (flows,), hop_of_point uint8: NO_HOP where there is none; hops: how many the class has
    key uint64 (n,): flow (with nat: way) << 32 | signature; order int32 (n,): of which observation
    words int64 (n, 2): by observation
    Returns how many were placed.
    """
    placed = 0
    for i in range(len(definition)):
        which = definition[i]
        if which < 0 or which >= len(flow_of_definition) or point[i] >= len(hop_of_point):
            continue
        flow, hop = flow_of_definition[which], np.int64(hop_of_point[point[i]])
        if flow < 0 or hop == NO_HOP:
            continue
        back = reverse[flow]
        position = hops - 1 - hop if back else hop
        words[i, 0] = time_ns[i]
        words[i, 1] = position << POSITION | np.int64(point[i]) << POINT | np.int64(which)
        key[placed] = (np.uint64(back) if nat else np.uint64(flow)) << np.uint64(32) | np.uint64(signature[i])
        order[placed] = i
        placed += 1
    return placed


@njit(cache=True, nogil=True)
def in_order(words, order):
    """words int64 (n, 2) of the observations in order. A loop that does nothing else, so that the CPU waits for many at once."""
    sorted_words = np.empty((len(order), 2), np.int64)
    for i in range(len(order)):
        o = order[i]
        sorted_words[i, 0], sorted_words[i, 1] = words[o, 0], words[o, 1]
    return sorted_words
