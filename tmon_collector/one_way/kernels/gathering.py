"""Kernels: rows of packets in their order, and what was found as columns."""

import numpy as np
from numba import njit

from tmon_collector.one_way.kernels.table import COUNTS, EMPTY, FLOW, POINTS, REFERENCE, SIGNATURE, TIMES

ABSENT = np.iinfo(np.int64).min
_BLOCK = 512


@njit(cache=True, nogil=True)
def select(table, rows, before_ns, key, order):
    """Rows that hold a packet whose reference is before `before_ns`: order int32, key uint64: its reference less the earliest one.

    Returns how many, and how many bits flow and reference take.
    """
    chosen = 0
    earliest, latest, flows = np.iinfo(np.int64).max, np.iinfo(np.int64).min, np.int64(0)
    for row in range(rows):
        if table[row, COUNTS] != EMPTY and table[row, REFERENCE] < before_ns:
            order[chosen] = row
            key[chosen] = np.uint64(table[row, REFERENCE])
            earliest, latest = min(earliest, table[row, REFERENCE]), max(latest, table[row, REFERENCE])
            flows |= table[row, FLOW] >> 32
            chosen += 1
    for i in range(chosen):
        key[i] -= np.uint64(earliest)
    flow_bits = time_bits = 0
    while flows >> flow_bits:
        flow_bits += 1
    while chosen and (latest - earliest) >> time_bits:
        time_bits += 1
    return chosen, flow_bits, time_bits


@njit(cache=True, nogil=True)
def flow_keys(table, order, shift, key):
    """Put the flow above the bits of the reference; with shift 0 the flow alone is the key."""
    for i in range(len(order)):
        flow = np.uint64(table[order[i], FLOW] >> 32)
        key[i] = flow << np.uint64(shift) | (key[i] if shift else np.uint64(0))


@njit(cache=True, nogil=True)
def gather(table, order, hops, octets_of, flow, definition, signature, octets, times, points, copies, clash, reverse, reference_ns,
           seen_first):
    """Fill the columns of packets from their rows, and mark flows seen at the first hop of their way.

    octets_of int32: of observations. What lies anywhere in memory is fetched in loops that do nothing else, so that the CPU waits
    for many at once.
    """
    width = TIMES + hops
    block = np.empty((_BLOCK, width), np.int64)
    for start in range(0, len(order), _BLOCK):
        end = min(start + _BLOCK, len(order))
        for i in range(start, end):
            row = order[i]
            for word in range(width):
                block[i - start, word] = table[row, word]
        for i in range(start, end):
            row = i - start
            counts = block[row, COUNTS]
            flow[i] = block[row, FLOW] >> 32
            definition[i] = np.int32(block[row, FLOW] & 0xFFFFFFFF)
            signature[i] = np.uint32(block[row, SIGNATURE] >> 32 & 0xFFFFFFFF)
            octets[i] = np.int32(block[row, SIGNATURE] & 0xFFFFFFFF)  # of which observation, for now
            for h in range(hops):
                times[i, h] = block[row, TIMES + h]
                points[i, h] = block[row, POINTS] >> (8 * h) & 0xFF
            copies[i] = counts >> 2
            reverse[i] = counts >> 1 & 1
            clash[i] = counts & 1
            reference_ns[i] = block[row, REFERENCE]
            if len(seen_first) and times[i, hops - 1 if reverse[i] else 0] != ABSENT:
                seen_first[flow[i]] = 1
        for i in range(start, end):
            octets[i] = octets_of[octets[i]]


@njit(cache=True, nogil=True)
def gather_of_observations(order, seen, definition, last_ns, extras, extra_hops, flow_of_definition, reverse, times, last,
                           seen_first):
    """The same of what stands in observations only: times of last fragments, times of hops without points, flows of later hops.

    Of several observations that tell the time of a hop, the first one on the way counts.
    """
    hops = times.shape[1]
    for i in range(len(order)):
        for position in range(hops):
            o = seen[order[i], position]
            if o < 0:
                continue
            if len(last):
                last[i, hops - 1 - position if reverse[i] else position] = last_ns[o]
            for k in range(len(extra_hops) if len(extras) else 0):
                if times[i, extra_hops[k]] == ABSENT:
                    times[i, extra_hops[k]] = extras[o, k]
            if len(seen_first) and seen[order[i], 0] >= 0:
                seen_first[flow_of_definition[definition[o]]] = 1
