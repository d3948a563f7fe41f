"""A trend is what goes on, not what happened once."""

import random

import pytest

from tests.soak.trend import MAX_POINTS, second_half, slope


def test_a_straight_line_has_its_slope():
    assert slope([(t, 3.0 * t + 7) for t in range(50)]) == pytest.approx(3.0)


def test_noise_and_spikes_do_not_make_a_trend():
    """A loader that has its database open now and then: twice its memory for a second of five."""
    chance = random.Random(1)
    level = [(t, 1_000_000 + chance.gauss(0, 500) + (900_000 if t % 5 == 0 else 0)) for t in range(600)]
    assert abs(slope(level)) * 600 < 2_000


def test_a_single_step_is_no_trend_but_a_staircase_is():
    one = [(t, 100.0 if t > 10 else 0.0) for t in range(100)]
    stairs = [(t, 100.0 * (t // 10)) for t in range(100)]
    assert slope(one) == 0
    assert slope(stairs) == pytest.approx(10, rel=0.1)


def test_a_leak_under_noise_is_seen_in_long_series():
    """2 KiB/s under noise of 100 KiB, as of an hour with a look every second."""
    chance = random.Random(2)
    leak = [(t, 2_048 * t + chance.gauss(0, 100_000)) for t in range(3_600)]
    assert len(leak) > MAX_POINTS
    assert slope(leak) == pytest.approx(2_048, rel=0.02)


def test_few_points_have_no_trend():
    assert slope([]) == slope([(0, 1)]) == slope([(0, 1), (1, 9)]) == 0


def test_the_second_half_is_by_time():
    points = [(0, 0), (1, 1), (2, 2), (90, 3), (100, 4)]
    assert second_half(points) == [(90, 3), (100, 4)]
    assert second_half([]) == []
