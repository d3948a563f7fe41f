"""Octets in order out of the segments of one direction."""

from tmon_probe.child.ftp.stream import HOLD_NS, MAX_HELD_OCTETS, MAX_HELD_SEGMENTS, Stream


def _begun(isn: int = 99) -> Stream:
    stream = Stream()
    stream.begin(isn)
    return stream


def test_in_order():
    """Segments in order come out as they are."""
    stream = _begun()
    assert [b"ab"] == stream.add(100, b"ab", 0)
    assert [b"cd"] == stream.add(102, b"cd", 0)


def test_retransmission_is_dropped():
    """What was seen comes out once, also where a segment repeats some of it; what came first wins."""
    stream = _begun()
    stream.add(100, b"abcd", 0)
    assert [] == stream.add(100, b"XXXX", 0)
    assert [b"ef"] == stream.add(102, b"YYef", 0)


def test_early_segment_waits():
    """A segment that came too early comes out when what is before it has come."""
    stream = _begun()
    assert [] == stream.add(102, b"cd", 0)
    assert [] == stream.add(102, b"c", 0)
    assert [b"ab", b"cd"] == stream.add(100, b"ab", 0)
    assert 0 == stream.gaps


def test_numbers_wrap():
    """Sequence numbers go on after 2**32 - 1 with 0."""
    stream = _begun(2**32 - 3)
    assert [] == stream.add(1, b"d", 0)
    assert [b"abc", b"d"] == stream.add(2**32 - 2, b"abc", 0)


def test_acknowledged_gap():
    """What the receiver has acknowledged and nobody saw is a gap; an acknowledgement of what is before it changes nothing."""
    stream = _begun()
    stream.add(100, b"a", 0)
    stream.add(105, b"f", 0)
    stream.add(110, b"k", 0)
    assert [] == stream.acknowledged(101)
    assert [None, b"f"] == stream.acknowledged(106)
    assert [None, b"k"] == stream.acknowledged(111)
    assert 2 == stream.gaps


def test_overflow_is_a_gap():
    """No more than so many segments and octets are held, and not for longer than so."""
    many = _begun()
    out = [piece for n in range(MAX_HELD_SEGMENTS + 1) for piece in many.add(102 + 2 * n, b"x", 0)]
    assert [None, b"x"] == out
    big = _begun()
    assert [None, b"x" * (MAX_HELD_OCTETS + 1)] == big.add(101, b"x" * (MAX_HELD_OCTETS + 1), 0)
    old = _begun()
    old.add(101, b"b", 0)
    assert [None, b"b"] == old.add(103, b"d", HOLD_NS + 1)


def test_picked_up_in_the_middle():
    """Without a SYN the stream begins with the first segment seen."""
    stream = Stream()
    assert [b"hello"] == stream.add(77, b"hello", 0)
    stream.begin(5)
    assert [b"!"] == stream.add(82, b"!", 0)


def test_rest():
    """At the end what is held comes out, gaps told."""
    stream = _begun()
    stream.add(105, b"f", 0)
    assert [None, b"f"] == stream.rest()
    assert [] == stream.rest()
