"""Log-spaced buckets: each time is in the bucket that its definition says, and its middle is within two percent of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.round_trip_twins import bucket_of as exact_bucket_of
from tmon_common.kernels.log_bucket import bucket_of
from tmon_common.log_buckets import BUCKETS, UPPER_NS, bounds_ns, buckets_of, middles_ns

LARGEST = 2**63 - 1
around_bounds = st.builds(lambda n, d: min(max(int(UPPER_NS[n]) + d, 0), LARGEST), st.integers(0, BUCKETS - 1), st.integers(-2, 2))


@given(st.one_of(st.integers(0, 100), st.integers(0, LARGEST), around_bounds))
def test_bucket_is_that_of_exact_fractions(time_ns):
    """Kernel and numpy agree with fractions: above 1.04^(n-1), up to 1.04^n; 0 and 1 in bucket 0."""
    expected = min(exact_bucket_of(time_ns), BUCKETS - 1)
    assert expected == bucket_of(time_ns, UPPER_NS) == buckets_of(np.array([time_ns]))[0]
    low, high = bounds_ns(expected)
    assert low * (1 - 1e-12) <= time_ns or time_ns <= 1
    assert time_ns <= high * (1 + 1e-12)


@given(st.lists(st.integers(-10**12, 10**12).filter(lambda t: abs(t) > 1), min_size=1, max_size=50))
def test_times_below_zero(times):
    """Buckets ascend with the times, each time is within the bounds of its bucket and within 2 % of its middle."""
    times.sort()
    found = buckets_of(np.array(times))
    assert sorted(found.tolist()) == found.tolist()
    for time_ns, bucket in zip(times, found.tolist(), strict=True):
        low, high = bounds_ns(bucket)
        assert (low <= time_ns < high) if time_ns < 0 else (low < time_ns <= high)
        assert exact_bucket_of(abs(time_ns)) == (bucket if time_ns > 0 else -1 - bucket)
    assert times == pytest.approx(middles_ns(found).tolist(), rel=0.02)


def test_bounds_of_no_bucket():
    for n in (-1 - BUCKETS, BUCKETS):
        with pytest.raises(IndexError, match="expected -"):
            bounds_ns(n)
