"""Log-spaced buckets of times: bucket n holds those above 1.04^(n-1) ns up to 1.04^n ns, so a percentile is known within 2 %.

A bucket is found by comparing whole numbers, so that every machine finds the same one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import int64, njit

RATIO = 1.04
_NUMERATOR, _DENOMINATOR = 26, 25  # the same, exactly
_LARGEST = np.iinfo(np.int64).max


def _upper_bounds() -> np.ndarray:
    bounds, n = [], 0
    while not bounds or bounds[-1] < _LARGEST:
        bounds.append(min(_NUMERATOR**n // _DENOMINATOR**n, _LARGEST))
        n += 1
    return np.array(bounds, np.int64)


UPPER_NS = _upper_bounds()
"""int64: by bucket, the longest time in it, in ns. The first holds 0 and 1, the last everything beyond the one before."""
BUCKETS = len(UPPER_NS)
_PER_BUCKET = 1 / np.log(RATIO)


def bounds_ns(bucket: int) -> tuple[float, float]:
    """(lower bound, not part of the bucket; upper bound), ns. IndexError for what is no bucket."""
    if not 0 <= bucket < BUCKETS:
        raise IndexError(f"bucket {bucket}: expected 0 to {BUCKETS - 1}")
    return RATIO ** (bucket - 1) if bucket else 0.0, RATIO**bucket


def buckets_of(times_ns: np.ndarray) -> np.ndarray:
    """Bucket of each time (int64, ns, not negative)."""
    return np.searchsorted(UPPER_NS, times_ns)


def percentiles_ns(buckets: Sequence[int], counts: Sequence[int], percents: Sequence[float]) -> list[float]:
    """Times below or at which so many percent lie, ns: the middle, on the log scale, of the bucket that holds that one.

    buckets, counts     numbers of buckets, each once, in any order, and how many times are in them. ValueError if there are none.
    """
    order = np.argsort(np.asarray(buckets))
    numbers, sums = np.asarray(buckets)[order], np.cumsum(np.asarray(counts)[order])
    if not len(sums) or sums[-1] <= 0:
        raise ValueError("no percentile of no times")
    ranks = np.maximum(np.ceil(np.asarray(percents) / 100 * sums[-1]), 1)
    return [float(RATIO ** (n - 0.5)) if n else 1.0 for n in numbers[np.searchsorted(sums, ranks)].tolist()]


@njit(cache=True, nogil=True)
def bucket_of(time_ns, upper_ns):
    """The same as `buckets_of` for one time in a kernel; upper_ns: UPPER_NS."""
    if time_ns <= 1:
        return int64(0)
    n = min(int64(np.log(float(time_ns)) * _PER_BUCKET), len(upper_ns) - 1)
    while n > 0 and time_ns <= upper_ns[n - 1]:
        n -= 1
    while time_ns > upper_ns[n]:
        n += 1
    return n
