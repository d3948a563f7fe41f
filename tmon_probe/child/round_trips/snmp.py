"""SNMP messages (RFC 1157, RFC 3416, RFC 3412): who asks, who answers, and the number that both carry."""

from numba import int64, njit, uint64

from tmon_probe.child.round_trips import ber, message

MAX_CODE = 0xFFFF
_NOTHING, _REQUEST, _ANSWER, _MALFORMED, _CUT = (
    message.NOTHING, message.REQUEST, message.ANSWER, message.MALFORMED, message.CUT)
_SEQUENCE, _OCTET_STRING = ber.SEQUENCE, ber.OCTET_STRING
_GET, _GET_NEXT, _RESPONSE, _SET, _TRAP_V1, _GET_BULK, _INFORM, _TRAP_V2, _REPORT = range(0xA0, 0xA9)
_VERSION_1, _VERSION_2C, _VERSION_2P, _VERSION_3 = range(4)
_PRIVACY, _REPORTABLE = 2, 4  # msgFlags, RFC 3412 section 6.4
_TRAP_PORT = 162


@njit(cache=True, nogil=True)
def read_snmp(data, row, at, end, limit, src_port, dst_port):
    """The message in data[row, at:end], of which the octets before `limit` were captured.

    Returns (role, identifier uint64, question uint64, error-status). The identifier is the request-id; of version 3 the msgID,
    which is readable whatever is encrypted. The question is the version: no answer has another.
    """
    status, begin, stop = ber.element_of(data, row, at, end, limit, _SEQUENCE)
    version = int64(0)
    if status == _NOTHING:
        status, version, begin = ber.integer(data, row, begin, stop, limit)
    if status != _NOTHING:
        return status, uint64(0), uint64(0), 0
    question = uint64(version + 1)
    if version in (_VERSION_1, _VERSION_2C):
        status, _, begin = ber.element_of(data, row, begin, stop, limit, _OCTET_STRING)  # community
        if status != _NOTHING:
            return status, uint64(0), uint64(0), 0
        role, number, code = _pdu(data, row, begin, stop, limit)
        return role, uint64(number), question, code
    if version == _VERSION_3:
        role, number, code = _version_3(data, row, begin, stop, limit, src_port, dst_port)
        return role, uint64(number), question, code
    return (_NOTHING if version == _VERSION_2P else _MALFORMED), uint64(0), uint64(0), 0


@njit(cache=True, nogil=True)
def _pdu(data, row, at, end, limit):
    """(role, request-id, error-status) of a PDU, RFC 3416 section 3 and RFC 1157 section 4.1. A trap is nothing: nobody answers."""
    status, tag, begin, stop = ber.element(data, row, at, end, limit)
    if status != _NOTHING:
        return status, int64(0), 0
    if tag in (_TRAP_V1, _TRAP_V2):
        return _NOTHING, int64(0), 0
    if tag < _GET or tag > _REPORT:
        return _MALFORMED, int64(0), 0
    status, number, begin = ber.integer(data, row, begin, stop, limit)
    if status != _NOTHING:
        return status, int64(0), 0
    if tag != _RESPONSE and tag != _REPORT:
        return _REQUEST, number, 0
    status, code, _ = ber.integer(data, row, begin, stop, limit)
    if status == _NOTHING and (code < 0 or code > MAX_CODE):
        status = _MALFORMED
    return (_ANSWER if status == _NOTHING else status), number, code


@njit(cache=True, nogil=True)
def _version_3(data, row, at, end, limit, src_port, dst_port):
    """(role, msgID, error-status) of what follows the version, RFC 3412 section 6.

    If the PDU is encrypted: a request can be reported on, an answer cannot; nor can a trap, which goes to the port of traps.
    """
    status, number, flags, after = _header(data, row, at, end, limit)
    if status == _NOTHING:
        status, _, after = ber.element_of(data, row, after, end, limit, _OCTET_STRING)  # msgSecurityParameters
    if status != _NOTHING:
        return status, int64(0), 0
    if flags & _PRIVACY:
        status, _, _ = ber.element_of(data, row, after, end, limit, _OCTET_STRING)
        if status != _NOTHING:
            return status, int64(0), 0
        if flags & _REPORTABLE:
            return _REQUEST, number, 0
        trap = dst_port == _TRAP_PORT and src_port != _TRAP_PORT
        return (_NOTHING if trap else _ANSWER), number, 0
    status, begin, stop = ber.element_of(data, row, after, end, limit, _SEQUENCE)  # scopedPDU
    if status == _NOTHING:
        status, _, begin = ber.element_of(data, row, begin, stop, limit, _OCTET_STRING)  # contextEngineID
    if status == _NOTHING:
        status, _, begin = ber.element_of(data, row, begin, stop, limit, _OCTET_STRING)  # contextName
    if status != _NOTHING:
        return status, int64(0), 0
    role, _, code = _pdu(data, row, begin, stop, limit)
    return role, number, code


@njit(cache=True, nogil=True)
def _header(data, row, at, end, limit):
    """(status, msgID, msgFlags, where it ends) of msgGlobalData, RFC 3412 section 6."""
    status, begin, after = ber.element_of(data, row, at, end, limit, _SEQUENCE)
    number, flags_at, flags_end = int64(0), int64(0), int64(0)
    if status == _NOTHING:
        status, number, begin = ber.integer(data, row, begin, after, limit)
    if status == _NOTHING:
        status, _, begin = ber.integer(data, row, begin, after, limit)  # msgMaxSize
    if status == _NOTHING:
        status, flags_at, flags_end = ber.element_of(data, row, begin, after, limit, _OCTET_STRING)
    if status == _NOTHING and flags_end - flags_at != 1:
        status = _MALFORMED
    elif status == _NOTHING and flags_end > limit:
        status = _CUT
    if status == _NOTHING:
        status, _, _ = ber.integer(data, row, flags_end, after, limit)  # msgSecurityModel
    return status, number, (int64(data[row, flags_at]) if status == _NOTHING else int64(0)), after
