"""Kernel: from the first octet of a frame to its IP header."""

from numba import njit

from tmon_common.kernels.byteorder import be16
from tmon_probe.father.capture import linktypes
from tmon_probe.father.ethertypes import ETHERTYPE_IPV4, ETHERTYPE_IPV6, IP_BY_VERSION

NOT_IP = -1
CUT = -2
NO_VLAN = -1
MAX_TAGS = 8  # VLAN tags, and MPLS labels, looked through

_NULL, _LOOP, _ETHERNET = linktypes.NULL, linktypes.LOOP, linktypes.ETHERNET
_SLL, _SLL2 = linktypes.LINUX_SLL, linktypes.LINUX_SLL2
_IPV4, _IPV6 = linktypes.IPV4, linktypes.IPV6
_RAW, _RAW_BSD, _RAW_OPENBSD = linktypes.RAW, linktypes.RAW_BSD, linktypes.RAW_OPENBSD


@njit(cache=True, nogil=True, inline="always")
def find_network(data, at, end, link_type):
    """Position of the network header of the frame data[at:end] (uint8).

    Returns (ETHERTYPE_IPV4, ETHERTYPE_IPV6, IP_BY_VERSION, NOT_IP or CUT; position; identifier of the outermost VLAN tag or
    NO_VLAN). Sources: IEEE 802.1Q-2018 section 9; RFC 1042 (SNAP); RFC 3032 (MPLS); RFC 2516 (PPPoE);
    https://www.tcpdump.org/linktypes.html.
    """
    if link_type == _ETHERNET:
        if at + 14 > end:
            return CUT, at, NO_VLAN
        return after_ethertype(data, at + 14, end, be16(data, at + 12))
    if link_type == _SLL:
        if at + 16 > end:
            return CUT, at, NO_VLAN
        return after_ethertype(data, at + 16, end, be16(data, at + 14))
    if link_type == _SLL2:
        if at + 20 > end:
            return CUT, at, NO_VLAN
        return after_ethertype(data, at + 20, end, be16(data, at))
    if link_type == _IPV4:
        return ETHERTYPE_IPV4, at, NO_VLAN
    if link_type == _IPV6:
        return ETHERTYPE_IPV6, at, NO_VLAN
    if link_type in (_RAW, _RAW_BSD, _RAW_OPENBSD):
        return IP_BY_VERSION, at, NO_VLAN
    if link_type in (_NULL, _LOOP):
        if at + 4 > end:
            return CUT, at, NO_VLAN
        # An address family in the byte order of whoever captured; all known ones fit in one octet.
        family = int(data[at]) | int(data[at + 3])
        if data[at + 1] != 0 or data[at + 2] != 0 or (data[at] != 0 and data[at + 3] != 0):
            return NOT_IP, at, NO_VLAN
        if family == 2:
            return ETHERTYPE_IPV4, at + 4, NO_VLAN
        if family in (10, 24, 28, 30):
            return ETHERTYPE_IPV6, at + 4, NO_VLAN
    return NOT_IP, at, NO_VLAN


@njit(cache=True, nogil=True, inline="always")
def after_ethertype(data, at, end, kind):
    """As `find_network`, of a frame whose type field `kind` stands just before position `at`: VLAN tags, SNAP, PPPoE and MPLS.

    At most MAX_TAGS tags are looked through, more are NOT_IP; a stack of more than MAX_TAGS labels counts as CUT.
    """
    vlan = NO_VLAN
    for _ in range(MAX_TAGS):
        if kind in (ETHERTYPE_IPV4, ETHERTYPE_IPV6):
            return kind, at, vlan
        if kind in (0x8100, 0x88A8, 0x9100, 0x9200):
            if at + 4 > end:
                return CUT, at, vlan
            if vlan == NO_VLAN:
                vlan = be16(data, at) & 0x0FFF
            kind = be16(data, at + 2)
            at += 4
        elif kind < 0x0600:  # a length: LLC follows, or (SLL) a Linux protocol number
            if at + 8 > end or data[at] != 0xAA or data[at + 1] != 0xAA or data[at + 2] != 3 or data[at + 3] | data[at + 4] != 0:
                return NOT_IP, at, vlan
            kind = be16(data, at + 6)
            at += 8
        elif kind == 0x8864:
            if at + 8 > end:
                return CUT, at, vlan
            protocol = be16(data, at + 6)
            if protocol == 0x0021:
                return ETHERTYPE_IPV4, at + 8, vlan
            if protocol == 0x0057:
                return ETHERTYPE_IPV6, at + 8, vlan
            return NOT_IP, at, vlan
        elif kind in (0x8847, 0x8848):
            at = _after_labels(data, at, end)
            if at >= end:
                return CUT, at, vlan
            version = data[at] >> 4
            if version not in (4, 6):  # a pseudowire control word, or something else than IP
                return NOT_IP, at, vlan
            return IP_BY_VERSION, at, vlan
        else:
            return NOT_IP, at, vlan
    return NOT_IP, at, vlan


@njit(cache=True, nogil=True)
def _after_labels(data, at, end):
    """Position after the MPLS label stack (`end` if it is cut)."""
    for _ in range(MAX_TAGS):
        if at + 4 > end:
            return end
        bottom = data[at + 2] & 1
        at += 4
        if bottom:
            return at
    return end
