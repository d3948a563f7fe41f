"""When the service manager hears of a probe: of each process a turn, or nothing."""

import pytest

from tests.notified import Notified
from tmon_common.clock import FakeClock
from tmon_common.config.model import Configuration, Interface, Probe, Publication
from tmon_common.service_manager import reloading, step, stopping
from tmon_probe import health
from tmon_probe.service import STATUS_EVERY_NS, Service

PROBE = Probe("edge", (Interface("lan", device="eth0"), Interface("wan", device="eth1")),
              (Publication("a", "127.0.0.1", 1), Publication("b", "127.0.0.1", 2)))
PERIOD_US = 4_000_000


@pytest.fixture
def manager(tmp_path, monkeypatch):
    with Notified(tmp_path, PERIOD_US) as manager:
        for name, value in manager.variables.items():
            monkeypatch.setenv(name, value)
        yield manager


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def block(tmp_path):
    block = health.create(Configuration(tmp_path / "tmon.xml", (PROBE,)), "edge", 17, [[0], [1]])
    yield block
    block.close()


def turn(block, *fathers, child=True):
    block.child().add(child_turns=int(child))
    for n in fathers:
        block.father(n).add(turns=1)


def test_ready_when_all_are_at_work(manager, block, clock):
    """Once."""
    service = Service(PROBE, block, clock)
    service.look([0, 1])
    turn(block, 0, 1, child=False)
    service.look([0, 1])
    assert manager.count("READY") == 0
    turn(block)
    for _ in range(3):
        service.look([0, 1])
    assert manager.count("READY") == 1


@pytest.mark.parametrize(("alive", "turns", "child", "heard"), [
    ([0, 1], [0, 1], True, 1), ([0, 1], [0, 1], False, 0), ([0, 1], [0], True, 0), ([0, 1], [1], True, 0), ([1], [1], True, 1),
    ([], [], True, 1), ([], [], False, 0)])
def test_progress_is_that_of_each(manager, block, clock, alive, turns, child, heard):
    """A father that has finished its recordings is not waited for; nobody makes up for another."""
    service = Service(PROBE, block, clock)
    turn(block, 0, 1)
    service.look(alive)
    before = manager.count("WATCHDOG")
    clock.advance(PERIOD_US * 1000)
    turn(block, *turns, child=child)
    service.look(alive)
    assert manager.count("WATCHDOG") - before == heard


def test_what_it_does(manager, block, clock):
    """In a line: the rate, and what is amiss."""
    service = Service(PROBE, block, clock)
    turn(block, 0, 1)
    block.lane(0, 0).set(packets_seen=50_000, kernel_drops=7)
    clock.advance(STATUS_EVERY_NS)
    service.look([0, 1])
    block.lane(1, 1).set(packets_seen=10_000, device_gone=1)
    block.link(1).set(long_retry=1)
    clock.advance(STATUS_EVERY_NS)
    service.look([0, 1])
    assert manager.values("STATUS")[1:] == [
        "10,000 packets/s, 50,000 in all, 7 dropped by the kernel",
        "2,000 packets/s, 60,000 in all, 7 dropped by the kernel; nothing acknowledged by b; device gone: wan"]


def test_start_switch_and_stop(manager):
    """A start may take long, and counts as progress after a switch; a switch is told with its time, a stop with its reason."""
    step("compiling")
    reloading("configuration switch: delivering what was measured")
    stopping("asked to")
    start, switch, stop = manager.told
    assert start["STATUS"] == "compiling"
    assert int(start["EXTEND_TIMEOUT_USEC"]) > 60_000_000
    assert start["WATCHDOG"] == switch["RELOADING"] == stop["STOPPING"] == "1"
    assert int(switch["MONOTONIC_USEC"]) > 0
    assert stop["STATUS"] == "stopping: asked to"
