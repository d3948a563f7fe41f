"""Damage that checksums see, and damage that they do not."""

import struct

import pytest

from tests.linkemu.corruption import damage_unseen, invert_one_bit
from tests.linkemu.engine import LinkEngine
from tests.linkemu.impairment import Direction, Impairment

ADDRESSES = bytes.fromhex("020000000002 020000000001")
PAYLOADS = (b"x", b"xy", bytes(range(61)), bytes(1200))


def checksum_of(octets: bytes) -> int:
    """RFC 1071, word by word."""
    total = sum(int.from_bytes(octets[i : i + 2].ljust(2, b"\0")) for i in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp_frame(version: int, payload: bytes, *, checksum: bool = True) -> bytes:
    """A frame with a right UDP checksum, or with none."""
    octets = 8 + len(payload)
    ends = bytes(range(1, 9)) if version == 4 else bytes(range(32))
    udp = struct.pack("!HHHH", 5000, 9777, octets, 0) + payload
    if checksum:
        udp = udp[:6] + (checksum_of(ends + struct.pack("!IHH", octets, 0, 17)[2:] + udp) or 0xFFFF).to_bytes(2) + udp[8:]
    if version == 4:
        return ADDRESSES + b"\x08\x00" + struct.pack("!BBHHHBBH", 0x45, 0, 20 + octets, 1, 0x4000, 64, 17, 0) + ends + udp
    return ADDRESSES + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, octets, 17, 64) + ends + udp


def bits_that_differ(left: bytes, right: bytes) -> int:
    return (int.from_bytes(left) ^ int.from_bytes(right)).bit_count()


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("payload", PAYLOADS, ids=len)
def test_unseen_damage_is_one_bit_of_the_payload_under_a_right_checksum(version, payload):
    """Whichever bit it is."""
    frame = udp_frame(version, payload)
    udp_at = 14 + (20 if version == 4 else 40)
    for draw in (0, 0.2, 0.5, 0.77, 0.999999):
        damaged = damage_unseen(frame, draw)
        assert frame[: udp_at + 6] == damaged[: udp_at + 6]
        assert bits_that_differ(payload, damaged[udp_at + 8 :]) == 1
        assert udp_frame(version, damaged[udp_at + 8 :]) == damaged


def test_a_datagram_without_checksum_stays_without():
    frame = udp_frame(4, b"payload", checksum=False)
    damaged = damage_unseen(frame, 0.5)
    assert udp_frame(4, damaged[42:], checksum=False) == damaged != frame


@pytest.mark.parametrize("frame", [
    ADDRESSES + b"\x08\x06" + bytes(28),  # ARP
    udp_frame(4, b""),
    udp_frame(4, bytes(100))[:-1],  # cut short
    udp_frame(4, b"later fragment").replace(b"\x40\x00\x40\x11", b"\x00\x01\x40\x11"),
    udp_frame(4, b"TCP").replace(b"\x40\x00\x40\x11", b"\x40\x00\x40\x06"),
], ids=["ARP", "empty", "cut", "fragment", "TCP"])
def test_what_is_no_datagram_with_payload_is_damaged_anywhere(frame):
    assert invert_one_bit(frame, 0.4) == damage_unseen(frame, 0.4)
    assert bits_that_differ(frame, damage_unseen(frame, 0.4)) == 1


def test_the_share_of_unseen_damage():
    """Of the frames corrupted, which are the same as without it."""

    def damaged(**impairment) -> list[bytes]:
        engine = LinkEngine(Impairment(**impairment), Impairment(), seed=5)
        for _ in range(4000):
            engine.receive(udp_frame(4, bytes(200)), Direction.WEST_TO_EAST, 0)
        return [d.frame for d in engine.due(0) if d.corrupted]

    some = damaged(corrupt=0.2, corrupt_unseen=0.25)
    assert len(some) == len(damaged(corrupt=0.2))
    unseen = sum(frame == udp_frame(4, frame[42:]) for frame in some)
    assert 0.2 < unseen / len(some) < 0.3
    assert all(frame == udp_frame(4, frame[42:]) for frame in damaged(corrupt=0.2, corrupt_unseen=1.0))
