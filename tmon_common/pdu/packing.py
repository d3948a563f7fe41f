"""Payloads as they travel: as many rows as fit in a PDU, compressed where that makes it shorter (DEFLATE, RFC 1951)."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np

from tmon_common.observations import Kind
from tmon_common.pdu.codec import MAX_PAYLOAD_OCTETS, Encoder
from tmon_common.pdu.error import PduError
from tmon_common.pdu.header import COMPRESSED, OBSERVATIONS

LEVEL = 6
TRIES = 3
_CAUTION = 0.97  # of the room that the last ratio promises
_RAW_DEFLATE = -15


class Packed(NamedTuple):
    """type: of the PDU, OBSERVATIONS or COMPRESSED; rows: how many are in `octets`; strings: entries of the table in front."""

    type: int
    octets: bytes
    rows: int
    strings: int


class Packer:
    """Payloads of one kind. ValueError as Encoder.

    How well rows compress is only known afterwards: the ratio of the last payload tells how many rows to try.
    """

    def __init__(self, kind: Kind) -> None:
        self.encoder = Encoder(kind)
        self._ratio = 1.0  # compressed octets for each octet of payload

    def pack(self, words: np.ndarray, start: int, max_octets: int) -> Packed:
        """Rows of words[start:] (int64, C-contiguous), about as many as fit in max_octets; rows is 0 when not even one does."""
        for _ in range(TRIES):
            room = max(max_octets, int(max_octets / self._ratio * _CAUTION))
            payload = self.encoder.encode(words, start, min(room, MAX_PAYLOAD_OCTETS))
            if payload.rows == 0:  # by itself too long; compressed perhaps not
                payload = self.encoder.encode(words[: start + 1], start, MAX_PAYLOAD_OCTETS)
                if payload.rows == 0:
                    break
            deflated = zlib.compress(payload.octets, LEVEL, _RAW_DEFLATE)
            self._ratio = max(len(deflated) / len(payload.octets), max_octets / MAX_PAYLOAD_OCTETS, 1e-3)
            if len(deflated) <= max_octets and len(deflated) < len(payload.octets):
                return Packed(COMPRESSED, deflated, payload.rows, payload.strings)
            if len(payload.octets) <= max_octets:
                return Packed(OBSERVATIONS, payload.octets, payload.rows, payload.strings)
        payload = self.encoder.encode(words, start, max_octets)
        return Packed(OBSERVATIONS, payload.octets, payload.rows, payload.strings)


def unpacked(pdu_type: int, octets: bytes) -> bytes:
    """The payload of a PDU. PduError("payload") when it cannot be decompressed, or becomes longer than any probe's."""
    if pdu_type != COMPRESSED:
        return octets
    inflater = zlib.decompressobj(_RAW_DEFLATE)
    try:
        payload = inflater.decompress(octets, MAX_PAYLOAD_OCTETS)
    except zlib.error as error:
        raise PduError("payload", "cannot be decompressed") from error
    if not inflater.eof or inflater.unused_data:
        raise PduError("payload", "compressed octets that are no whole payload")
    return payload
