"""What a one-way class tells, and how often."""

from __future__ import annotations

from tests.unit.collector.one_way_engine.make import MS, T0, block, define, engine, settle_all
from tmon_collector.one_way.telling import REPEAT_NS, WAITING_NS, ClassTelling
from tmon_common.config.model import SECOND


def deliver(e, probe, seconds, sequence=0, now_ns=0, signature=None, back_ms=0):
    """Two packets a second, at all hops at about the same time."""
    point = "abc".index(probe) + 1
    rows = [(7, point, n if signature is None else signature, T0 + n * SECOND // 2 + (point * 10 - back_ms) * MS)
            for n in range(2 * seconds.start, 2 * seconds.stop)]
    e.take(block(rows, sequence, T0 + seconds.stop * SECOND), probe, 1, now_ns)


def codes(telling, now_ns):
    return [e.code for e in telling.look(now_ns, 0)]


def test_a_probe_that_is_waited_for_is_told_once():
    e = engine()
    telling = ClassTelling(e)
    define(e)
    assert codes(telling, 0) == []
    for probe in "ab":
        deliver(e, probe, range(100), now_ns=SECOND)
    settle_all(e)
    assert codes(telling, WAITING_NS) == []
    found = telling.look(SECOND + WAITING_NS, 5)
    assert [(f.code, f.subject, dict(f.values)) for f in found] == [("one_way_waiting", "voice", {"probes": "c", "seconds": 60})]
    assert codes(telling, SECOND + 2 * WAITING_NS) == []
    deliver(e, "c", range(100))
    settle_all(e)
    assert codes(telling, SECOND + 3 * WAITING_NS) == []


def test_forced_rounds_and_what_is_unused():
    e = engine(max_lifetime_ns=100 * SECOND)
    telling = ClassTelling(e)
    define(e)
    for probe in "ab":
        deliver(e, probe, range(50))
    settle_all(e, 100 * SECOND)
    found = {f.code: dict(f.values) for f in telling.look(100 * SECOND, 0)}
    assert found["one_way_forced"] == {"probes": "c", "reason": "max_lifetime", "rounds": e.counts.rounds_forced}
    deliver(e, "c", range(20))
    found = telling.look(101 * SECOND, 0)
    assert [(f.code, dict(f.values)) for f in found] == [("one_way_unused", {"observations": 40, "reasons": "40 late"})]
    deliver(e, "c", range(20, 30), sequence=1)
    assert codes(telling, 102 * SECOND) == []
    assert codes(telling, 101 * SECOND + REPEAT_NS) == ["one_way_unused"]


def test_clashes_beyond_the_rate():
    e = engine()
    telling = ClassTelling(e)
    define(e)
    for probe in "abc":
        deliver(e, probe, range(100), signature=5)
    settle_all(e)
    assert "signature_clashes" in codes(telling, 0)
    assert "signature_clashes" not in codes(telling, 1)


def test_negative_delays():
    e = engine()
    telling = ClassTelling(e)
    define(e)
    for probe in "ab":
        deliver(e, probe, range(100))
    deliver(e, "c", range(100), back_ms=500)
    settle_all(e)
    found = telling.look(0, 0)
    assert [(f.code, dict(f.values)["negative"]) for f in found] == [("negative_delays", e.counts.packets)]
