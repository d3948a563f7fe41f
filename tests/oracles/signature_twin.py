"""Slow twin of the signature: the canonical form of a packet as octets, hashed by hashlib, and fast64 with Python's integers.

Written from docs/decisions/0010-what-a-signature-covers.md and the standards, not from the kernels.
"""

import hashlib
import struct

MASK = (1 << 64) - 1
SKIPPED = (0, 43, 44, 60)
CHAIN = 16
QUERIES = {(4, 1): {0, 8, 13, 14, 15, 16, 17, 18, 42, 43}, (6, 58): {128, 129, 160, 161}}
ERRORS = {(4, 1): {3, 4, 5, 11, 12}, (6, 58): {1, 2, 3, 4}}


def canonical(packet: bytes, nat: bool = False, limit: int = 1 << 20) -> tuple[bytes, bytes]:
    """(header, transport octets) that the signature is computed of. packet: from its IP header, without padding."""
    version = packet[0] >> 4
    protocol, body, octets, source, destination, identification = (ipv4 if version == 4 else ipv6)(packet)
    fragment = int.from_bytes(packet[6:8], "big") & 0x3FFF if version == 4 else 0
    if nat:
        source, destination, identification = bytes(len(source)), bytes(len(source)), 0
    header = struct.pack("<BBHHH", version, protocol, identification, octets, fragment)
    header += source + destination if version == 4 else bytes(8) + source + destination
    body = body[: max(limit, 0)]
    has_transport = not fragment & 0x1FFF  # of IPv6, a later one begins with its fragment header, protocol 44
    return header, bytes(_translated(version, protocol, bytearray(body))) if nat and has_transport else body


def ipv4(packet: bytes):
    size = max((packet[0] & 15) * 4, 20)
    total, identification = struct.unpack_from(">HH", packet, 2)
    destination = packet[16:20]
    options = packet[20:size]
    while len(options) >= 3 and options[0]:
        if options[0] == 1:
            options = options[1:]
            continue
        kind, length, pointer = options[:3]
        if length < 2:
            break
        if kind in (131, 137):
            if length >= 7 and pointer <= length <= len(options):
                destination = options[length - 4 : length]
            break
        options = options[length:]
    return packet[9], packet[size:], max(total - size, 0), packet[12:16], destination, identification


def ipv6(packet: bytes):
    length, protocol = struct.unpack_from(">HB", packet, 4)
    destination, body = packet[24:40], packet[40:]
    for _ in range(CHAIN):
        if protocol not in SKIPPED or len(body) < 8:
            break
        size = 8 if protocol == 44 else 8 * (body[1] + 1)
        if protocol == 44 and int.from_bytes(body[2:4], "big") >> 3:
            break
        if protocol == 43 and body[3] and 24 <= size <= len(body):
            if body[2] == 4:
                destination = body[8:24]
            elif body[2] in (0, 2):
                destination = body[size - 16 : size]
        protocol, body, length = body[0], body[size:], length - size
    return protocol, body, max(length, 0), packet[8:24], destination, 0


def _translated(version: int, protocol: int, body: bytearray) -> bytearray:
    """The transport octets without what a translator rewrites."""
    kind = (version, protocol)
    if protocol == 6:
        _zero(body, 0, 4)
        _zero(body, 16, 18)
    elif protocol in (17, 33, 136):
        _zero(body, 0, 4)
        _zero(body, 6, 8)
    elif protocol == 132:
        _zero(body, 0, 4)
        _zero(body, 8, 12)
    elif kind in QUERIES and body:
        message = body[0]
        _zero(body, 2, 6 if message in QUERIES[kind] else 4)
        if message in ERRORS[kind]:
            body[8:] = _translated_quote(version, body[8:])
    return body


def _translated_quote(version: int, quote: bytearray) -> bytearray:
    whole = bytes(quote)
    if version == 4:
        _zero(quote, 4, 6)
        _zero(quote, 10, 20)
        if len(whole) < 20 or whole[0] & 15 < 5 or (whole[6] & 0x1F, whole[7]) != (0, 0):
            return quote
        protocol, size = whole[9], (whole[0] & 15) * 4
    else:
        _zero(quote, 8, 40)
        if len(whole) < 40:
            return quote
        protocol, rest, *_ = ipv6(whole)
        size = len(whole) - len(rest)
    inner = bytearray(whole[size:])
    kind = (version, protocol)
    if not (kind in ERRORS and inner and inner[0] in ERRORS[kind]):
        inner = _translated(version, protocol, inner)
    else:
        _zero(inner, 2, 4)  # an error does not quote an error; were it so, translators would not look into it
    return quote[:size] + inner


def _zero(octets: bytearray, start: int, end: int) -> None:
    for i in range(start, min(end, len(octets))):
        octets[i] = 0


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"trafmon fast64 {name}".encode()).digest()[:8], "little") | 1


LANES = _number("LANE_0"), _number("LANE_1")
KEYS = tuple(_number(f"KEY_{i}") for i in range(4))
MIXES = _number("MIX_0"), _number("MIX_1")


def _fold(a: int, b: int) -> int:
    product = a * b
    return product >> 64 ^ product & MASK


def fast64(header: bytes, body: bytes) -> int:
    """The hash fast64 of a canonical form."""
    lanes = list(LANES)
    pieces = [(0, header[i : i + 16]) for i in range(0, len(header), 16)]
    pieces += [(i // 16 % 2, body[i : i + 16]) for i in range(0, len(body), 16)]
    for lane, piece in pieces:
        first, second = struct.unpack("<QQ", piece.ljust(16, b"\0"))
        lanes[lane] = _fold(first ^ KEYS[lane], second ^ lanes[lane])
    word = _fold(lanes[0] ^ len(body) ^ KEYS[2], lanes[1] ^ KEYS[3])
    word = (word ^ word >> 32) * MIXES[0] & MASK
    word = (word ^ word >> 29) * MIXES[1] & MASK
    return word ^ word >> 32


def md5(header: bytes, body: bytes) -> int:
    """First 64 bits of the MD5 of a canonical form, the first octet lowest."""
    return int.from_bytes(hashlib.md5(header + body).digest()[:8], "little")


def sign(packet: bytes, nat: bool = False, with_md5: bool = False, limit: int = 1 << 20) -> int:
    return (md5 if with_md5 else fast64)(*canonical(packet, nat, limit))
