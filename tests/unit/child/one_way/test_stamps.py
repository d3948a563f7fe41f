"""Times that stand in packets: the kernels against the slow reader of the option, the calendar, and exact fractions."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from ipaddress import IPv4Address

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.test_ip_timestamp import BROKEN, CASES, LAST, MIDNIGHT, NOON, A, B, header, option
from tmon_common import ip_timestamp
from tmon_common.observations import ABSENT
from tmon_probe.child.one_way.stamps import FAR_NS, NTP_PLACES, ODD, ntp_time, option_time

DAY_NS = 86_400 * 10**9
NOON_NS = 19_000 * DAY_NS + DAY_NS // 2
NTP_EPOCH, UNIX_EPOCH = datetime(1900, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)


def read(octets: bytes, entry: int = 0, address: int = 0, time_ns: int = NOON_NS, before: bytes = b"") -> int:
    data = np.frombuffer(before + octets + b"\x44\x0c\x0d\0" * 4, np.uint8).reshape(1, -1)  # behind it lies what looks like one
    return option_time(data, 0, len(before), len(before) + len(octets), entry, address, time_ns)


def expected(octets: bytes, entry: int, address: int, time_ns: int) -> int:
    """By the slow reader; of the three days around, the nearest."""
    found = ip_timestamp.read(octets)
    stamps = found.stamps if found else ()
    named = [s for s in stamps if s.address is not None and int(s.address) == address][:1]
    stamps = stamps[entry - 1 : entry] if entry else named
    if not stamps:
        return ABSENT
    if not stamps[0].standard:
        return ODD
    midnight = time_ns - time_ns % DAY_NS
    return min((midnight + day * DAY_NS + stamps[0].milliseconds * 10**6 for day in (-1, 0, 1)), key=lambda t: abs(t - time_ns))


@pytest.mark.parametrize("name", [*CASES, *BROKEN])
def test_entries_are_those_of_the_slow_reader(name):
    """Every entry, and both addresses, of each named case, wherever the header lies."""
    octets = header(CASES[name][0] if name in CASES else BROKEN[name], b"after")
    for entry, address in [*((n, 0) for n in range(1, 10)), (0, int(A)), (0, int(B))]:
        assert expected(octets, entry, address, NOON_NS) == read(octets, entry, address, before=b"\7" * 5)


@given(st.binary(max_size=40), st.integers(0, 9), st.integers(0, DAY_NS * 20_000))
@example(b"\x44\x0c\x0d\x01\0\0\0\0\0\0\0\1", 0, 0)
@example(b"\x44\x28\x29\0" + bytes(36), 9, 0)
def test_any_options(octets, entry, time_ns):
    """Options of any octets, some of them ours in front, at any time of the day: as the slow reader says."""
    for text in (octets, b"\x44" + octets, b"\x44\x0c\x0d\1" + octets, b"\1\x44\x24\x25\0" + octets):
        options = text[:40] + bytes(-len(text[:40]) % 4)
        found = read(header(options), entry, 0, time_ns)
        wanted = expected(header(options), entry, 0, time_ns)
        assert wanted == found or abs(wanted - time_ns) == abs(found - time_ns) == DAY_NS // 2


@pytest.mark.parametrize(("stamp", "passed", "day"), [(LAST, 1, -1), (MIDNIGHT, -1, 0), (NOON, DAY_NS // 2 + 1, 0), (LAST, -1, -1)])
def test_around_midnight(stamp, passed, day):
    """Stamped before midnight and seen after it, and the other way round when clocks differ."""
    midnight = 20_000 * DAY_NS
    milliseconds = int.from_bytes(stamp, "big")
    assert midnight + day * DAY_NS + milliseconds * 10**6 == read(header(option(9, 0, stamp)), 1, time_ns=midnight + passed)


def test_cut_headers():
    """Of a header that was captured in part, what is there counts; an option that is not whole does not."""
    octets = header(option(13, 1, A.packed, NOON))
    assert NOON_NS == read(octets, 0, int(A))
    assert ABSENT == read(octets[:-1], 0, int(A)) == read(octets[:21], 1) == read(octets[:20], 1)
    assert ABSENT == read(octets, 0, int(IPv4Address("10.0.0.3")))


def ntp(timestamp: int, name: str, time_ns: int, mode: int = 3, octets: int = 48) -> int:
    place = NTP_PLACES[name]
    message = bytearray(range(100, 148))
    message[0] = 0xE0 | mode
    message[place : place + 8] = timestamp.to_bytes(8, "big")
    data = np.frombuffer(b"\0\0\0" + bytes(message[:octets]) + bytes(48), np.uint8).reshape(1, -1)
    return ntp_time(data, 0, 3, 3 + octets, place, time_ns)


@given(st.sampled_from(sorted(NTP_PLACES)), st.integers(1, 2**64 - 1), st.integers(0, 1),
       st.integers(-FAR_NS + 10**9, FAR_NS - 10**9))
def test_ntp_timestamps_in_any_era(name, timestamp, era, apart_ns):
    """Exact fractions of the seconds since 1900, in the era of the packet's time; before 1970 there are no packets."""
    seconds = Fraction(timestamp, 2**32) + era * 2**32 - (UNIX_EPOCH - NTP_EPOCH) // timedelta(seconds=1)
    wanted = int(seconds * 10**9 // 1)
    if wanted + apart_ns < 0:
        return
    assert wanted == ntp(timestamp, name, wanted + apart_ns)


def test_ntp_by_the_calendar():
    """A date, as RFC 5905 section 6 counts: era 1 begins on 2036-02-07 at 06:28:16."""
    for moment, half in ((datetime(2026, 11, 22, 2, 42, 20, tzinfo=UTC), 0), (datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC), 1)):
        seconds = (moment - NTP_EPOCH) // timedelta(seconds=1)
        wanted = (moment - UNIX_EPOCH) // timedelta(microseconds=1) * 1000 + half * 500_000_000
        assert wanted == ntp((seconds % 2**32) << 32 | half << 31, "transmit", wanted + 10**9)


def test_ntp_that_tells_no_time():
    """Zero; a random number; control messages; a message that was cut."""
    assert ABSENT == ntp(0, "transmit", NOON_NS)
    assert ODD == ntp(1 << 63, "transmit", 10**18) == ntp((1 << 63) + (2**31 << 32) - 1, "transmit", 10**18)
    good = 3_850_000_000 << 32
    passed = (3_850_000_000 - 2_208_988_800) * 10**9
    assert passed == ntp(good, "receive", passed)
    assert {ABSENT} == {ntp(good, "receive", passed, mode) for mode in (0, 6, 7)}
    assert passed == ntp(good, "receive", passed, 1) == ntp(good, "receive", passed, 5)
    assert ABSENT == ntp(good, "receive", passed, octets=47)
