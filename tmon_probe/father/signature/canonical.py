"""Kernel: the canonical form of a packet, which is what its signature is computed of.

It is a header of 16 octets (IPv4) or 48 octets (IPv6), then the transport octets (docs/decisions/0010-what-a-signature-covers.md):

    octets   IPv4                                   IPv6                              with nat
    0        4                                      6
    1        protocol                               next header of the last header
    2-3      identification                         0                                 0
    4-5      octets after the header                octets after the headers
    6-7      More Fragments and fragment offset     0
    8-15     source, final destination              0                                 0
    16-47                                           source, final destination         0
    then     transport header and payload, as far as they were captured and up to the limit; with nat some are zero

Numbers are little endian, addresses as in the packet. Lengths are those that the headers state. A fragment is a packet of its own;
a later one carries no transport header, so that with nat nothing of its octets is zero. Those of a later IPv6 fragment begin with
the fragment header.
"""

from numba import njit, uint64

from tmon_common.kernels.byteorder import be16
from tmon_probe.father.signature.translation import QUOTE, quotes, rewritten, rewritten_in_quote
from tmon_probe.father.signature.transport import past_ipv4, past_ipv6
from tmon_probe.father.signature.words import le64

MORE_AND_OFFSET, OFFSET, LATER = 0x3FFF, 0x1FFF, -1
MASKED_HEADER = 24  # every bit of `rewritten` is below


@njit(cache=True, nogil=True, inline="always")
def header_of(data, at, end, nat):
    """The canonical header of the packet data[at:end] (uint8).

    Returns (IP version; protocol, -1 for a later fragment of IPv4; position of the transport octets; six uint64, of which the last
    four count for IPv6 only).
    """
    w0 = w1 = w2 = w3 = w4 = w5 = uint64(0)
    if data[at] >> 4 == 4:
        version = 4
        protocol, start, octets, destination = past_ipv4(data, at, end)
        fragment = be16(data, at + 6) & MORE_AND_OFFSET
        w0 = (uint64(fragment) << uint64(48)) | (uint64(protocol) << uint64(8))
        if fragment & OFFSET:
            protocol = LATER
        if not nat:
            w0 |= uint64(be16(data, at + 4)) << uint64(16)
            w1 = (le64(data, at + 8) >> uint64(32)) | ((le64(data, destination - 4) >> uint64(32)) << uint64(32))
    else:
        version = 6
        protocol, start, octets, destination = past_ipv6(data, at, end)
        w0 = uint64(protocol) << uint64(8)
        if not nat:
            w2, w3 = le64(data, at + 8), le64(data, at + 16)
            w4, w5 = le64(data, destination), le64(data, destination + 8)
    w0 |= uint64(version) | (uint64(octets) << uint64(32))
    return version, protocol, start, w0, w1, w2, w3, w4, w5


@njit(cache=True, nogil=True, inline="always")
def hidden_octets(data, start, count, version, protocol):
    """Octets of data[start : start + count] that a translator rewrites.

    Returns (bits from octet 0; bits from octet QUOTE; position of a quoted transport header, from octet 0; bits from there; octets
    that may hold hidden ones).
    """
    icmp_type = int(data[start]) if count > 0 else -1
    bits = rewritten(version, protocol, icmp_type)
    if not quotes(version, protocol, icmp_type):
        return bits, 0, 0, 0, MASKED_HEADER if bits else 0
    quoted_bits, inner, inner_bits = rewritten_in_quote(data, version, start + QUOTE, start + count)
    return bits, quoted_bits, inner - start, inner_bits, max(inner - start + MASKED_HEADER, QUOTE + 40)
