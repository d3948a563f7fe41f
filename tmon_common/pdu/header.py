"""Headers of PDUs: who speaks (probe, run), what follows (type), and for observations which rows. Big-endian."""

from __future__ import annotations

import struct
from typing import NamedTuple

from tmon_common.pdu.error import PduError
from tmon_common.pdu.seal import crc32c

MAGIC = 0x746D  # "tm"
VERSION = 1

OBSERVATIONS = 1  # probe -> collector: rows of one kind
HEARTBEAT = 2  # probe -> collector: nothing to say, still alive
ACK = 3  # collector -> probe: these PDUs are written
REFUSAL = 4  # collector -> probe: these PDUs cannot be understood here

MAX_PDU_OCTETS = 9216  # a jumbo frame; larger datagrams are refused; also the limit of max_pdu in the configuration
MAX_ROWS = 1024  # rows of one PDU
MAX_WORDS = 255  # int64 words of one row
MAX_STRINGS = 255  # strings of one PDU

_COMMON = struct.Struct("!HBBIQ")  # magic, version, type, probe, run
_HEARTBEAT = struct.Struct("!HBBIQII")  # ... next id, how far behind it the oldest held PDU is
_OBSERVATIONS = struct.Struct("!HBBIQIIHHBB")  # ... id, behind, kind, rows, words, strings
COMMON_OCTETS = _COMMON.size
HEARTBEAT_OCTETS = _HEARTBEAT.size
OBSERVATIONS_OCTETS = _OBSERVATIONS.size
_LEAST_OCTETS = {OBSERVATIONS: OBSERVATIONS_OCTETS, HEARTBEAT: HEARTBEAT_OCTETS, ACK: COMMON_OCTETS + 4,
                 REFUSAL: COMMON_OCTETS + 4}


def probe_number(name: str) -> int:
    """How a probe is called in PDUs: CRC-32C of its name in UTF-8. Collectors know the names from the configuration."""
    return crc32c(name.encode())


def expand(low: int, reference: int) -> int:
    """The number nearest to `reference` whose last 32 bits are `low`: ids are 64-bit numbers of which 32 bits travel."""
    difference = (low - reference) & 0xFFFFFFFF
    if difference >= 0x80000000:
        difference -= 0x100000000
    return max(reference + difference, low)


class Common(NamedTuple):
    """First 16 octets of every PDU. probe: `probe_number`; run: start of the probe, ms since 1970-01-01 UTC."""

    type: int
    probe: int
    run: int


class Observations(NamedTuple):
    """What an observations PDU says after the common part.

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


def parse_common(datagram: bytes, seal_octets: int) -> Common:
    """Common part of a datagram. PduError when too short for its type, too long, foreign, or of unknown version or type."""
    size = len(datagram)
    if size < COMMON_OCTETS + seal_octets:
        raise PduError("short")
    if size > MAX_PDU_OCTETS:
        raise PduError("oversized")
    magic, version, pdu_type, probe, run = _COMMON.unpack_from(datagram)
    if magic != MAGIC:
        raise PduError("foreign")
    if version != VERSION:
        raise PduError("version", str(version))
    least = _LEAST_OCTETS.get(pdu_type)
    if least is None:
        raise PduError("type", str(pdu_type))
    if size < least + seal_octets:
        raise PduError("short")
    return Common(pdu_type, probe, run)


def parse_observations(datagram: bytes) -> Observations:
    """Rest of the header; `parse_common` must have accepted the datagram as OBSERVATIONS."""
    return Observations._make(_OBSERVATIONS.unpack_from(datagram)[5:])


def parse_heartbeat(datagram: bytes) -> tuple[int, int]:
    """(last 32 bits of the next id, behind) of a heartbeat that `parse_common` has accepted."""
    return _HEARTBEAT.unpack_from(datagram)[5:]


def pack_observations(probe: int, run: int, header: Observations) -> bytes:
    """Header of an observations PDU, OBSERVATIONS_OCTETS long."""
    pdu, behind, kind, rows, words, strings = header
    return _OBSERVATIONS.pack(MAGIC, VERSION, OBSERVATIONS, probe, run, pdu & 0xFFFFFFFF, min(behind, 0xFFFFFFFF), kind, rows,
                              words, strings)


def pack_heartbeat(probe: int, run: int, next_pdu: int, behind: int) -> bytes:
    """Heartbeat without seal."""
    return _HEARTBEAT.pack(MAGIC, VERSION, HEARTBEAT, probe, run, next_pdu & 0xFFFFFFFF, min(behind, 0xFFFFFFFF))


def pack_common(pdu_type: int, probe: int, run: int) -> bytes:
    """First 16 octets of a PDU."""
    return _COMMON.pack(MAGIC, VERSION, pdu_type, probe, run)
