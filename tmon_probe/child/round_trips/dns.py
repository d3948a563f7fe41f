"""DNS messages (RFC 1035 section 4.1): query or response, id, what is asked, response code."""

from numba import int64, njit, uint64

from tmon_probe.child.round_trips import message

HEADER_OCTETS = 12
MAX_LABEL_OCTETS, MAX_NAME_OCTETS = 63, 255
_GOOD, _REQUEST, _ANSWER, _MALFORMED, _CUT = (
    message.NOTHING, message.REQUEST, message.ANSWER, message.MALFORMED, message.CUT)
_MULTIPLIER = uint64(0x9E3779B97F4A7C15)
_FOLD = uint64(29)


@njit(cache=True, nogil=True)
def read_dns(data, row, at, end, limit, seed):
    """The message in data[row, at:end], of which the octets before `limit` were captured.

    Returns (role, id uint64, question uint64, rcode). The question is a hash, begun with `seed` (uint64, random), of opcode, name
    in small letters, type and class of the first question; 0 if the response has none, as some that refuse have, or if it was not
    captured. No name lies before the first question's that it could point to: a pointer there is malformed, and never followed.
    """
    if at + HEADER_OCTETS > end:
        return _MALFORMED, uint64(0), uint64(0), 0
    if at + HEADER_OCTETS > limit:
        return _CUT, uint64(0), uint64(0), 0
    number = (uint64(data[row, at]) << uint64(8)) | uint64(data[row, at + 1])
    flags = (int64(data[row, at + 2]) << 8) | int64(data[row, at + 3])
    questions = (int64(data[row, at + 4]) << 8) | int64(data[row, at + 5])
    role = _ANSWER if flags & 0x8000 else _REQUEST
    code = flags & 0x0F if role == _ANSWER else 0
    opcode = (flags >> 11) & 0x0F
    if questions == 0 and role == _ANSWER:
        return role, number, uint64(0), code
    hashed = (seed ^ uint64(opcode)) * _MULTIPLIER
    if questions == 0:
        return role, number, hashed | uint64(1), code
    status, hashed = _question(data, row, at + HEADER_OCTETS, end, limit, hashed)
    if status == _MALFORMED:
        return _MALFORMED, uint64(0), uint64(0), 0
    return role, number, (uint64(0) if status == _CUT else hashed | uint64(1)), code


@njit(cache=True, nogil=True)
def _question(data, row, at, end, limit, hashed):
    """(0, MALFORMED or CUT; `hashed` with the question at `at` mixed in)."""
    place = at
    while True:
        if place >= end:
            return _MALFORMED, hashed
        if place >= limit:
            return _CUT, hashed
        length = int64(data[row, place])
        after = place + 1 + length
        if length > MAX_LABEL_OCTETS or after > end or after - at > MAX_NAME_OCTETS:
            return _MALFORMED, hashed
        if after > limit:
            return _CUT, hashed
        hashed = _mixed(hashed, uint64(length))
        for i in range(place + 1, after):
            octet = uint64(data[row, i])
            if uint64(65) <= octet <= uint64(90):
                octet += uint64(32)
            hashed = _mixed(hashed, octet)
        place = after
        if length == 0:
            break
    if place + 4 > end:
        return _MALFORMED, hashed
    if place + 4 > limit:
        return _CUT, hashed
    for i in range(place, place + 4):  # type and class
        hashed = _mixed(hashed, uint64(data[row, i]))
    return _GOOD, hashed


@njit(cache=True, nogil=True, inline="always")
def _mixed(hashed, octet):
    hashed = (hashed ^ octet) * _MULTIPLIER
    return hashed ^ (hashed >> _FOLD)
