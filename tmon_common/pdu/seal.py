"""Seals: what closes a datagram and shows that it arrived as it left.

`AeadSeal` encrypts the content and proves who wrote content and header; `CrcSeal` only detects damage. The header stays in clear.
"""

from __future__ import annotations

from typing import Protocol

import google_crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tmon_common.pdu.error import PduError

CRC_OCTETS = 4
TAG_OCTETS = 16


def crc32c(data: bytes) -> int:
    """CRC-32C of `data`, as an unsigned 32-bit number."""
    return google_crc32c.value(data)


class Seal(Protocol):
    """octets: how much it adds to a datagram."""

    octets: int

    def close(self, header: bytes, nonce: bytes, content: bytes) -> bytes:
        """The datagram."""

    def open(self, header: bytes, nonce: bytes, datagram: bytes) -> bytes:
        """The content of a datagram that begins with `header`. PduError("corrupt") when the seal does not match."""


class CrcSeal:
    """Four octets, big-endian, at the end: CRC-32C (RFC 3385) of `context` and everything before. Keeps nobody out."""

    octets = CRC_OCTETS

    def __init__(self, context: bytes = b"") -> None:
        self._context = google_crc32c.value(context)

    def close(self, header: bytes, _nonce: bytes, content: bytes) -> bytes:
        datagram = header + content
        return datagram + google_crc32c.extend(self._context, datagram).to_bytes(4, "big")

    def open(self, header: bytes, _nonce: bytes, datagram: bytes) -> bytes:
        if google_crc32c.extend(self._context, datagram[:-4]) != int.from_bytes(datagram[-4:], "big"):
            raise PduError("corrupt")
        return datagram[len(header) : -4]


class AeadSeal:
    """ChaCha20-Poly1305 (RFC 8439): the content encrypted, and 16 octets of tag over header and content.

    key: 32 octets. A nonce (12 octets) must never come twice under one key.
    """

    octets = TAG_OCTETS

    def __init__(self, key: bytes) -> None:
        self._cipher = ChaCha20Poly1305(key)

    def close(self, header: bytes, nonce: bytes, content: bytes) -> bytes:
        return header + self._cipher.encrypt(nonce, content, header)

    def open(self, header: bytes, nonce: bytes, datagram: bytes) -> bytes:
        try:
            return self._cipher.decrypt(nonce, datagram[len(header) :], header)
        except InvalidTag:
            raise PduError("corrupt") from None
