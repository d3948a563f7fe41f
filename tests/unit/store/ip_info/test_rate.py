"""The token bucket on made-up clocks."""

from hypothesis import given
from hypothesis import strategies as st

from tmon_store.ip_info.rate import TokenBucket


@given(st.floats(0.5, 1000), st.integers(1, 20), st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_never_faster_than_allowed(rate, burst, steps):
    """Within any stretch of T seconds at most rate * T + burst tokens are used; nobody waits while there is one."""
    bucket, now, used = TokenBucket(rate, burst), 0.0, []
    for step in steps:
        now += step
        used.append(now + bucket.reserve(now))
    for i in range(len(used)):
        for j in range(i, len(used)):
            assert j - i + 1 <= rate * (used[j] - used[i]) + burst + 1e-6
    assert used == sorted(used)


def test_at_its_rate():
    """Ten at once at two a second, then a pause: one each half second, and no credit for the pause beyond the burst."""
    bucket = TokenBucket(2, 1)
    assert [i / 2 for i in range(10)] == [bucket.reserve(0.0) for _ in range(10)]
    assert [0.0, 0.5] == [bucket.reserve(100.0) for _ in range(2)]


def test_a_burst():
    """So many go at once."""
    bucket = TokenBucket(10, 3)
    assert [0.0, 0.0, 0.0] == [bucket.reserve(5.0) for _ in range(3)]
    assert 0 < bucket.reserve(5.0) <= 0.1 + 1e-9
