"""Headers, seal and answers."""

import pytest

from tmon_common.pdu.ack import MAX_ACK_OCTETS, pack_acks, parse_acks
from tmon_common.pdu.error import REASONS, PduError
from tmon_common.pdu.header import (
    ACK,
    HEARTBEAT,
    MAX_PDU_OCTETS,
    OBSERVATIONS,
    Common,
    Observations,
    expand,
    pack_heartbeat,
    pack_observations,
    parse_common,
    parse_heartbeat,
    parse_observations,
    probe_number,
)
from tmon_common.pdu.seal import CrcSeal, crc32c

SEAL = CrcSeal()
HEADER = Observations(pdu=7, behind=2, kind=16, rows=3, words=9, strings=1)
DATAGRAM = SEAL.close(pack_observations(0x01020304, 1_700_000_000_123, HEADER) + b"payload")


def test_crc_is_castagnoli():
    """Check value of RFC 3720 appendix B.4: 32 octets of zeros."""
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_observations_header_goes_round():
    assert parse_common(DATAGRAM, SEAL.octets) == Common(OBSERVATIONS, 0x01020304, 1_700_000_000_123)
    assert parse_observations(DATAGRAM) == HEADER
    SEAL.check(DATAGRAM)


def test_heartbeat_goes_round():
    datagram = SEAL.close(pack_heartbeat(1, 2, 2**32 + 5, 3))
    assert parse_common(datagram, SEAL.octets).type == HEARTBEAT
    assert parse_heartbeat(datagram) == (5, 3)


def test_acks_go_round_and_are_split():
    """Any number of ids, in datagrams that fit any path."""
    ids = list(range(2**32 - 5, 2**32 + 700))
    datagrams = pack_acks(ACK, 1, 2, ids, SEAL)
    assert len(datagrams) > 1
    assert all(len(d) <= MAX_ACK_OCTETS for d in datagrams)
    assert [i & 0xFFFFFFFF for i in ids] == [i for d in datagrams for i in parse_acks(d, SEAL)]


@pytest.mark.parametrize(("reason", "datagram"), [
    ("short", b""),
    ("short", DATAGRAM[:19]),
    ("short", DATAGRAM[:33]),
    ("oversized", DATAGRAM + bytes(MAX_PDU_OCTETS)),
    ("foreign", b"xx" + DATAGRAM[2:]),
    ("version", DATAGRAM[:2] + b"\x09" + DATAGRAM[3:]),
    ("type", DATAGRAM[:3] + b"\x63" + DATAGRAM[4:]),
])
def test_datagrams_that_are_no_pdus(reason, datagram):
    """Each has its reason, by which it is counted."""
    with pytest.raises(PduError) as caught:
        parse_common(datagram, SEAL.octets)
    assert reason == caught.value.reason
    assert reason in REASONS


def test_any_changed_bit_breaks_the_seal():
    for bit in range(len(DATAGRAM) * 8):
        changed = bytearray(DATAGRAM)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(PduError, match="corrupt"):
            SEAL.check(bytes(changed))


def test_acks_of_no_whole_number_of_ids():
    datagram = SEAL.close(DATAGRAM[:16] + bytes(5))
    with pytest.raises(PduError, match="whole number"):
        parse_acks(datagram, SEAL)


@pytest.mark.parametrize(("low", "reference", "expected"), [
    (5, 3, 5), (3, 5, 3), (0, 2**32 - 1, 2**32), (2**32 - 1, 2**32 + 3, 2**32 - 1), (2**32 - 1, 3, 2**32 - 1),
    (7, 5 * 2**32, 5 * 2**32 + 7),
])
def test_ids_beyond_32_bits(low, reference, expected):
    """The nearest number with these last 32 bits, never negative."""
    assert expected == expand(low, reference)


def test_probe_number():
    """CRC-32C of the name; the check value of the CRC catalogue."""
    assert probe_number("123456789") == 0xE3069283
