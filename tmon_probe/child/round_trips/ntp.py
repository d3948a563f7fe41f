"""NTP messages (RFC 5905 section 7.3): requests by their transmit timestamp, answers by the originate timestamp they return."""

from numba import int64, njit, uint64

from tmon_probe.child.round_trips import message

HEADER_OCTETS = 48
_ORIGINATE, _TRANSMIT = 24, 40
_NOTHING, _REQUEST, _ANSWER, _MALFORMED, _CUT = (
    message.NOTHING, message.REQUEST, message.ANSWER, message.MALFORMED, message.CUT)
_SYMMETRIC_ACTIVE, _SYMMETRIC_PASSIVE, _CLIENT, _SERVER, _BROADCAST = range(1, 6)


@njit(cache=True, nogil=True)
def read_ntp(data, row, at, end, limit):
    """The message in data[row, at:end], of which the octets before `limit` were captured. Returns (role, timestamp uint64).

    A request is of mode client or symmetric active, its answer of mode server or symmetric passive. Two symmetric active ends send
    when their own poll is due: neither answers. A timestamp of zero ties nothing. Control messages (modes 6 and 7) are nothing.
    """
    if at + 1 > end:
        return _MALFORMED, uint64(0)
    if at + 1 > limit:
        return _CUT, uint64(0)
    mode = int64(data[row, at]) & 7
    if mode < _SYMMETRIC_ACTIVE or mode > _BROADCAST:
        return _NOTHING, uint64(0)
    if at + HEADER_OCTETS > end:
        return _MALFORMED, uint64(0)
    if mode == _BROADCAST:
        return _NOTHING, uint64(0)
    if at + HEADER_OCTETS > limit:
        return _CUT, uint64(0)
    asks = mode in (_CLIENT, _SYMMETRIC_ACTIVE)
    begin = at + (_TRANSMIT if asks else _ORIGINATE)
    timestamp = uint64(0)
    for i in range(begin, begin + 8):
        timestamp = (timestamp << uint64(8)) | uint64(data[row, i])
    if timestamp == uint64(0):
        return _NOTHING, timestamp
    return (_REQUEST if asks else _ANSWER), timestamp
