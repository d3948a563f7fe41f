"""The ring between two real processes: every record once and in order, both sides woken, nothing left behind."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.oracles.ring_entries import is_whole, write_entry
from tmon_probe.father.dissect import RECORDS_PER_PACKET
from tmon_probe.ring import AREA_HEAD, AREA_TAIL, Ring, wait_for_publication


def named_segments() -> list[str]:
    """Segments of shared memory that this process holds and that still have a name (the kernel says so of those without)."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in maps if "/dev/shm/" in line and not line.endswith("(deleted)")]


def length_of(number: int, longest: int) -> int:
    """Most records carry nothing; some as much as there may be."""
    return 0 if number * 2654435761 % 97 < 60 else number * 40503 % (longest + 1)


def write(ring: Ring, slot: int, number: int, position: int, area_free: int) -> int | None:
    """Record `number`; the next position in the area, or None if it does not fit."""
    after = write_entry(ring, slot, number, length_of(number, ring.octets // 4), position, area_free)
    if after is not None:
        ring.records[slot]["class_mask"], ring.records[slot]["time_ns"] = 1, number
    return after


def produce(ring: Ring, total: int, seed: int) -> None:
    """As the father does: at least two slots in a row, else a pad. Records are numbered from 1; a pad has class mask 0."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, ring.slots + 1, 4096)
    sent = turn = 0
    while sent < total:
        free = ring.free()
        if free.count < RECORDS_PER_PACKET:
            if free.count and free.start + free.count == ring.slots:
                ring.pad()
            else:
                ring.wait_for_space(RECORDS_PER_PACKET)
            continue
        most = min(free.count, int(sizes[turn % len(sizes)]), total - sent)
        turn += 1
        count = 0
        position, area_free = ring.area_free()
        while count < most and (after := write(ring, free.start + count, sent + count + 1, position, area_free)) is not None:
            area_free -= after - position
            position = after
            count += 1
        sent += count
        if count:
            ring.publish(count, position, sent)
        else:
            ring.wait_for_space(RECORDS_PER_PACKET, ring.octets // 2)
    ring.end()


def consume(ring: Ring, seed: int) -> tuple[int, bool]:
    """(records received, all of them in order and whole)."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, ring.slots + 1, 4096)
    received, good, turn = 0, True, 0
    while True:
        ended, watermark = ring.ended, ring.watermark_ns
        span = ring.filled()
        if not span.count:
            if ended:
                return received, good and ring.area_fill == 0
            ring.wait_for_data(1.0)
            continue
        count = min(span.count, int(sizes[turn % len(sizes)]))
        turn += 1
        part = ring.records[span.start : span.start + count]
        part = part[part["class_mask"] != 0]
        times = part["time_ns"]
        good &= np.array_equal(times, np.arange(received + 1, received + len(times) + 1))
        good &= bool((part["signature"] == times).all())
        good &= part["bytes_length"].tolist() == [length_of(n, ring.octets // 4) for n in times.tolist()]
        good &= all(is_whole(ring, record) for record in part)
        received += len(times)
        good &= watermark <= received + ring.slots
        ring.release(count)


@pytest.mark.parametrize(("slots", "octets", "total"), [
    (4, 16, 5000), (8, 4096, 10_000), (256, 512, 30_000), (256, 1 << 20, 3000), (4096, 4096, 30_000)])
@pytest.mark.parametrize("origin", [0, 2**32 - 5000])
def test_two_processes(slots, octets, total, origin):
    """Records and their octets go from one process to another through a small ring, in order, without loss, however the two keep
    pace; also where the offsets, modulo 2^32, begin again."""
    before = named_segments()
    ring = Ring(slots, octets)
    assert before == named_segments()  # the name is gone before anything can fail
    ring._words[AREA_HEAD] = ring._words[AREA_TAIL] = origin
    child = os.fork()
    if child == 0:
        try:
            produce(ring, total, 1)
        finally:
            os._exit(0)
    try:
        assert (total, True) == consume(ring, 2)
        assert 0 == os.waitpid(child, 0)[1]
        child = 0
    finally:
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        ring.close()


def test_wake_the_consumer():
    """A consumer that waits is woken by the first record."""
    ring = Ring(8, 16)
    waited = threading.Thread(target=lambda: [ring.wait_for_data(1.0) for _ in iter(lambda: ring.filled().count, 1)])
    waited.start()
    ring.publish(1, 0, 5)
    waited.join(10)
    assert not waited.is_alive()
    assert 5 == ring.watermark_ns
    ring.close()


def test_wake_the_producer():
    """A producer that waits for space is woken when some is freed."""
    ring = Ring(8, 16)
    ring.publish(8, 0, 0)
    assert ring.free().count == 0
    waited = threading.Thread(target=lambda: [ring.wait_for_space() for _ in iter(lambda: ring.free().count, 3)])
    waited.start()
    ring.release(3)
    waited.join(10)
    assert not waited.is_alive()
    ring.close()


def test_too_little_space_is_waited_for(monkeypatch):
    """A producer sleeps until a quarter of the ring is free, and what it needs, instead of asking in a loop for every slot."""
    ring, slept = Ring(8, 16), []
    monkeypatch.setattr("tmon_probe.ring.select.select", lambda *arguments: slept.append(arguments[0]))
    ring.publish(7, 0, 0)
    ring.wait_for_space(1)
    assert 1 == len(slept)
    ring.release(1)
    ring.wait_for_space(2)
    assert 1 == len(slept)
    ring.wait_for_space(3)
    assert 2 == len(slept)
    ring.close()


def test_too_few_octets_are_waited_for(monkeypatch):
    """The same for the area; a release tells how far it is free, with or without octets in the last record."""
    ring, slept = Ring(8, 64), []
    monkeypatch.setattr("tmon_probe.ring.select.select", lambda *arguments: slept.append(arguments[0]))
    ring.records["bytes_offset"][:3], ring.records["bytes_length"][:3] = (0, 20, 60), (20, 40, 0)
    ring.publish(3, 60, 0)
    assert (60, 4) == ring.area_free()
    ring.wait_for_space(1)
    assert 0 == len(slept)
    ring.wait_for_space(1, 5)
    assert 1 == len(slept)
    assert (True, False) == (ring.has_room(5, 4), ring.has_room(5, 5))
    assert (False, True) == (ring.has_room(6), ring.pressing)
    ring.release(1)
    assert (60, 24) == ring.area_free()
    ring.wait_for_space(1, 24)
    assert 1 == len(slept)
    ring.release(2)
    assert (60, 64) == ring.area_free()
    assert (0, False) == (ring.area_fill, ring.pressing)
    ring.close()


def test_rings_are_waited_for_together():
    """Whoever waits for several is woken by any of them, also by one that tells nothing but the time."""
    rings = [Ring(8, 16), Ring(8, 16)]
    for number, ring in enumerate(rings):
        since = [r.publications for r in rings]
        waited = threading.Thread(target=wait_for_changes, args=(rings, since))
        waited.start()
        ring.publish(0, 0, number)
        waited.join(10)
        assert not waited.is_alive()
    for ring in rings:
        ring.close()


def wait_for_changes(rings: list[Ring], since: list[int]) -> None:
    while since == [r.publications for r in rings]:
        wait_for_publication(rings, since, 60.0)


def test_other_descriptors_wake_the_consumer():
    """An acknowledgement that comes in (any descriptor) ends the wait for data."""
    ring = Ring(8, 16)
    readable, writable = os.pipe()
    os.write(writable, b"x")
    ring.wait_for_data(60.0, (readable,))
    os.close(readable)
    os.close(writable)
    ring.close()


def test_spans_end_at_the_end_of_the_array():
    """Free and filled spans never wrap; a pad fills the last slot with a record of no class."""
    ring = Ring(4, 16)
    ring.publish(3, 0, 1)
    assert (3, 1) == (ring.free().start, ring.free().count)
    ring.records["class_mask"] = 9
    ring.pad()
    assert (0, 0) == (ring.free().start, ring.free().count)
    assert (0, 4) == (ring.filled().start, ring.filled().count)
    assert [9, 9, 9, 0] == ring.records["class_mask"].tolist()
    ring.release(2)
    assert (2, 2) == (ring.filled().start, ring.filled().count)
    assert (0, 2) == (ring.free().start, ring.free().count)
    assert ring.fill == 2
    ring.close()


@pytest.mark.parametrize("octets", [0, 1, 48])
def test_length_of_the_area_is_a_power_of_two(octets):
    with pytest.raises(ValueError, match="octets: must be a power of two"):
        Ring(8, octets)


@pytest.mark.parametrize("slots", [0, 1, 3, 6, -4])
def test_size_is_a_power_of_two(slots):
    with pytest.raises(ValueError, match="power of two"):
        Ring(slots, 16)


def test_the_end_is_waited_for_and_then_no_longer():
    """Whoever hurries afterwards does not bring patience back."""
    ring = Ring(8, 1 << 12)
    seen = []
    for step in (lambda: None, ring.hurry, ring.cut, ring.hurry):
        step()
        seen.append((ring.hurried, ring.cut_short))
    ring.close()
    assert [(False, False), (True, False), (True, True), (True, True)] == seen
