"""The ring between two real processes: every record once and in order, both sides woken, nothing left behind."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from tmon_probe.father.dissect import RECORDS_PER_PACKET
from tmon_probe.ring import Ring


def named_segments() -> list[str]:
    """Segments of shared memory that this process holds and that still have a name (the kernel says so of those without)."""
    maps = Path("/proc/self/maps").read_text().splitlines()
    return [line for line in maps if "/dev/shm/" in line and not line.endswith("(deleted)")]


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
        count = min(free.count, int(sizes[turn % len(sizes)]), total - sent)
        turn += 1
        part = ring.records[free.start : free.start + count]
        part["class_mask"] = 1
        part["time_ns"] = np.arange(sent + 1, sent + count + 1)
        part["signature"] = part["time_ns"] * 7
        sent += count
        ring.publish(count, sent)
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
                return received, good
            ring.wait_for_data(1.0)
            continue
        count = min(span.count, int(sizes[turn % len(sizes)]))
        turn += 1
        part = ring.records[span.start : span.start + count]
        times = part["time_ns"][part["class_mask"] != 0]
        good &= np.array_equal(times, np.arange(received + 1, received + len(times) + 1))
        good &= bool((part["signature"][part["class_mask"] != 0] == times * 7).all())
        received += len(times)
        good &= watermark <= received + ring.slots
        ring.release(count)


@pytest.mark.parametrize(("slots", "total"), [(4, 20_000), (8, 40_000), (256, 1_000_000), (4096, 1_000_000)])
def test_two_processes(slots, total):
    """Records go from one process to another through a small ring, in order, without loss, however the two keep pace."""
    before = named_segments()
    ring = Ring(slots)
    assert before == named_segments()  # the name is gone before anything can fail
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
    ring = Ring(8)
    waited = threading.Thread(target=lambda: [ring.wait_for_data(1.0) for _ in iter(lambda: ring.filled().count, 1)])
    waited.start()
    ring.publish(1, 5)
    waited.join(10)
    assert not waited.is_alive()
    assert 5 == ring.watermark_ns
    ring.close()


def test_wake_the_producer():
    """A producer that waits for space is woken when some is freed."""
    ring = Ring(8)
    ring.publish(8, 0)
    assert ring.free().count == 0
    waited = threading.Thread(target=lambda: [ring.wait_for_space() for _ in iter(lambda: ring.free().count, 3)])
    waited.start()
    ring.release(3)
    waited.join(10)
    assert not waited.is_alive()
    ring.close()


def test_too_little_space_is_waited_for(monkeypatch):
    """A producer sleeps until a quarter of the ring is free, and what it needs, instead of asking in a loop for every slot."""
    ring, slept = Ring(8), []
    monkeypatch.setattr("tmon_probe.ring.select.select", lambda *arguments: slept.append(arguments[0]))
    ring.publish(7, 0)
    ring.wait_for_space(1)
    assert 1 == len(slept)
    ring.release(1)
    ring.wait_for_space(2)
    assert 1 == len(slept)
    ring.wait_for_space(3)
    assert 2 == len(slept)
    ring.close()


def test_other_descriptors_wake_the_consumer():
    """An acknowledgement that comes in (any descriptor) ends the wait for data."""
    ring = Ring(8)
    readable, writable = os.pipe()
    os.write(writable, b"x")
    ring.wait_for_data(60.0, (readable,))
    os.close(readable)
    os.close(writable)
    ring.close()


def test_spans_end_at_the_end_of_the_array():
    """Free and filled spans never wrap; a pad fills the last slot with a record of no class."""
    ring = Ring(4)
    ring.publish(3, 1)
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


@pytest.mark.parametrize("slots", [0, 1, 3, 6, -4])
def test_size_is_a_power_of_two(slots):
    with pytest.raises(ValueError, match="power of two"):
        Ring(slots)
