"""What a faulty link does to the bits of a frame: seen by checksums, or not.

A bit that is inverted anywhere behind the Ethernet header mostly ends in a kernel, whose checksums do not match. Memory of
routers and cards damages datagrams whose checksum is computed afterwards: that damage reaches the program.
"""

from tests.linkemu.vlan import ETHERNET_ADDRESSES

ETHERNET_HEADER = ETHERNET_ADDRESSES + 2
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_UDP = 17
_UDP_HEADER = 8
_IPV6_HEADER = 40


def invert_one_bit(frame: bytes, draw: float) -> bytes:
    """The frame with one bit behind its Ethernet header inverted; `draw` in [0, 1) chooses which."""
    return _inverted(frame, ETHERNET_HEADER, int(draw * (len(frame) - ETHERNET_HEADER) * 8))


def damage_unseen(frame: bytes, draw: float) -> bytes:
    """The frame with one bit of its UDP payload inverted and the UDP checksum made right again (RFC 1624, equation 3).

    A frame that is no whole UDP datagram with payload is damaged by `invert_one_bit`.
    """
    udp_at = _udp_at(frame)
    end = udp_at + int.from_bytes(frame[udp_at + 4 : udp_at + 6]) if udp_at else 0
    if not udp_at + _UDP_HEADER < end <= len(frame):
        return invert_one_bit(frame, draw)
    bit = int(draw * (end - udp_at - _UDP_HEADER) * 8)
    changed = bytearray(_inverted(frame, udp_at + _UDP_HEADER, bit))
    checksum = int.from_bytes(frame[udp_at + 6 : udp_at + 8])
    if checksum:  # 0: the sender computed none
        word_at = udp_at + _UDP_HEADER + bit // 16 * 2
        before, after = (int.from_bytes(octets[word_at : min(word_at + 2, end)].ljust(2, b"\0")) for octets in (frame, changed))
        total = (~checksum & 0xFFFF) + (~before & 0xFFFF) + after
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        changed[udp_at + 6 : udp_at + 8] = ((~total & 0xFFFF) or 0xFFFF).to_bytes(2)
    return bytes(changed)


def _inverted(frame: bytes, start: int, bit: int) -> bytes:
    changed = bytearray(frame)
    changed[start + bit // 8] ^= 0x80 >> (bit % 8)
    return bytes(changed)


def _udp_at(frame: bytes) -> int:
    """Where the UDP header of an untagged frame begins; 0: it holds no unfragmented UDP datagram behind a plain IP header."""
    kind, ip = frame[ETHERNET_ADDRESSES:ETHERNET_HEADER], frame[ETHERNET_HEADER:]
    if kind == _IPV4 and len(ip) >= 20 and ip[9] == _UDP and not int.from_bytes(ip[6:8]) & 0x3FFF:
        return ETHERNET_HEADER + (ip[0] & 15) * 4
    if kind == _IPV6 and len(ip) >= _IPV6_HEADER and ip[6] == _UDP:
        return ETHERNET_HEADER + _IPV6_HEADER
    return 0
