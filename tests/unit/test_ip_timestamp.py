"""Named cases of the IPv4 Timestamp option, octets by the drawing in RFC 791."""

from ipaddress import IPv4Address

import pytest

from tmon_common.ip_timestamp import Form, Stamp, Timestamps, read

A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
MIDNIGHT, NOON, LAST = bytes(4), (43_200_000).to_bytes(4, "big"), (86_399_999).to_bytes(4, "big")
OTHER = b"\x80\0\0\7"  # not milliseconds since midnight


def header(options: bytes, after: bytes = b"") -> bytes:
    options += bytes(-len(options) % 4)
    return bytes((0x45 + len(options) // 4,)) + bytes(19) + options + after


def option(pointer: int, form: int, *entries: bytes, overflow: int = 0) -> bytes:
    octets = b"".join(entries)
    return bytes((68, 4 + len(octets), pointer, overflow << 4 | form)) + octets


def time(milliseconds: int, address: IPv4Address | None = None, standard: bool = True) -> Stamp:
    return Stamp(address, milliseconds, standard)


CASES = {
    "times": (option(13, 0, NOON, LAST), Timestamps(Form.TIMES, (time(43_200_000), time(86_399_999)), 0)),
    "one of three filled": (option(9, 0, NOON, bytes(4), bytes(4)), Timestamps(Form.TIMES, (time(43_200_000),), 0)),
    "none filled": (option(5, 0, bytes(4)), Timestamps(Form.TIMES, (), 0)),
    "full, and three had no room": (option(9, 0, MIDNIGHT, overflow=3), Timestamps(Form.TIMES, (time(0),), 3)),
    "addresses": (option(21, 1, A.packed, NOON, B.packed, LAST),
                  Timestamps(Form.ADDRESSES_AND_TIMES, (time(43_200_000, A), time(86_399_999, B)), 0)),
    "prespecified, the second not reached": (option(13, 3, A.packed, NOON, B.packed, bytes(4)),
                                             Timestamps(Form.PRESPECIFIED, (time(43_200_000, A),), 0)),
    "no standard time": (option(9, 0, OTHER), Timestamps(Form.TIMES, (time(7, standard=False),), 0)),
    "beyond the day": (option(9, 0, b"\5\x26\x5c\0"), Timestamps(Form.TIMES, (time(86_400_000, standard=False),), 0)),
    "after others": (b"\1\7\7\4\0\0\0\0" + option(9, 0, NOON), Timestamps(Form.TIMES, (time(43_200_000),), 0)),
    "pointer beyond the option": (option(200, 0, NOON), Timestamps(Form.TIMES, (time(43_200_000),), 0)),
    "pointer within an entry": (option(15, 1, A.packed, NOON), Timestamps(Form.ADDRESSES_AND_TIMES, (time(43_200_000, A),), 0)),
    "pointer before the entries": (option(0, 0, NOON), Timestamps(Form.TIMES, (), 0)),
}  # fmt: skip
BROKEN = {
    "no options": b"", "after the end": b"\0\0\0\0" + option(9, 0, NOON), "unknown form": option(9, 2, NOON),
    "longer than the header": b"\x44\x20\5\0", "shorter than itself": b"\x44\3\5\0", "length 0": b"\x44\0\5\0",
    "a lie before": b"\7\1\x44\4\5\0\1\1",
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_read(case):
    octets, expected = CASES[case]
    assert expected == read(header(octets))
    assert expected == read(header(octets, after=b"\xff" * 40))


@pytest.mark.parametrize("case", BROKEN)
def test_broken(case):
    assert read(header(BROKEN[case])) is None


@pytest.mark.parametrize("length", range(20))
def test_cut_header(length):
    assert read(header(option(9, 0, NOON))[:length]) is None


def test_octets_that_were_not_captured():
    """A header cut within the option: the option is longer than what there is, so it is broken."""
    whole = header(option(13, 0, NOON, LAST))
    assert all(read(whole[:length]) is None for length in range(20, len(whole)))
