"""Bits, and numbers in few of them: kernels of Rice's code with a limited length (as ITU-T T.87 section A.5.3 limits Golomb's).

A number v with parameter k is v >> k times 1, a 0, and the last k bits of v; from QUOTIENTS ones on there is no 0, and v follows
in 64 bits. Bits fill an octet from the lowest one on; so do the bits of a number.
"""

import numpy as np
from numba import njit

QUOTIENTS = 24
MAX_PARAMETER = 40
_ESCAPED_BITS = QUOTIENTS + 64


@njit(cache=True, nogil=True)
def put(out, at, value, bits):
    """Writes the last `bits` (0 to 64) of a uint64 at bit `at` of out (uint8). The rest of the octet becomes 0. Returns the end."""
    while bits > 0:
        shift = at & 7
        taken = min(8 - shift, bits)
        part = np.uint8(value & np.uint64((1 << taken) - 1)) << np.uint8(shift)
        if shift == 0:
            out[at >> 3] = np.uint8(part)
        else:
            out[at >> 3] |= np.uint8(part)
        value >>= np.uint64(taken)
        at += taken
        bits -= taken
    return at


@njit(cache=True, nogil=True)
def get(data, at, bits):
    """`bits` (0 to 64) at bit `at` of data (uint8) as a uint64; the caller has seen to it that they are there."""
    value = np.uint64(0)
    done = 0
    while done < bits:
        shift = at & 7
        taken = min(8 - shift, bits - done)
        part = np.uint64((data[at >> 3] >> shift) & ((1 << taken) - 1))
        value |= part << np.uint64(done)
        at += taken
        done += taken
    return value


@njit(cache=True, nogil=True)
def bits_of(value, parameter):
    """Bits that a uint64 takes."""
    quotient = value >> np.uint64(parameter)
    if quotient >= np.uint64(QUOTIENTS):
        return np.int64(_ESCAPED_BITS)
    return np.int64(quotient) + 1 + parameter


@njit(cache=True, nogil=True)
def best(values, n, base):
    """(parameter, bits) that code values[:n] - base (uint64, modulo 2^64; base a uint64) in the fewest bits, or about so."""
    if n == 0:
        return np.int64(0), np.int64(0)
    total = 0.0
    for i in range(n):
        total += np.float64(values[i] - base)
    mean = total / n
    guess = 0
    while guess < MAX_PARAMETER and mean > np.float64(1 << (guess + 1)):
        guess += 1
    parameter, fewest = np.int64(0), np.int64(-1)
    for k in range(min(guess + 1, MAX_PARAMETER), -1, -1):
        bits = np.int64(0)
        for i in range(n):
            bits += bits_of(values[i] - base, k)
        if fewest >= 0 and bits > fewest:
            break
        parameter, fewest = np.int64(k), bits
    return parameter, fewest


@njit(cache=True, nogil=True)
def write(out, at, value, parameter):
    """Writes a uint64 at bit `at`. Returns the end."""
    quotient = value >> np.uint64(parameter)
    if quotient >= np.uint64(QUOTIENTS):
        at = put(out, at, np.uint64((1 << QUOTIENTS) - 1), QUOTIENTS)
        return put(out, at, value, 64)
    at = put(out, at, (np.uint64(1) << quotient) - np.uint64(1), np.int64(quotient) + 1)
    return put(out, at, value, parameter)


@njit(cache=True, nogil=True)
def read(data, at, end, parameter):
    """Reads a number from bit `at` on, before bit `end`. Returns (uint64, position after it); position -1 when it is cut."""
    quotient = 0
    while quotient < QUOTIENTS:
        if at >= end:
            return np.uint64(0), np.int64(-1)
        bit = (data[at >> 3] >> (at & 7)) & 1
        at += 1
        if bit == 0:
            break
        quotient += 1
    bits = 64 if quotient == QUOTIENTS else parameter
    if end - at < bits:
        return np.uint64(0), np.int64(-1)
    value = get(data, at, bits)
    if quotient < QUOTIENTS:
        value |= np.uint64(quotient) << np.uint64(parameter)
    return value, np.int64(at + bits)
