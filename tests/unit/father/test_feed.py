"""How far in packet time a source is."""

from types import SimpleNamespace

from tmon_common.clock import FakeClock
from tmon_common.config.model import SECOND
from tmon_probe.father.feed import LIVE_DELAY_NS, Feed


def test_an_idle_device_gives_nothing_from_before_it_was_opened():
    """Later it may be so late; packets that were stamped before it was opened do not exist."""
    clock = FakeClock()
    opened_ns = clock.wall_ns()
    source = SimpleNamespace(live=True, paced=False, next_batch=lambda: None)
    feed = Feed(source, "eth0", None, None, None)
    for _ in range(3):
        assert not feed.fetch(clock)
        assert feed.reached_ns == opened_ns
        clock.advance(LIVE_DELAY_NS // 2)
    clock.advance(SECOND)
    assert not feed.fetch(clock)
    assert feed.reached_ns == clock.wall_ns() - LIVE_DELAY_NS > opened_ns
