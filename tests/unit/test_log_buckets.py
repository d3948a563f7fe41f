"""Log-spaced buckets: each time is in the bucket that its definition says, and percentiles are within two percent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.round_trip_twins import bucket_of as exact_bucket_of
from tmon_common.kernels.log_bucket import bucket_of
from tmon_common.log_buckets import BUCKETS, UPPER_NS, bounds_ns, buckets_of, percentiles_ns

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


@given(st.lists(st.integers(2, 10**12), min_size=1, max_size=200), st.lists(st.floats(0, 100), min_size=1, max_size=4))
def test_percentiles_within_two_percent(times, percents):
    """Against the sorted times: the nearest-rank percentile, at most 2 % off."""
    numbers, counts = np.unique(buckets_of(np.array(times)), return_counts=True)
    backwards = np.arange(len(numbers))[::-1]
    found = percentiles_ns(numbers[backwards], counts[backwards], percents)
    times.sort()
    for percent, value in zip(percents, found, strict=True):
        rank = max(int(np.ceil(np.float64(percent) / 100 * len(times))), 1)
        assert times[rank - 1] == pytest.approx(value, rel=0.02)


@given(st.lists(st.integers(-10**12, 10**12).filter(lambda t: abs(t) > 1), min_size=1, max_size=50), st.floats(0, 100))
def test_times_below_zero(times, percent):
    """Buckets ascend with the times, each time is within the bounds of its bucket, percentiles are within 2 %."""
    times.sort()
    found = buckets_of(np.array(times))
    assert sorted(found.tolist()) == found.tolist()
    for time_ns, bucket in zip(times, found.tolist(), strict=True):
        low, high = bounds_ns(bucket)
        assert (low <= time_ns < high) if time_ns < 0 else (low < time_ns <= high)
        assert exact_bucket_of(abs(time_ns)) == (bucket if time_ns > 0 else -1 - bucket)
    numbers, counts = np.unique(found, return_counts=True)
    rank = max(int(np.ceil(np.float64(percent) / 100 * len(times))), 1)
    assert [times[rank - 1]] == pytest.approx(percentiles_ns(numbers, counts, [percent]), rel=0.02)


def test_no_percentile_of_nothing():
    with pytest.raises(ValueError, match="no times"):
        percentiles_ns([], [], [50])
    with pytest.raises(ValueError, match="no times"):
        percentiles_ns([4], [0], [50])


def test_bounds_of_no_bucket():
    for n in (-1 - BUCKETS, BUCKETS):
        with pytest.raises(IndexError, match="expected -"):
            bounds_ns(n)
