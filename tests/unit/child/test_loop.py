"""How long the child waits for acknowledgements at its end."""

from types import SimpleNamespace

import pytest

from tmon_common.clock import FakeClock
from tmon_common.config.model import SECOND, Probe, Publication
from tmon_probe.child.loop import Child


@pytest.fixture
def intake():
    return SimpleNamespace(hurried=False, cut_short=False)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def statistics():
    return SimpleNamespace(acked=0)


@pytest.fixture
def child(intake, clock, statistics):
    publisher = SimpleNamespace(statistics=statistics, parameters=Publication("c", "127.0.0.1", 1, final_timeout_ns=60 * SECOND))
    publication = SimpleNamespace(publishers=[publisher])
    return Child(intake, lambda _: None, publication, None, None, clock,
                 probe=Probe("p", (), (), seal="crc"), keys=None, lossless=False, hurry_ns=5 * SECOND)


def test_as_long_as_something_is_acknowledged(child, intake, clock, statistics):
    """Also when the end is waited for; without acknowledgement the final timeout counts, or five seconds then."""
    assert not child._out_of_patience()
    clock.advance(60 * SECOND)
    assert not child._out_of_patience()
    intake.hurried = True
    for _ in range(20):
        statistics.acked += 1
        assert not child._out_of_patience()
        clock.advance(5 * SECOND)
        assert not child._out_of_patience()
    clock.advance(1)
    assert child._out_of_patience()


def test_nobody_waits_any_longer(child, intake, statistics):
    """A collector that takes a little now and then does not keep a probe from its new configuration."""
    intake.hurried = intake.cut_short = True
    statistics.acked += 1
    assert child._out_of_patience()


def test_nothing_is_flushed_for_a_time_that_was_not_observed(intake, clock, statistics):
    """Packet time stands a second behind the clock: at first that is before capture began, which nobody must take for observed."""
    flushed = []
    publication = SimpleNamespace(publishers=[])
    child = Child(intake, lambda _: SimpleNamespace(flush=flushed.append), publication, None, None, clock,
                  probe=Probe("p", (), (), seal="crc"), keys=None, lossless=False, hurry_ns=5 * SECOND)
    began = 10_000 * SECOND
    for reached in (0, began, began + SECOND // 2, began + SECOND - 1):
        child._flush(reached)
    assert flushed == []
    child._flush(began + SECOND)
    child._flush(began + 3 * SECOND)
    assert flushed == [began, began + 2 * SECOND]
    back = began - 3600 * SECOND  # the clock is set
    for reached in (back, back + SECOND // 2, back + SECOND):
        child._flush(reached)
    assert flushed[2:] == [back]
