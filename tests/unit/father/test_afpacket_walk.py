"""The kernel that walks the block ring, against a slow twin, on blocks that a kernel writes and on hostile ones."""

import random
import struct

import numpy as np
import pytest

from tests.unit.father.afpacket_twin import BLOCK, OUTGOING, USER, VLAN, VLAN_TPID, Frame, Twin, block
from tmon_probe.father.capture.afpacket import walk

FRAME = bytes(range(100))


class Ring:
    """The kernel's side as the source drives it."""

    def __init__(self, octets: bytes, *, snaplen: int = 65535, ethernet: bool = True, skip_outgoing: bool = False) -> None:
        self.octets = np.frombuffer(octets, np.uint8).copy()
        self.place = np.zeros(walk.PLACES, np.int64)
        self.options = snaplen, ethernet, skip_outgoing

    def next_packets(self, capacity: int) -> list[tuple[bytes, int, int]]:
        columns = [np.zeros(capacity, np.int64) for _ in range(4)]
        count = walk.next_packets(self.octets, self.octets.view(np.uint16), self.octets.view(np.uint32), self.place, BLOCK,
                                  *self.options, *columns)
        return [(self.octets[at : at + size].tobytes(), int(wire), int(time))
                for at, size, wire, time in zip(*(c[:count] for c in columns), strict=True)]

    def statuses(self) -> list[int]:
        return [int(s) for s in self.octets.view(np.uint32)[2 :: BLOCK // 4]]


def read_all(ring, capacity: int, turns: int = 200) -> list:
    """Until the ring has nothing more."""
    found = []
    for _ in range(turns):
        packets = ring.next_packets(capacity)
        if not packets:
            return found
        assert len(packets) <= capacity
        found += packets
    raise AssertionError("it does not end")


def random_block(rng: random.Random) -> bytes:
    frames = []
    for _ in range(rng.choice([0, 1, 2, 9, 20])):
        size = rng.choice([0, 11, 12, 14, 60, 90])
        frames.append(Frame(rng.randbytes(size), wire=rng.choice([0, size + 5, 9000]), seconds=rng.randrange(2**32),
                            nanoseconds=rng.randrange(10**9), status=rng.choice([USER, USER | VLAN, USER | VLAN | VLAN_TPID]),
                            tci=rng.randrange(2**16), tpid=rng.choice([0x8100, 0x88A8]), kind=rng.choice([0, 3, OUTGOING])))
    return block(frames, mac=rng.choice([80, 86, 96]), status=rng.choice([USER, USER, USER, 0, USER | 1 << 5]))


def damaged(octets: bytes, rng: random.Random) -> bytes:
    """With some u32 of block header or of packet headers replaced by what is hard to digest."""
    words = bytearray(octets)
    for _ in range(rng.randrange(1, 6)):
        at = rng.choice([12, 16, 20, *(4 * n for n in range(12, 120))])
        value = rng.choice([0, 1, 8, 48, 68, 72, 4088, 4096, 4097, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1,
                            rng.randrange(4096), rng.randrange(0, 4096, 8), rng.randrange(2**32)])
        struct.pack_into("=I", words, at, value)
    return bytes(words)


def compare(blocks: list[bytes], capacity: int, options: dict) -> None:
    octets = b"".join(blocks)
    ring, twin = Ring(octets, **options), Twin(bytearray(octets), **options)
    assert read_all(twin, capacity) == read_all(ring, capacity)
    assert twin.next_packets(capacity) == ring.next_packets(capacity)
    assert twin.unreadable == ring.place[walk.UNREADABLE]
    assert [struct.unpack_from("=I", twin.ring, n * BLOCK + 8)[0] for n in range(len(blocks))] == ring.statuses()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("mutate", [False, True], ids=["sound", "hostile"])
def test_as_the_twin(seed: int, mutate: bool):
    """Packets, times, tags, what is unreadable, blocks given back: all the same, whatever the blocks hold."""
    rng = random.Random(seed * 2 + mutate)
    for _ in range(100):
        blocks = [random_block(rng) for _ in range(rng.randrange(1, 5))]
        if mutate:
            blocks = [damaged(b, rng) for b in blocks]
        options = {"snaplen": rng.choice([64, 65535]), "ethernet": rng.random() < 0.8, "skip_outgoing": rng.random() < 0.3}
        compare(blocks, rng.choice([1, 3, 4096]), options)


def test_a_block_changes_nothing_outside_of_itself():
    """Hostile blocks between two that are not ours: their octets stay."""
    rng = random.Random(5)
    for _ in range(300):
        guard = b"\xaa" * BLOCK
        ring = Ring(guard + damaged(random_block(rng), rng) + guard)
        ring.place[walk.BLOCK] = 1
        ring.octets[BLOCK + 8] = USER
        ring.octets[2 * BLOCK + 8] = 0
        before = ring.octets.copy()
        ring.next_packets(4096)
        assert np.array_equal(before[:BLOCK], ring.octets[:BLOCK])
        assert np.array_equal(before[2 * BLOCK :], ring.octets[2 * BLOCK :])


def test_the_tag_is_put_back():
    """Captured and wire grow by its four octets; without a TPID it is a customer's; other devices than Ethernet have none."""
    plain, customer, service = Frame(FRAME), Frame(FRAME, status=VLAN, tci=0xA04D), Frame(
        FRAME, wire=1000, status=VLAN | VLAN_TPID, tci=7, tpid=0x88A8)
    content = block([plain, customer, service])
    when = 1_700_000_000_000_000_000
    expected = [(FRAME, 100, when), (FRAME[:12] + b"\x81\x00\xa0\x4d" + FRAME[12:], 104, when),
                (FRAME[:12] + b"\x88\xa8\x00\x07" + FRAME[12:], 1004, when)]
    assert expected == Ring(content).next_packets(10)
    assert [FRAME] * 3 == [octets for octets, _, _ in Ring(content, ethernet=False).next_packets(10)]


def test_a_block_is_given_back_after_its_last_packets_only():
    """By the call that follows; before, the kernel must not write into it. Then comes the next block, and the first again."""
    ring = Ring(block([Frame(FRAME)] * 5) + block([Frame(FRAME[:60])]))
    assert [3, 2] == [len(ring.next_packets(3)), len(ring.next_packets(3))]
    assert [USER, USER] == ring.statuses()
    assert [FRAME[:60]] == [octets for octets, _, _ in ring.next_packets(3)]
    assert [0, USER] == ring.statuses()
    assert [] == ring.next_packets(3)
    assert [0, 0] == ring.statuses()
    ring.octets[:BLOCK] = np.frombuffer(block([Frame(FRAME)]), np.uint8)
    assert [FRAME] == [octets for octets, _, _ in ring.next_packets(3)]


def test_nothing_is_held_after_a_block_without_packets_for_us():
    """A block of copies of what was sent is given back, and the next one read in the same call."""
    ring = Ring(block([Frame(FRAME, kind=OUTGOING)] * 3) + block([Frame(FRAME, kind=0)]), skip_outgoing=True)
    assert 1 == len(ring.next_packets(2))
    assert [0, USER] == ring.statuses()


def test_times_have_nanoseconds():
    """Also beyond 2038."""
    ring = Ring(block([Frame(FRAME, seconds=4_000_000_000, nanoseconds=999_999_999)]))
    assert [4_000_000_000_999_999_999] == [time for _, _, time in ring.next_packets(1)]


def test_packets_of_a_block_that_makes_no_sense_are_counted():
    """A count that cannot be true counts as what fits into a block; the block is given back."""
    content = bytearray(block([Frame(FRAME)] * 3))
    struct.pack_into("=I", content, 48, 9)  # the next packet would start within the first
    ring = Ring(bytes(content))
    assert [] == ring.next_packets(4)
    assert 3 == ring.place[walk.UNREADABLE]
    struct.pack_into("=I", content, 12, 2**32 - 1)
    ring = Ring(bytes(content))
    assert [] == ring.next_packets(4)
    assert BLOCK // 68 == ring.place[walk.UNREADABLE]
    ring.next_packets(4)
    assert [0] == ring.statuses()


def test_a_packet_that_is_not_aligned_is_not_read():
    """Kernels align packets to 8 octets (V3_ALIGNMENT); the fields of one that is not would be taken from elsewhere."""
    content = bytearray(block([Frame(FRAME), Frame(FRAME)]))
    content[48 + 196 : 48 + 196 + 192] = content[48 + 192 : 48 + 192 + 192]
    struct.pack_into("=I", content, 48, 196)
    struct.pack_into("=I", content, 20, BLOCK)
    ring = Ring(bytes(content))
    assert 1 == len(ring.next_packets(4))
    assert 1 == ring.place[walk.UNREADABLE]
