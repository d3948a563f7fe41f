"""The seal of a PDU: what closes a datagram and shows that it arrived as it left.

CRC-32C (RFC 3385; polynomial of Castagnoli) for now. A seal has three members: `octets`, how much it adds; `close`, which
returns the sealed datagram; `check`, which raises PduError when the seal does not match.
"""

from __future__ import annotations

from typing import Protocol

import google_crc32c

from tmon_common.pdu.error import PduError

CRC_OCTETS = 4


def crc32c(data: bytes) -> int:
    """CRC-32C of `data`, as an unsigned 32-bit number."""
    return google_crc32c.value(data)


class Seal(Protocol):
    """What publisher and collector need of a seal."""

    octets: int

    def close(self, content: bytes) -> bytes:
        """The datagram: content and seal."""

    def check(self, datagram: bytes) -> None:
        """Raises PduError("corrupt") when the seal does not match."""


class CrcSeal:
    """Four octets, big-endian, at the end: CRC-32C of everything before. Detects damage, not forgery."""

    octets = CRC_OCTETS

    def close(self, content: bytes) -> bytes:
        return content + google_crc32c.value(content).to_bytes(4, "big")

    def check(self, datagram: bytes) -> None:
        if google_crc32c.value(datagram[:-4]) != int.from_bytes(datagram[-4:], "big"):
            raise PduError("corrupt")
