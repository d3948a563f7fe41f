"""What every datagram begins with, in clear: who speaks (probe, run) and what follows (type). Big-endian.

The contents that follow are in contents.py and ack.py; what closes a datagram, in seal.py.
"""

from __future__ import annotations

import secrets
import struct
from typing import NamedTuple

from tmon_common.pdu.error import PduError
from tmon_common.pdu.seal import crc32c

MAGIC = 0x746D  # "tm"
VERSION = 2

OBSERVATIONS = 1  # probe -> collector: rows of one kind
HEARTBEAT = 2  # probe -> collector: still alive, and what time it is here
ACK = 3  # collector -> probe: these PDUs are written
REFUSAL = 4  # collector -> probe: these PDUs cannot be understood here
HEARD = 5  # collector -> probe: answer to a heartbeat
COMPRESSED = 6  # probe -> collector: as OBSERVATIONS, the payload compressed
QUESTIONS, ANSWERS = (OBSERVATIONS, HEARTBEAT, COMPRESSED), (ACK, REFUSAL, HEARD)

MAX_PDU_OCTETS = 9216  # a jumbo frame; larger datagrams are refused; also the limit of max_pdu in the configuration
MAX_COUNTER = (1 << 40) - 1  # at a million datagrams a second, twelve days; at a thousand, 34 years

_HEADER = struct.Struct("!HBBIQBI")  # magic, version and type, key, probe, run, counter in two parts
HEADER_OCTETS = _HEADER.size


def probe_number(name: str) -> int:
    """How a probe is called in PDUs: CRC-32C of its name in UTF-8. Collectors know the names from the configuration."""
    return crc32c(name.encode())


def new_run(wall_ns: int) -> int:
    """Number of a run that starts now: ms since 1970-01-01 UTC in the upper 48 bits, 16 random ones below them.

    Keys are made from it and must never serve twice; a machine whose clock starts at the same moment at every boot sees to
    that no better than chance does.
    """
    return max(wall_ns // 1_000_000, 0) % (1 << 48) << 16 | secrets.randbits(16)


def run_ms(run: int) -> int:
    """Start of a run, ms since 1970-01-01 UTC: how results name it."""
    return run >> 16


class Header(NamedTuple):
    """key: which one of the probe's keys seals the rest (keys.Key.id), 0 for none (CRC-32C).

    run         of the probe; in ANSWERS the instance of the collector, a random number of its start
    counter     of the sender: no two of its datagrams have the same
    """

    type: int
    key: int
    probe: int
    run: int
    counter: int


def pack_header(header: Header) -> bytes:
    """HEADER_OCTETS octets."""
    pdu_type, key, probe, run, counter = header
    return _HEADER.pack(MAGIC, VERSION << 4 | pdu_type, key, probe, run, counter >> 32, counter & 0xFFFFFFFF)


def parse_header(datagram: bytes) -> Header:
    """Header of a datagram. PduError when it is too short or too long, foreign, or of unknown version or type."""
    if len(datagram) < HEADER_OCTETS:
        raise PduError("short")
    if len(datagram) > MAX_PDU_OCTETS:
        raise PduError("oversized")
    magic, kind, key, probe, run, high, low = _HEADER.unpack_from(datagram)
    if magic != MAGIC:
        raise PduError("foreign")
    if kind >> 4 != VERSION:
        raise PduError("version", str(kind >> 4))
    pdu_type = kind & 15
    if not OBSERVATIONS <= pdu_type <= COMPRESSED:
        raise PduError("type", str(pdu_type))
    return Header(pdu_type, key, probe, run, high << 32 | low)
