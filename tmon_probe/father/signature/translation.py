"""Kernel: which octets of a transport header a translator of addresses and ports rewrites.

Octets to hide are bits of an int64: bit i hides octet i from where the bits begin.
Sources: RFC 3022 sections 2.2, 4.1 and 4.3; RFC 5508 sections 3 and 4 (ICMP); RFC 5597 (DCCP); RFC 6864 section 5.3.1 and RFC 7857
(identification).
"""

from numba import njit

from tmon_common.kernels.byteorder import be16
from tmon_probe.father.signature.transport import past_ipv6
from tmon_probe.father.signature.words import octets_kept

TCP, UDP, ICMP, ICMPV6, SCTP, DCCP, UDP_LITE = 6, 17, 1, 58, 132, 33, 136
PORTS_AND_16 = 0x3000F  # ports; checksum at octet 16 (RFC 9293 section 3.1)
PORTS_AND_6 = 0xCF  # ports; checksum at octet 6 (RFC 768, RFC 3828 section 3.1, RFC 4340 section 5.1)
PORTS_AND_8 = 0xF0F  # ports; CRC32c at octet 8 (RFC 9260 section 3.1)
CHECKSUM, CHECKSUM_AND_IDENTIFIER = 0x0C, 0x3C  # RFC 792, RFC 4443
QUOTED_IPV4 = 0xFFC30  # identification, header checksum, addresses
QUOTED_IPV6 = 0xFFFFFFFF00  # addresses
QUOTE = 8  # where an ICMP error quotes a packet


@njit(cache=True, nogil=True)
def rewritten(version, protocol, icmp_type):
    """Bits of the octets that a translator rewrites in a transport header (icmp_type: its first octet); int64."""
    if protocol == TCP:
        return PORTS_AND_16
    if protocol in (UDP, UDP_LITE, DCCP):
        return PORTS_AND_6
    if protocol == SCTP:
        return PORTS_AND_8
    if version == 4 and protocol == ICMP:
        query = icmp_type in (0, 8) or 13 <= icmp_type <= 18 or icmp_type in (42, 43)
        return CHECKSUM_AND_IDENTIFIER if query else CHECKSUM
    if version == 6 and protocol == ICMPV6:
        query = icmp_type in (128, 129, 160, 161)
        return CHECKSUM_AND_IDENTIFIER if query else CHECKSUM
    return 0


@njit(cache=True, nogil=True)
def quotes(version, protocol, icmp_type):
    """Is this an ICMP message that quotes a packet (as RFC 792 and RFC 4443 section 2.1 say)?"""
    if version == 4:
        return protocol == ICMP and icmp_type in (3, 4, 5, 11, 12)
    return protocol == ICMPV6 and 1 <= icmp_type <= 4


@njit(cache=True, nogil=True)
def rewritten_in_quote(data, version, at, end):
    """The packet quoted at data[at:end] (uint8) by an ICMP error of this IP version.

    Returns (bits of its IP header, from `at`; position of its transport header; bits of that).
    """
    if version == 4:
        if at + 20 > end or data[at] & 0x0F < 5 or be16(data, at + 6) & 0x1FFF:
            return QUOTED_IPV4, at, 0
        protocol, transport = int(data[at + 9]), at + (data[at] & 0x0F) * 4
    else:
        if at + 40 > end:
            return QUOTED_IPV6, at, 0
        protocol, transport, _, _ = past_ipv6(data, at, end)
    icmp_type = int(data[transport]) if transport < end else -1
    return (QUOTED_IPV4 if version == 4 else QUOTED_IPV6), transport, rewritten(version, protocol, icmp_type)


@njit(cache=True, nogil=True)
def kept(at, bits, quoted_bits, inner_at, inner_bits):
    """Mask (see `octets_kept`) of the word at octet `at` of the transport octets; uint64.

    bits are those from octet 0, quoted_bits those from octet QUOTE, inner_bits those from octet inner_at.
    """
    hidden = (bits >> at) if at < 64 else 0
    if quoted_bits:
        hidden |= _window(quoted_bits, at - QUOTE) | _window(inner_bits, at - inner_at)
    return octets_kept(hidden)


@njit(cache=True, nogil=True)
def _window(bits, at):
    """Eight bits of `bits` from bit `at`, which may be below 0."""
    if at <= -8 or at >= 64:
        return 0
    return (bits << -at if at < 0 else bits >> at) & 0xFF
