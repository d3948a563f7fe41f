"""Values of the configuration: what is written is read back, and nothing that may be written makes a traceback."""

import ipaddress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_common.config.addresses import (
    MAPPED,
    format_address,
    parse_address,
    parse_address_ranges,
    parse_masked_address,
)
from tmon_common.config.default import interface_names
from tmon_common.config.predicates import merge_ranges
from tmon_common.config.quantities import (
    NS_OF,
    OCTETS_OF,
    format_duration,
    parse_count,
    parse_cpus,
    parse_duration,
    parse_file_part,
    parse_moment,
    parse_multiplier,
    parse_name,
    parse_number,
    parse_octets,
    parse_power_of_two,
)

ADDRESSES = st.ip_addresses(v=4) | st.ip_addresses(v=6)


def number(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    return int(address) + (MAPPED if address.version == 4 else 0)


@given(st.integers(0, 10**17))
def test_durations_round_trip(ns):
    """Every number of ns can be written."""
    assert ns == parse_duration(format_duration(ns))


@given(st.integers(0, 50_000), st.sampled_from(list(NS_OF)), st.booleans())
def test_durations(value, unit, blank):
    """Number and unit, with or without a blank between."""
    assert value * NS_OF[unit] == parse_duration(f"{value}{' ' * blank}{unit}")


@given(st.integers(0, 10**6), st.sampled_from(list(OCTETS_OF)))
def test_octets(value, unit):
    """k is 1024, kB is 1000."""
    assert value * OCTETS_OF[unit] == parse_octets(f"{value}{unit}")


@given(st.integers(0, 50))
def test_powers_of_two(exponent):
    """All of them, and only they."""
    assert 1 << exponent == parse_power_of_two(str(1 << exponent), 1, 1 << 62)
    if exponent > 1:
        with pytest.raises(ValueError, match="power of two"):
            parse_power_of_two(str((1 << exponent) - 1), 1, 1 << 62)


@given(st.sets(st.integers(0, 200), min_size=1))
def test_cpus(cpus):
    """As single numbers, and as ranges."""
    assert tuple(sorted(cpus)) == parse_cpus(" ".join(map(str, cpus)))
    low, high = min(cpus), max(cpus)
    assert tuple(range(low, high + 1)) == parse_cpus(f"{low}-{high}")


@given(st.datetimes(), st.integers(-14, 14))
def test_moments(moment, hours):
    """ISO 8601 with any zone."""
    zone = f"{hours:+03d}:00"
    epoch = (moment - type(moment)(1970, 1, 1)).total_seconds() - hours * 3600
    assert abs(parse_moment(moment.isoformat() + zone) / 1e9 - epoch) < 1e-3
    with pytest.raises(ValueError, match="zone"):
        parse_moment(moment.isoformat())


@given(ADDRESSES)
def test_addresses_round_trip(address):
    """Hosts; a mapped IPv6 address is the IPv4 one."""
    parsed = parse_address(str(address))
    assert number(address) == parsed
    assert parsed == parse_address(format_address(parsed))


@given(ADDRESSES, st.integers(0, 128), ADDRESSES)
def test_prefixes(address, length, other):
    """An address is in the ranges of a prefix if, and only if, the standard library says so: IPv4 is never in an IPv6 prefix."""
    network = ipaddress.ip_network((address, min(length, address.max_prefixlen)), strict=False)
    if network.version == 6 and int(network.network_address) >> 32 == MAPPED >> 32:
        return  # a mapped prefix is an IPv4 one
    ranges = parse_address_ranges(str(network))
    for candidate in (address, other, network[0], network[-1]):
        mapped = getattr(candidate, "ipv4_mapped", None)
        expected = candidate in network and mapped is None
        assert expected == any(low <= number(candidate) <= high for low, high in ranges)


@given(ADDRESSES, st.integers(0, 128))
def test_prefixes_with_host_bits(address, length):
    """They are refused, and the message names the right one, which is accepted."""
    length = min(length, address.max_prefixlen)
    network = ipaddress.ip_network((address, length), strict=False)
    if network.network_address == address:
        return
    with pytest.raises(ValueError, match="bits set beyond") as caught:
        parse_address_ranges(f"{address}/{length}")
    assert f"expected {network} " in str(caught.value)
    assert parse_address_ranges(str(network))


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_masked_addresses(value, mask):
    """An IPv4 mask holds all the bits above, so that no IPv6 address satisfies it."""
    value = ipaddress.IPv4Address(int(value) & int(mask))
    parsed, bits = parse_masked_address(f"{value}/{mask}")
    assert parsed & bits == parsed
    assert bits >> 32 & parsed >> 32 == MAPPED >> 32
    assert int(mask) == bits & 0xFFFFFFFF


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda p: (min(p), max(p)))))
def test_merged_ranges(ranges):
    """The same values, ascending, apart from each other."""
    merged = merge_ranges(ranges)
    assert {v for low, high in ranges for v in range(low, high + 1)} == {v for low, high in merged for v in range(low, high + 1)}
    assert all(a[1] + 1 < b[0] for a, b in pairwise(merged))


PARSERS = [
    parse_duration, parse_octets, parse_count, parse_number, parse_cpus, parse_moment, parse_name, parse_file_part,
    lambda t: parse_multiplier(t, 1, 10), lambda t: parse_power_of_two(t, 1, 1 << 20),
    parse_address, parse_address_ranges, parse_masked_address,
]
LIKELY = st.text("0123456789abcdefxskMGiBnumih.:/-+%, T\u0663", max_size=30)


@pytest.mark.parametrize("parse", PARSERS)
@given(st.text() | LIKELY)
def test_any_text(parse, text):
    """A value, or a ValueError with words; no other exception."""
    try:
        parse(text)
    except ValueError as error:
        assert str(error)  # noqa: PT017


@given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=80), min_size=1))
def test_interface_names(files):
    """Whatever the files are called, each gets a possible name of its own."""
    names = interface_names([Path(f) for f in files])
    assert len(files) == len(set(names))
    assert names == [parse_name(n) for n in names]
