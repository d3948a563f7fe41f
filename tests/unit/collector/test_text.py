"""CSV text of rows, against Python's own formatting."""

import csv
import io
import ipaddress
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.collector.make import gathered
from tmon_collector.csv_text import csv_field, csv_header
from tmon_common.observations import ABSENT, IP_COUNTERS, Column, Kind, Type

KIND = Kind("sample", 0x7000, "", (
    Column("count", Type.INTEGER, ""), Column("when", Type.TIME, ""), Column("who", Type.ADDRESS, ""),
    Column("name", Type.STRING, ""), Column("took", Type.DURATION, ""),
))
INT64 = st.one_of(st.sampled_from([0, 9, 10, -1, 2**63 - 1, -(2**63) + 1, 999_999_999, 1_000_000_000, -999_999_999]),
                  st.integers(-(2**63) + 1, 2**63 - 1))
GROUPS = st.lists(st.one_of(st.just(0), st.integers(0, 0xFFFF)), min_size=8, max_size=8)


def signed_words(address: int) -> tuple[int, int]:
    high, low = address >> 64, address & (2**64 - 1)
    return tuple(w - 2**64 if w >= 2**63 else w for w in (high, low))


def parsed(lines: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(lines.decode(), newline=""), strict=True))


@settings(deadline=None)
@given(st.lists(st.tuples(INT64, INT64, GROUPS, st.text(max_size=8), INT64), min_size=1, max_size=20))
@example([(0, 0, [0, 0, 0, 0, 0, 0xFFFF, 0x0102, 0x0304], 'a "quoted", name\r\nover two lines', 0)])
def test_rows_as_text(rows):
    """Integers, seconds with nine decimals, addresses by RFC 5952 or dotted, strings by RFC 4180."""
    strings = [name for *_, name, _ in rows]
    words, expected = [], []
    for i, (count, when, groups, name, took) in enumerate(rows):
        address = int.from_bytes(b"".join(g.to_bytes(2, "big") for g in groups), "big")
        v6 = ipaddress.IPv6Address(address)
        words.append([count, when, *signed_words(address), i, took])
        expected.append(["probe", "7", str(count), f"{Decimal(when) / 10**9:.9f}", str(v6.ipv4_mapped or v6), name,
                         f"{Decimal(took) / 10**9:.9f}"])
    expected = [[e.replace("-0.000000000", "0.000000000") for e in row] for row in expected]
    assert expected == parsed(gathered(KIND, words, strings))


@pytest.mark.parametrize("address", ["::", "::1", "1::", "2001:db8::1:0:0:1", "2001:db8:0:1:1:1:1:1",
                                     "0:0:1::", "1:0:0:2::", "::2:0:0:3:0:0",
                                     "fe80::1", "::fffe:1.2.3.4", "1.2.3.4", "255.255.255.255", "0.0.0.0"])
def test_addresses(address):
    """Corner cases of RFC 5952 section 4.2: the first of the longest runs, never a single group."""
    parsed_address = ipaddress.ip_address(address)
    number = int(parsed_address) | (0xFFFF << 32 if parsed_address.version == 4 else 0)
    kind = Kind("sample", 0x7000, "", (Column("who", Type.ADDRESS, ""),))
    assert f"probe,7,{parsed_address}\n".encode() == gathered(kind, [signed_words(number)], [])


def test_absent_is_empty():
    assert gathered(KIND, [[ABSENT] * 6], []) == b"probe,7,,,,,\n"


def test_header():
    """probe and run first, then the columns of the declaration."""
    assert csv_header(IP_COUNTERS).startswith(b"probe,run,flow,start,end,packets,packets_rev,octets,octets_rev,")


def test_fields_are_quoted_only_where_needed():
    assert [b"plain", b'"a,b"', b'"say ""hi"""', b'"two\nlines"', "é".encode()] == [
        csv_field(s) for s in ("plain", "a,b", 'say "hi"', "two\nlines", "é")]


def test_widest_values_fit():
    """The buffer is computed from the widest value of each column."""
    row = [-(2**63) + 1, -(2**63) + 1, *signed_words(int(ipaddress.ip_address("1111:" * 7 + "1111"))), 0, -(2**63) + 1]
    lines = gathered(KIND, [row] * 1000, ["x" * 300])
    assert np.unique([len(line) for line in lines.splitlines()]).size == 1
