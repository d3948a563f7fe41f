"""Signatures of different packets are equal as often as chance has it, cut to 24 or 32 bits, too."""

import struct
from math import sqrt

import numpy as np
import pytest

from tests.conftest import real_captures
from tests.oracles.signature_twin import canonical
from tests.unit.father.signature_packets import packets_of, sign_many, sign_rows

COUNT = 1_000_000
DEVIATIONS = 6
"""Standard deviations that the count of equal pairs may be off: chance goes beyond once in 5e8 cases."""


def off_by_chance(words: np.ndarray, bits: int) -> float:
    """How far the pairs of equal low `bits` bits among the words are from chance, in standard deviations (at least one pair).

    n words have n(n-1)/2 pairs, each equal with probability 2^-bits, nearly independently: a Poisson number.
    """
    low = np.sort(words & np.uint64((1 << bits) - 1))
    starts = np.flatnonzero(np.concatenate(([True], low[1:] != low[:-1], [True])))
    times = np.diff(starts)
    pairs = int((times * (times - 1) // 2).sum())
    expected = len(words) * (len(words) - 1) / 2 / 2**bits
    return (pairs - expected) / max(sqrt(expected), 1)


def check(words: np.ndarray) -> None:
    for bits in (24, 32):
        for low in (words, words >> np.uint64(64 - bits)):
            assert abs(off_by_chance(low, bits)) < DEVIATIONS
    assert 0 == len(words) - len(np.unique(words))


def udp_packets(octets: int) -> np.ndarray:
    """COUNT equal IPv4 UDP packets of 20 + octets, one a row."""
    header = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + octets, 7, 0, 64, 17, 0, 0x0A000001, 0x0A000002)
    packet = np.frombuffer(header + struct.pack(">HHHH", 5004, 5005, octets, 0) + bytes(octets - 8), np.uint8)
    return np.tile(packet, (COUNT, 1))


def sequence(octets: int = 4) -> np.ndarray:
    return np.arange(COUNT, dtype=f">u{octets}").view(np.uint8).reshape(COUNT, octets)


def counter_in_payload():
    rows = udp_packets(40)
    rows[:, 50:54] = sequence()
    return rows


def counter_at_the_end():
    rows = udp_packets(44)
    rows[:, 60:64] = sequence()
    return rows


def sequence_numbers_of_zeros():
    """Segments of zeros, 1000 octets apart: only the sequence number and the checksum differ."""
    rows = udp_packets(20)
    rows[:, 9] = 6
    number = (np.arange(COUNT, dtype=np.uint32) * 1000).astype(">u4")
    rows[:, 24:28] = number.view(np.uint8).reshape(COUNT, 4)
    half = number.view(">u2").reshape(COUNT, 2).astype(np.uint32)
    total = half[:, 0] + half[:, 1]
    rows[:, 36:38] = (~(total + (total >> 16)) & 0xFFFF).astype(">u2").view(np.uint8).reshape(COUNT, 2)
    return rows


def identification_and_source():
    rows = udp_packets(8)
    rows[:, 4:6] = sequence()[:, 2:]
    rows[:, 15] = sequence()[:, 1]
    return rows


def two_bits_of_many():
    """Zeros, but for two bits."""
    rows = udp_packets(188)
    first, second = np.triu_indices(180 * 8, 1)
    first, second = first[:COUNT], second[:COUNT]
    row = np.arange(COUNT)
    for bit in (first, second):
        rows[row, 28 + bit // 8] ^= (1 << bit % 8).astype(np.uint8)
    return rows


def the_same_change_in_both_lanes():
    """Changes that would cancel in a hash that adds up its words."""
    rows = udp_packets(80)
    rows[:, 40:44] = sequence()
    rows[:, 56:60] = sequence()
    rows[:, 72:76] = sequence()[:, ::-1]
    return rows


FAMILIES = (counter_in_payload, counter_at_the_end, sequence_numbers_of_zeros, identification_and_source, two_bits_of_many,
            the_same_change_in_both_lanes)  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_million_packets_nearly_the_same(family):
    """24 bits: 29,802 equal pairs, give or take 173; 32 bits: 116, give or take 11; 64 bits: none. The same of the high bits."""
    rows = family()
    ends = np.arange(1, COUNT + 1) * rows.shape[1]
    check(sign_rows(rows.reshape(-1), ends - rows.shape[1], ends))


def test_packets_of_the_captures():
    """All packets of all real captures, as many as have different canonical forms."""
    packets = [p for path in real_captures() for p in packets_of(path)]
    if not packets:
        pytest.skip("no captures")
    for nat in (False, True):
        distinct = list({canonical(p, nat): p for p in packets}.values())
        for md5 in (False, True):
            check(np.array(sign_many(distinct, nat, md5), np.uint64))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_bit_turns_every_second_time(family):
    """From one packet to the next, each of the 64 bits of the signature changes with probability 1/2."""
    rows = family()[:: 64 if family is not two_bits_of_many else 1][: COUNT // 64]
    ends = np.arange(1, len(rows) + 1) * rows.shape[1]
    words = sign_rows(rows.reshape(-1).copy(), ends - rows.shape[1], ends)
    turned = np.unpackbits((words[1:] ^ words[:-1]).view(np.uint8).reshape(-1, 8), axis=1).sum(axis=0)
    off = (turned - len(words[1:]) / 2) / sqrt(len(words[1:]) / 4)
    assert np.abs(off).max() < DEVIATIONS


def test_a_worse_hash_is_found_out():
    """The measure rejects a checksum, a hash that uses half of its values, and one that spreads too evenly."""
    rows = sequence_numbers_of_zeros().astype(np.uint64)
    weights = np.arange(1, rows.shape[1] + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert off_by_chance(rows.sum(axis=1), 24) > DEVIATIONS
    assert abs(off_by_chance((rows * weights).sum(axis=1), 24)) > DEVIATIONS
    chance = np.random.default_rng(1).integers(0, 1 << 63, COUNT, np.uint64)
    assert abs(off_by_chance(chance, 24)) < DEVIATIONS
    assert off_by_chance(chance & ~np.uint64(1), 24) > DEVIATIONS
    assert off_by_chance(np.arange(COUNT, dtype=np.uint64), 24) < -DEVIATIONS
