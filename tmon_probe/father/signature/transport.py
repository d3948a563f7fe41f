"""Kernel: where the octets begin that no router touches, and which destination the packet has in the end.

Stepped over: IPv4 options and the IPv6 headers hop-by-hop options, routing, destination options and fragment. Other extension
headers (authentication, mobility, host identity, shim6) do not change on the way and begin the octets that are signed, as in IPv4.
"""

from numba import njit

from tmon_common.kernels.byteorder import be16

MAX_EXTENSION_HEADERS = 16
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS = 0, 43, 44, 60
LOOSE_SOURCE_ROUTE, STRICT_SOURCE_ROUTE = 131, 137
ROUTING_TYPE_0, ROUTING_TYPE_2, SEGMENT_ROUTING = 0, 2, 4


@njit(cache=True, nogil=True, inline="always")
def past_ipv4(data, at, end):
    """IPv4 header at data[at] (uint8), of which 20 octets are there.

    Returns (protocol; position of what follows the header; its octets by the header; position of the final destination).
    Sources: RFC 791 section 3.1; RFC 7126 section 4.3 and 4.4 (source routes).
    """
    header = max((data[at] & 0x0F) * 4, 20)
    destination = at + 16
    if header > 20:
        destination = _end_of_source_route(data, at, min(at + header, end))
    return int(data[at + 9]), at + header, max(be16(data, at + 2) - header, 0), destination


@njit(cache=True, nogil=True)
def _end_of_source_route(data, at, end):
    """Position of the last address of a source route that is not used up; else that of the header's destination."""
    here = at + 20
    while here + 3 <= end and data[here] != 0:
        if data[here] == 1:
            here += 1
            continue
        size = int(data[here + 1])
        if size < 2:
            break
        if data[here] in (LOOSE_SOURCE_ROUTE, STRICT_SOURCE_ROUTE):
            if size >= 7 and data[here + 2] <= size and here + size <= end:
                return here + size - 4
            break
        here += size
    return at + 16


@njit(cache=True, nogil=True, inline="always")
def past_ipv6(data, at, end):
    """IPv6 header at data[at] (uint8), of which 40 octets are there; as `past_ipv4`.

    A chain that is cut or too long ends where it is cut; one that names more octets than there are ends beyond `end`. A later
    fragment ends at its fragment header.
    Sources: RFC 8200 sections 3, 4 and 8.1 (final destination); RFC 6275 section 6.4, RFC 8754 section 2 (routing headers).
    """
    here, following, destination = at + 40, int(data[at + 6]), at + 24
    for _ in range(MAX_EXTENSION_HEADERS):
        if following not in (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS) or here + 8 > end:
            break
        size = (int(data[here + 1]) + 1) * 8
        if following == FRAGMENT:
            if be16(data, here + 2) >> 3:
                break
            size = 8
        elif following == ROUTING and data[here + 3] > 0 and 24 <= size <= end - here:
            if data[here + 2] == SEGMENT_ROUTING:
                destination = here + 8
            elif data[here + 2] in (ROUTING_TYPE_0, ROUTING_TYPE_2):
                destination = here + size - 16
        following = int(data[here])
        here += size
    return following, here, max(be16(data, at + 4) + 40 - (here - at), 0), destination
