"""What the service manager hears of a loop that goes round."""

import pytest

from tests.notified import Notified
from tmon_collector.service import LONGEST_WAIT_NS, STATUS_EVERY_NS, Service
from tmon_common.clock import FakeClock

PERIOD_US = 4_000_000


@pytest.fixture
def manager(tmp_path, monkeypatch):
    with Notified(tmp_path, PERIOD_US) as manager:
        for name, value in manager.variables.items():
            monkeypatch.setenv(name, value)
        yield manager


def test_progress_is_told_in_time(manager):
    """Four times a period, if the loop waits no longer than it may."""
    clock = FakeClock()
    service = Service(clock, lambda: "")
    for _ in range(10):
        clock.advance(service.wait_ns())
        service.look()
        service.look()
    assert 10 == manager.count("WATCHDOG")
    assert 9 * PERIOD_US // 4 * 1000 == clock.monotonic_ns()


def test_what_it_does_is_told_when_it_has_changed(manager):
    """Now and then: rows come faster than anybody reads."""
    clock, status = FakeClock(), "1 row"
    service = Service(clock, lambda: status)
    for status in ("1 row", "1 row", "2 rows"):  # noqa: B007 read by the lambda
        service.look()
        clock.advance(STATUS_EVERY_NS)
        service.look()
    assert ["1 row", "2 rows"] == manager.values("STATUS")


def test_without_a_service_manager(monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    service = Service(FakeClock(), lambda: "")
    service.look()
    assert LONGEST_WAIT_NS == service.wait_ns()
