"""Variable-length integers: zigzag (signed to unsigned) and LEB128 (seven bits an octet, least significant first)."""

import numpy as np
from numba import njit

MAX_OCTETS = 10  # of a 64-bit number


@njit(cache=True, nogil=True)
def zigzag(value):
    """int64 -> uint64: 0, -1, 1, -2, ... become 0, 1, 2, 3, ..."""
    return np.uint64((value << np.int64(1)) ^ (value >> np.int64(63)))


@njit(cache=True, nogil=True)
def unzigzag(number):
    """uint64 -> int64, the inverse of `zigzag`."""
    return np.int64(number >> np.uint64(1)) ^ -np.int64(number & np.uint64(1))


@njit(cache=True, nogil=True)
def octets_of(number):
    """Octets that a uint64 takes, 1 to 10."""
    if number < np.uint64(1 << 7):
        return np.int64(1)
    # Comparisons added up instead of a loop: no branch to guess wrong.
    return np.int64(2 + (number >= np.uint64(1 << 14)) + (number >= np.uint64(1 << 21)) + (number >= np.uint64(1 << 28))
                    + (number >= np.uint64(1 << 35)) + (number >= np.uint64(1 << 42)) + (number >= np.uint64(1 << 49))
                    + (number >= np.uint64(1 << 56)) + (number >= np.uint64(1 << 63)))


@njit(cache=True, nogil=True, inline="always")
def write(out, at, number):
    """Writes a uint64 into out (uint8) from `at`, where the caller has seen to `octets_of(number)` octets. Returns the end."""
    while number >= np.uint64(128):
        out[at] = np.uint8(number & np.uint64(127)) | np.uint8(128)
        number >>= np.uint64(7)
        at += 1
    out[at] = np.uint8(number)
    return at + 1


@njit(cache=True, nogil=True)
def read(data, at, end):
    """Reads a uint64 from data[at:end] (uint8). Returns (number, position after it); position -1 when cut or above 64 bits."""
    number = np.uint64(0)
    shift = np.uint64(0)
    for i in range(at, min(end, at + MAX_OCTETS)):
        octet = np.uint64(data[i])
        if shift == np.uint64(63) and octet > np.uint64(1):
            break
        number |= (octet & np.uint64(127)) << shift
        if octet < np.uint64(128):
            return number, np.int64(i + 1)
        shift += np.uint64(7)
    return np.uint64(0), np.int64(-1)
