"""Packet time that a lane has reached."""

from tmon_probe.child.lane_time import LaneTime
from tmon_probe.ring import Ring


def test_what_is_told_holds_when_the_records_before_it_are_done():
    """Not while some of them wait, and at once where none does."""
    ring = Ring(8, 16)
    time = LaneTime(ring, 0)
    assert (0, 0) == (time.look(1), time.done(0))
    ring.publish(2, 0, 100)
    assert 2 == time.look(2)
    assert (0, 100) == (time.done(1), time.done(2))
    ring.release(2)
    ring.publish(1, 0, 200)
    assert 1 == time.look(3)
    ring.publish(2, 0, 300)
    assert 3 == time.look(4)
    assert (100, 200, 200, 300) == (time.done(0), time.done(1), time.done(2), time.done(3))
    ring.release(3)
    ring.publish(0, 0, 250)  # a recording that follows may be older
    assert (0, 250) == (time.look(5), time.done(0))
    assert (250, 5) == (time.watermark_ns, time.new_ns)
    time.look(6)
    assert 5 == time.new_ns
    ring.close()


def test_what_is_kept_is_bounded_by_the_ring():
    """However often time is told while the child cannot go on, as with a collector that takes nothing."""
    ring = Ring(8, 16)
    time = LaneTime(ring, 0)
    ring.publish(1, 0, 100)
    time.look(0)
    for now in range(1, 1000):
        ring.publish(0, 0, 100 + now)
        time.look(now)
    assert 1 == len(time._told)
    assert (0, 1099) == (time.done(0), time.done(1))
    ring.close()
