"""Finds the log-spaced bucket of a time, see tmon_common.log_buckets."""

from math import log

import numpy as np
from numba import int64, njit

_PER_BUCKET = 1 / log(1.04)


@njit(cache=True, nogil=True)
def bucket_of(time_ns, upper_ns):
    """Number of the bucket (int64) of a time in ns (int64, not negative). upper_ns: int64, the longest time of each bucket."""
    if time_ns <= 1:
        return int64(0)
    n = min(int64(np.log(float(time_ns)) * _PER_BUCKET), len(upper_ns) - 1)  # at most one off
    while n > 0 and time_ns <= upper_ns[n - 1]:
        n -= 1
    while time_ns > upper_ns[n]:
        n += 1
    return n
