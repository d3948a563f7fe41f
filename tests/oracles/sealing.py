"""Seals as RFC 8439 and RFC 5869 tell them, step by step: HKDF by HMAC, the cipher from its own numbers."""

from __future__ import annotations

import hashlib
import hmac
import struct


def hkdf(secret: bytes, info: bytes, octets: int) -> bytes:
    """HKDF-SHA256 without salt, RFC 5869 sections 2.2 and 2.3."""
    extracted = hmac.digest(bytes(32), secret, hashlib.sha256)
    okm, block, n = b"", b"", 1
    while len(okm) < octets:
        block = hmac.digest(extracted, block + info + bytes([n]), hashlib.sha256)
        okm, n = okm + block, n + 1
    return okm[:octets]


def seal(key: bytes, nonce: bytes, content: bytes, header: bytes) -> bytes:
    """ChaCha20-Poly1305, RFC 8439 section 2.8: ciphertext and tag."""
    one_time = _chacha(key, 0, nonce)[:32]
    cipher = bytearray()
    for i in range(0, len(content), 64):
        stream = _chacha(key, 1 + i // 64, nonce)
        cipher += bytes(a ^ b for a, b in zip(content[i : i + 64], stream, strict=False))
    text = _padded(header) + _padded(bytes(cipher)) + struct.pack("<QQ", len(header), len(cipher))
    return bytes(cipher) + _poly1305(one_time, text)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 16)


def _chacha(key: bytes, counter: int, nonce: bytes) -> bytes:
    """A block of key stream, section 2.3."""
    state = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    x = list(state)

    def turn(a: int, b: int, c: int, d: int) -> None:
        for to, add, bits in ((d, (a, b), 16), (b, (c, d), 12), (d, (a, b), 8), (b, (c, d), 7)):
            x[add[0]] = (x[add[0]] + x[add[1]]) & 0xFFFFFFFF
            mixed = x[to] ^ x[add[0]]
            x[to] = (mixed << bits | mixed >> (32 - bits)) & 0xFFFFFFFF

    for _ in range(10):
        for a, b, c, d in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
                           (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
            turn(a, b, c, d)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, state, strict=True)))


def _poly1305(key: bytes, text: bytes) -> bytes:
    """Section 2.5."""
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(text), 16):
        total = (total + int.from_bytes(text[i : i + 16] + b"\1", "little")) * r % ((1 << 130) - 5)
    return ((total + int.from_bytes(key[16:], "little")) & ((1 << 128) - 1)).to_bytes(16, "little")
