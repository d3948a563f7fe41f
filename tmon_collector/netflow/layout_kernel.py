"""Kernel that finds the values of records whose fields tell their own lengths (RFC 7011 section 7)."""

import numpy as np
from numba import njit

_VARIABLE = 0xFFFF
_LONG = 255  # first octet of a length of three octets


@njit(cache=True, nogil=True)
def _record(data, at, lengths, row, offsets):
    """Fills offsets[row] with where the values of the record at `at` begin. Returns its end, -1: it does not fit."""
    for f in range(len(lengths)):
        octets = lengths[f]
        if octets == _VARIABLE:
            if at + 1 > len(data):
                return -1
            octets = np.int64(data[at])
            at += 1
            if octets == _LONG:
                if at + 2 > len(data):
                    return -1
                octets = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
                at += 2
        offsets[row, f] = at
        at += octets
        if at > len(data):
            return -1
    return at


@njit(cache=True, nogil=True)
def walk(data, starts, lengths, end):
    """Offsets of the values (int64 (n, fields)) and starts (int64 (n,)) of records.

    data        uint8
    starts      int64: where records begin; with end < 0 the first of a row of them that fills the data, but for padding
    lengths     int64 (fields,), 0xffff: a variable one
    """
    if end >= 0:
        offsets = np.empty((len(starts), len(lengths)), np.int64)
        for r in range(len(starts)):
            _record(data, starts[r], lengths, r, offsets)
        return offsets, starts
    shortest = 0
    for octets in lengths:
        shortest += 1 if octets == _VARIABLE else octets
    found = np.empty(len(data) // max(shortest, 1) + 1, np.int64)
    row = np.empty((1, len(lengths)), np.int64)
    count, at = 0, starts[0]
    while at + shortest <= len(data):
        after = _record(data, at, lengths, 0, row)
        if after < 0:
            break
        found[count] = at
        count += 1
        at = after
    return row[:0], found[:count]
