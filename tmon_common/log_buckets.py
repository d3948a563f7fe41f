"""Log-spaced buckets of times: bucket n holds those above 1.04^(n-1) ns up to 1.04^n ns, so a percentile is known within 2 %.

Times below zero, which clocks that are apart make of delays, have buckets of their own: -1 - n holds those from -1.04^n ns up to,
but not including, -1.04^(n-1) ns. So numbers of buckets ascend with the times in them.

A bucket is found by comparing whole numbers, so that every machine finds the same one. Kernels: `tmon_common.kernels.log_bucket`.
"""

from __future__ import annotations

import numpy as np

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


def bounds_ns(bucket: int) -> tuple[float, float]:
    """(lower bound, not part of the bucket; upper bound), ns. Below zero the lower bound is part of it, the upper one is not.

    IndexError for what is no bucket.
    """
    if not -BUCKETS <= bucket < BUCKETS:
        raise IndexError(f"bucket {bucket}: expected {-BUCKETS} to {BUCKETS - 1}")
    if bucket < 0:
        low, high = bounds_ns(-1 - bucket)
        return -high, -low
    return RATIO ** (bucket - 1) if bucket else 0.0, RATIO**bucket


def buckets_of(times_ns: np.ndarray) -> np.ndarray:
    """Bucket of each time (int64, ns)."""
    times_ns = np.asarray(times_ns)
    numbers = np.searchsorted(UPPER_NS, np.abs(np.maximum(times_ns, -_LARGEST)))
    return np.where(times_ns < 0, -1 - numbers, numbers)


def middles_ns(buckets: np.ndarray) -> np.ndarray:
    """float64: the middle, on the log scale, of each bucket (int64); of bucket 0, 1 ns."""
    sizes = np.where(buckets < 0, -1 - buckets, buckets)
    return np.where(buckets < 0, -1.0, 1.0) * np.where(sizes > 0, RATIO ** (sizes - 0.5), 1.0)
