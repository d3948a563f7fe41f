"""Kernels: sums that stop at the largest number instead of beginning anew, and squares of times."""

import numpy as np
from numba import int64, njit

LARGEST = np.iinfo(np.int64).max
FURTHEST_NS = 1 << 61
"""Differences of times are taken as this, or its negative, beyond it (73 years)."""
_LARGEST, _FURTHEST = LARGEST, FURTHEST_NS
_ROOT_OF_LARGEST = 3_037_000_498  # its square, and a bit more, is still a 64-bit number


@njit(cache=True, nogil=True)
def total(a, b):
    """a + b, int64; the largest number of that sign where that does not fit."""
    if b >= 0:
        return a + b if a <= _LARGEST - b else int64(_LARGEST)
    return a + b if a >= -_LARGEST - b else int64(-_LARGEST)


@njit(cache=True, nogil=True)
def between(earlier_ns, later_ns):
    """later - earlier, int64, within FURTHEST_NS."""
    half = (later_ns >> 1) - (earlier_ns >> 1)
    if half >= _FURTHEST >> 1:
        return int64(_FURTHEST)
    if half <= -(_FURTHEST >> 1):
        return int64(-_FURTHEST)
    return later_ns - earlier_ns


@njit(cache=True, nogil=True)
def square_us(time_ns):
    """Square of a time (int64, ns, of any sign) in us^2, rounded half up; the largest number where that does not fit."""
    time_ns = abs(time_ns)
    us, ns = time_ns // 1000, time_ns % 1000
    if us >= _ROOT_OF_LARGEST:
        return int64(_LARGEST)
    rest = (2 * ns * (us % 1000) * 1000 + ns * ns + 500_000) // 1_000_000
    return total(us * us, 2 * ns * (us // 1000) + rest)
