"""What may be asked of a link, and what is refused."""

import pytest

from tests.linkemu.impairment import Direction, Impairment, bit_rate, duration_ns


def test_directions_are_each_others_reverse():
    assert Direction.WEST_TO_EAST.reverse is Direction.EAST_TO_WEST
    assert Direction.EAST_TO_WEST.reverse is Direction.WEST_TO_EAST


@pytest.mark.parametrize(
    "wrong", [{"loss": 1.1}, {"loss": -0.1}, {"duplicate": 2}, {"delay_ns": -1}, {"rate_bps": -8}, {"queue_octets": -1}]
)
def test_impossible_values_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Impairment(**wrong)


@pytest.mark.parametrize(("text", "expected"), [("20ms", 20_000_000), ("150us", 150_000), ("1.5s", 1_500_000_000), ("300ns", 300)])
def test_durations_carry_their_unit(text, expected):
    assert expected == duration_ns(text)


@pytest.mark.parametrize("text", ["20", "", "ms", "20 parsecs"])
def test_a_duration_without_unit_or_number_is_refused(text):
    with pytest.raises(ValueError, match=r"unit|float"):
        duration_ns(text)


@pytest.mark.parametrize(("text", "expected"), [("512k", 512_000), ("2M", 2_000_000), ("1G", 10**9), ("9600", 9600)])
def test_bit_rates_use_powers_of_ten(text, expected):
    assert expected == bit_rate(text)
