"""Kernel: the packet that another carries."""

from numba import njit

from tmon_common.kernels.byteorder import be16
from tmon_probe.father.link import CUT, ETHERTYPE_IPV4, ETHERTYPE_IPV6, NOT_IP, after_ethertype

IP_IN_IP, IPV6_IN_IP, GRE = 4, 41, 47
MAX_TUNNELS = 4
"""Packets within packets looked through."""

_BRIDGED = 0x6558  # transparent Ethernet bridging, RFC 1701
_MPLS = (0x8847, 0x8848)  # RFC 4023
_CHECKSUM, _KEY, _SEQUENCE = 0x8000, 0x2000, 0x1000
_MUST_BE_ZERO = 0x4C07  # RFC 2784 section 2.2 with the bits of RFC 2890: routing (RFC 1701), version (1: PPTP, RFC 2637)


@njit(cache=True, nogil=True)
def carried(data, body, end, protocol):
    """The packet within the body data[body:end] (uint8) of one of `protocol`: IP in IP, IPv6 in IP, or GRE.

    Returns (ETHERTYPE_IPV4, ETHERTYPE_IPV6 or IP_BY_VERSION; position of its IP header), or (NOT_IP or CUT, any) if none is carried
    that is read: GRE with routing or of version 1 (PPTP), ERSPAN, NHRP, frames of a bridge without IP. Sources: RFC 2003 section 3,
    RFC 2473 section 3, RFC 4213 section 3, RFC 2784 section 2, RFC 2890 section 2.
    """
    if protocol == IP_IN_IP:
        return ETHERTYPE_IPV4, body
    if protocol == IPV6_IN_IP:
        return ETHERTYPE_IPV6, body
    if protocol != GRE:
        return NOT_IP, body
    if body + 4 > end:
        return CUT, body
    word = be16(data, body)
    kind = be16(data, body + 2)
    if word & _MUST_BE_ZERO:
        return NOT_IP, body
    at = body + 4
    for bit in (_CHECKSUM, _KEY, _SEQUENCE):
        if word & bit:
            at += 4
    if kind == _BRIDGED:
        if at + 14 > end:
            return CUT, at
        kind = be16(data, at + 12)
        at += 14
    elif kind not in (ETHERTYPE_IPV4, ETHERTYPE_IPV6, *_MPLS):
        return NOT_IP, at
    kind, at, _ = after_ethertype(data, at, end, kind)
    return kind, at
