"""The header in clear, the contents behind it, and answers."""

import pytest

from tmon_common.pdu.ack import MAX_IDS, pack_acks, pack_heard, parse_acks, parse_heard
from tmon_common.pdu.contents import (
    NO_LAG,
    Heartbeat,
    Observations,
    expand,
    pack_heartbeat,
    pack_observations,
    parse_heartbeat,
    parse_observations,
)
from tmon_common.pdu.error import REASONS, PduError
from tmon_common.pdu.header import (
    HEADER_OCTETS,
    HEARD,
    MAX_COUNTER,
    MAX_PDU_OCTETS,
    OBSERVATIONS,
    Header,
    new_run,
    pack_header,
    parse_header,
    probe_number,
    run_ms,
)
from tmon_common.pdu.seal import crc32c

HEADER = Header(OBSERVATIONS, 77, 0x01020304, 1_700_000_000_123 << 16 | 5, MAX_COUNTER)


def test_crc_is_castagnoli():
    """Check value of RFC 3720 appendix B.4: 32 octets of zeros."""
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_header_goes_round():
    packed = pack_header(HEADER)
    assert len(packed) == HEADER_OCTETS
    assert parse_header(packed + b"anything") == HEADER


def test_runs_of_the_same_moment_differ():
    """Keys are derived from them; the moment can be read."""
    runs = {new_run(1_700_000_000_123_456_789) for _ in range(20)}
    assert len(runs) > 15
    assert {run_ms(r) for r in runs} == {1_700_000_000_123}
    assert run_ms(new_run(-5)) == 0


def test_contents_go_round():
    observations = Observations(pdu=7, behind=2, kind=16, rows=3, words=9, strings=1)
    assert parse_observations(pack_observations(observations) + b"payload") == observations
    heartbeat = Heartbeat(5, 3, 1_700_000_000_123_456_789, -12)
    assert parse_heartbeat(pack_heartbeat(heartbeat)) == heartbeat
    assert parse_heartbeat(pack_heartbeat(Heartbeat(2**32 + 5, 2**33, -1, NO_LAG))) == Heartbeat(5, 2**32 - 1, -1, NO_LAG)
    assert parse_heard(pack_heard(-7)) == -7


@pytest.mark.parametrize(("parse", "content"), [
    (parse_observations, pack_observations(Observations(0, 0, 1, 1, 1, 0))),
    (parse_heartbeat, pack_heartbeat(Heartbeat(0, 0, 0, 0))),
    (parse_heard, pack_heard(0)),
])
def test_contents_that_are_cut(parse, content):
    for octets in range(len(content)):
        with pytest.raises(PduError, match="short"):
            parse(content[:octets])


def test_acks_go_round_and_are_split():
    """Any number of ids, in datagrams that fit any path."""
    ids = list(range(2**32 - 5, 2**32 + 700))
    contents = pack_acks(ids)
    assert [len(c) for c in contents] == [4 * MAX_IDS, 4 * MAX_IDS, 4 * (705 - 2 * MAX_IDS)]
    assert HEADER_OCTETS + 4 * MAX_IDS + 16 <= 1232  # IPv6's least MTU without its and UDP's headers
    assert [i & 0xFFFFFFFF for i in ids] == [i for c in contents for i in parse_acks(c)]


@pytest.mark.parametrize(("reason", "datagram"), [
    ("short", b""),
    ("short", pack_header(HEADER)[:-1]),
    ("oversized", pack_header(HEADER) + bytes(MAX_PDU_OCTETS)),
    ("foreign", b"xx" + pack_header(HEADER)[2:]),
    ("version", b"tm\x11" + pack_header(HEADER)[3:]),
    ("version", b"tm\x01\x01" + bytes(60)),  # as version 1 began
    ("type", b"tm\x20" + pack_header(HEADER)[3:]),
    ("type", b"tm\x27" + pack_header(HEADER)[3:]),
])
def test_datagrams_that_are_no_pdus(reason, datagram):
    """Each has its reason, by which it is counted."""
    with pytest.raises(PduError) as caught:
        parse_header(datagram)
    assert reason == caught.value.reason
    assert reason in REASONS


def test_types_have_a_place_in_four_bits():
    assert HEARD < 16


def test_acks_of_no_whole_number_of_ids():
    with pytest.raises(PduError, match="whole number"):
        parse_acks(bytes(5))


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
