"""Kernels: times that stand in a packet itself: entries of the IPv4 Timestamp option, timestamps of NTP.

Both are less than a date: ms of the day, seconds of an era. Who reads them knows about when the packet passed, and takes the day or
the era that is nearest. Slow twin of the option: tmon_common.ip_timestamp.
"""

from numba import int64, njit, uint64

from tmon_common.ip_timestamp import DAY_MS, OPTION
from tmon_common.observations import ABSENT

ODD = ABSENT + 1
"""Instead of a time: there is an entry, but it is no time of a day, or not one of about the packet's time."""
FAR_NS = 86_400 * 10**9
"""NTP timestamps farther from the packet's time are no time: clients may put anything there (draft-ietf-ntp-data-minimization)."""
NTP_OCTETS = 48
NTP_PLACES = {"reference": 16, "origin": 24, "receive": 32, "transmit": 40}
"""RFC 5905 section 7.3: first octet of each timestamp in the header."""

_ABSENT, _ODD, _FAR, _OPTION, _DAY_MS = ABSENT, ODD, FAR_NS, OPTION, DAY_MS
_DAY_NS, _MS, _SECOND = DAY_MS * 1_000_000, 1_000_000, 10**9
_NO_STAMP, _ODD_STAMP = -1, -2
_SECONDS_TO_1970, _ERA = 2_208_988_800, 1 << 32  # RFC 5905 section 6
_NTP_OCTETS, _FIRST_MODE, _LAST_MODE = NTP_OCTETS, 1, 5  # control messages (6, 7) have no timestamps


@njit(cache=True, nogil=True, _nrt=False)
def option_time(data, row, at, end, entry, address, time_ns):
    """Entry `entry` (from 1), or with 0 the first one of `address` (32 bits), of the Timestamp option of the IPv4 header at
    data[row, at] (uint8), of which the octets before `end` are there; ns, ABSENT or ODD. time_ns: when the packet passed.

    RFC 791 section 3.1. As in tmon_common.ip_timestamp: an entry counts if it is whole and before the option's pointer.
    """
    here, stop = at + 20, min(at + int64(data[row, at] & 15) * 4, end)
    while here < stop and data[row, here] != 0:
        if data[row, here] == 1:
            here += 1
            continue
        if here + 2 > stop or data[row, here + 1] < 2 or here + data[row, here + 1] > stop:
            break
        if data[row, here] == _OPTION:
            stamp = _stamp(data, row, here, int64(data[row, here + 1]), entry, address)
            if stamp < 0:
                return _ABSENT if stamp == _NO_STAMP else _ODD
            return _of_day(stamp, time_ns)
        here += int64(data[row, here + 1])
    return _ABSENT


@njit(cache=True, nogil=True, _nrt=False)
def _stamp(data, row, option, size, entry, address):
    """ms of the day in an entry of the option at data[row, option] of `size` octets, or _NO_STAMP, _ODD_STAMP."""
    if size < 4:
        return int64(_NO_STAMP)
    form = data[row, option + 3] & 15
    if form not in (0, 1, 3):
        return int64(_NO_STAMP)
    step = 4 if form == 0 else 8
    filled = option + min(max(int64(data[row, option + 2]) - 1, 4), size)
    here = option + 4
    if entry:
        here += (entry - 1) * step
    elif step == 8:
        while here + 8 <= filled and _be32(data, row, here) != address:
            here += 8
    if here + step > filled or (not entry and step == 4):
        return int64(_NO_STAMP)
    stamp = _be32(data, row, here + step - 4)
    return stamp if stamp < _DAY_MS else int64(_ODD_STAMP)


@njit(cache=True, nogil=True, _nrt=False)
def _of_day(stamp, time_ns):
    """ns since 1970 of that ms of a day, on the day that brings it nearest to time_ns."""
    found = time_ns // _DAY_NS * _DAY_NS + stamp * _MS
    if found - time_ns > _DAY_NS // 2:
        return found - _DAY_NS
    if time_ns - found > _DAY_NS // 2:
        return found + _DAY_NS
    return found


@njit(cache=True, nogil=True, _nrt=False)
def ntp_time(data, row, at, end, place, time_ns):
    """The timestamp at octet `place` of the NTP header at data[row, at] (uint8), of which the octets before `end` are there; ns,
    rounded down, ABSENT or ODD. time_ns: when the packet passed.

    RFC 5905 sections 6 and 7.3: zero is none; the era is the one that brings it nearest to time_ns.
    """
    if at + _NTP_OCTETS > end or not _FIRST_MODE <= data[row, at] & 7 <= _LAST_MODE:
        return _ABSENT
    seconds, fraction = _be32(data, row, at + place), _be32(data, row, at + place + 4)
    if seconds == 0 and fraction == 0:
        return _ABSENT
    seconds -= _SECONDS_TO_1970
    apart = time_ns // _SECOND - seconds
    seconds += (apart + _ERA // 2) // _ERA * _ERA
    if abs(time_ns // _SECOND - seconds) > _FAR // _SECOND:
        return _ODD
    return seconds * _SECOND + int64((uint64(fraction) * uint64(_SECOND)) >> uint64(32))


@njit(cache=True, nogil=True, _nrt=False)
def _be32(data, row, at):
    value = int64(0)
    for i in range(at, at + 4):
        value = value << 8 | int64(data[row, i])
    return value
