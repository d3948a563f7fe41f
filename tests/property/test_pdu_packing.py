"""Packing: whatever rows, whatever room, what is unpacked is a beginning of what was packed, and no more than fits."""

import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmon_common.observations import IP_COUNTERS
from tmon_common.pdu.codec import MAX_PAYLOAD_OCTETS, Decoder
from tmon_common.pdu.contents import MAX_ROWS, Observations
from tmon_common.pdu.error import PduError
from tmon_common.pdu.header import COMPRESSED, OBSERVATIONS
from tmon_common.pdu.packing import Packer, unpacked


def rows_of(packed):
    payload = unpacked(packed.type, packed.octets)
    out = np.zeros((packed.rows, IP_COUNTERS.words), np.int64)
    header = Observations(0, 0, IP_COUNTERS.number, packed.rows, IP_COUNTERS.words, 0)
    Decoder(IP_COUNTERS).decode_into(payload, 0, len(payload), header, out, 0)
    return out


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 3000), st.integers(0, 60), st.integers(60, 9000))
def test_rows_go_round(seed, rows, bits, max_octets):
    """Of every compressibility; several payloads one after the other, the room learnt from each."""
    random = np.random.default_rng(seed)
    words = random.integers(0, 1 + (1 << bits), (rows, IP_COUNTERS.words)) >> random.integers(0, 1 + bits, (rows, 1))
    packer, start = Packer(IP_COUNTERS), 0
    while start < rows:
        packed = packer.pack(words, start, max_octets)
        if packed.rows == 0:
            assert len(Packer(IP_COUNTERS).encoder.encode(words[: start + 1], start, 9000).octets) > max_octets
            break
        assert len(packed.octets) <= max_octets
        assert np.array_equal(rows_of(packed), words[start : start + packed.rows])
        start += packed.rows


@pytest.mark.parametrize(("bits", "at_least"), [(4, 0.75), (20, 0.9)])
def test_pdus_are_full(bits, at_least):
    """Once the ratio is learnt little room is left over."""
    random = np.random.default_rng(1)
    words = random.integers(0, 1 << bits, (20_000, IP_COUNTERS.words))
    packer, start, filled = Packer(IP_COUNTERS), 0, []
    while start < len(words) - MAX_ROWS:
        packed = packer.pack(words, start, 1349)
        filled.append(len(packed.octets) / 1349)
        start += packed.rows
    assert np.mean(filled[2:]) > at_least


def test_what_compresses_is_compressed():
    words = np.ones((500, IP_COUNTERS.words), np.int64) * np.arange(500).reshape(-1, 1) % 7
    assert Packer(IP_COUNTERS).pack(words, 0, 1349).type == COMPRESSED
    assert Packer(IP_COUNTERS).pack(words[:1], 0, 1349).type == OBSERVATIONS


@given(st.binary(max_size=200))
def test_octets_of_anybody(octets):
    """A payload or an error, never more than the protocol allows."""
    with suppress(PduError):
        assert len(unpacked(COMPRESSED, octets)) <= MAX_PAYLOAD_OCTETS
    assert unpacked(OBSERVATIONS, octets) == octets


@pytest.mark.parametrize("octets", [
    b"", zlib.compress(bytes(MAX_PAYLOAD_OCTETS + 1), wbits=-15), zlib.compress(bytes(10**7), wbits=-15),
    zlib.compress(b"payload", wbits=-15)[:-1], zlib.compress(b"payload", wbits=-15) + b"x",
])
def test_compressed_octets_that_are_refused(octets):
    """Cut, prolonged, or a bomb."""
    with pytest.raises(PduError, match="payload"):
        unpacked(COMPRESSED, octets)


def test_the_longest_payload_is_taken():
    assert len(unpacked(COMPRESSED, zlib.compress(bytes(MAX_PAYLOAD_OCTETS), wbits=-15))) == MAX_PAYLOAD_OCTETS
