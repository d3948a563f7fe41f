"""Elements of the Basic Encoding Rules as SNMP uses them (ITU-T X.690 sections 8.1 to 8.3, RFC 3417 section 8).

Octets lie in data[row] (uint8, two-dimensional). `end` is where the enclosing element, or the datagram, says that it ends; octets
from `limit` on were not captured. No element may reach beyond the one it lies in, whatever its length says.
"""

from numba import int64, njit

from tmon_probe.child.round_trips import message

INTEGER, OCTET_STRING, SEQUENCE = 0x02, 0x04, 0x30
MAX_LENGTH_OCTETS = 4
MAX_INTEGER_OCTETS = 8
_GOOD, _MALFORMED, _CUT = message.NOTHING, message.MALFORMED, message.CUT


@njit(cache=True, nogil=True)
def element(data, row, at, end, limit):
    """The element at `at`: (0, MALFORMED or CUT; its tag; where its contents begin; where they end)."""
    if at + 2 > end:
        return _MALFORMED, 0, at, at
    if at + 2 > limit:
        return _CUT, 0, at, at
    tag = int64(data[row, at])
    length = int64(data[row, at + 1])
    contents = at + 2
    if tag & 0x1F == 0x1F:  # a tag of several octets: SNMP has none
        return _MALFORMED, 0, at, at
    if length >= 0x80:
        octets = length & 0x7F
        if octets == 0 or octets > MAX_LENGTH_OCTETS or contents + octets > end:  # 0: the indefinite form
            return _MALFORMED, 0, at, at
        if contents + octets > limit:
            return _CUT, 0, at, at
        length = int64(0)
        for i in range(octets):
            length = (length << 8) | int64(data[row, contents + i])
        contents += octets
    if contents + length > end:
        return _MALFORMED, 0, at, at
    return _GOOD, tag, contents, contents + length


@njit(cache=True, nogil=True)
def element_of(data, row, at, end, limit, expected):
    """The same of an element that must have the tag `expected`: (status, begin, end of its contents)."""
    status, tag, begin, stop = element(data, row, at, end, limit)
    if status == _GOOD and tag != expected:
        status = _MALFORMED
    return status, begin, stop


@njit(cache=True, nogil=True)
def integer(data, row, at, end, limit):
    """The INTEGER at `at`: (status, int64 value, where it ends)."""
    status, begin, stop = element_of(data, row, at, end, limit, INTEGER)
    if status == _GOOD and (stop == begin or stop - begin > MAX_INTEGER_OCTETS):
        status = _MALFORMED
    elif status == _GOOD and stop > limit:
        status = _CUT
    if status != _GOOD:
        return status, int64(0), at
    value = int64(-1) if data[row, begin] & 0x80 else int64(0)
    for i in range(begin, stop):
        value = (value << 8) | int64(data[row, i])
    return status, value, stop
