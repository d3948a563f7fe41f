"""Contents of the PDUs that a probe sends: observations (their beginning; the payload is codec's) and heartbeats. Big-endian."""

from __future__ import annotations

import struct
from typing import NamedTuple

from tmon_common.pdu.error import PduError

MAX_ROWS = 1024  # rows of one PDU
MAX_WORDS = 255  # int64 words of one row
MAX_STRINGS = 255  # strings of one PDU

_OBSERVATIONS = struct.Struct("!IIHHBB")
_HEARTBEAT = struct.Struct("!IIqq")
OBSERVATIONS_OCTETS = _OBSERVATIONS.size
NO_LAG = -(1 << 63)
"""No answer to a heartbeat has come since the last one."""


def expand(low: int, reference: int) -> int:
    """The number nearest to `reference` whose last 32 bits are `low`: ids are 64-bit numbers of which 32 bits travel."""
    difference = (low - reference) & 0xFFFFFFFF
    if difference >= 0x80000000:
        difference -= 0x100000000
    return max(reference + difference, low)


class Observations(NamedTuple):
    """What an observations PDU says before its payload.

    pdu         last 32 bits of its id; the first of a run is 0
    behind      id minus id of the oldest PDU that the probe still holds: nothing older will ever be sent again
    kind        Kind.number
    rows, words size of the matrix in the payload
    strings     entries of the string table before it
    """

    pdu: int
    behind: int
    kind: int
    rows: int
    words: int
    strings: int


class Heartbeat(NamedTuple):
    """next_pdu: last 32 bits of the id that the next PDU will have; behind: below it, as in Observations.

    sent_ns     the probe's wall clock when it was sent, ns since 1970-01-01 UTC
    lag_ns      smallest time, since the last heartbeat, from when the collector answered one (by its clock) to when the answer was
                here (by the probe's); NO_LAG without answer
    """

    next_pdu: int
    behind: int
    sent_ns: int
    lag_ns: int


def pack_observations(header: Observations) -> bytes:
    """OBSERVATIONS_OCTETS octets, to be followed by the payload."""
    pdu, behind, kind, rows, words, strings = header
    return _OBSERVATIONS.pack(pdu & 0xFFFFFFFF, min(behind, 0xFFFFFFFF), kind, rows, words, strings)


def parse_observations(content: bytes) -> Observations:
    """PduError when it is too short."""
    if len(content) < OBSERVATIONS_OCTETS:
        raise PduError("short")
    return Observations._make(_OBSERVATIONS.unpack_from(content))


def pack_heartbeat(heartbeat: Heartbeat) -> bytes:
    """Content of a heartbeat."""
    next_pdu, behind, sent_ns, lag_ns = heartbeat
    return _HEARTBEAT.pack(next_pdu & 0xFFFFFFFF, min(behind, 0xFFFFFFFF), sent_ns, lag_ns)


def parse_heartbeat(content: bytes) -> Heartbeat:
    """PduError when it is too short."""
    if len(content) < _HEARTBEAT.size:
        raise PduError("short")
    return Heartbeat._make(_HEARTBEAT.unpack_from(content))
