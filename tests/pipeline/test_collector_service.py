"""What a service manager hears of programs that collect."""

import pytest

from tests.notified import Notified
from tests.pipeline.netflow_peers import Receiver
from tests.pipeline.probe_process import START_LIMIT_S, configure, start_collector, until

WATCHDOG_US = 400_000
STEPS = ["reading what the last run has left", "compiling"]


@pytest.fixture
def manager(tmp_path, monkeypatch):
    with Notified(tmp_path, WATCHDOG_US) as manager:
        for name, value in manager.variables.items():
            monkeypatch.setenv(name, value)
        yield manager


def test_a_collector(tmp_path, manager):
    """Each step of its start; ready once it listens; that it gets on, though nothing comes; a switch; at last why it stops."""
    configuration = configure(tmp_path, '<interface name="lan" device="lo"/>')
    listening = f"listening on port {configuration.collectors[0].port}"
    with start_collector(tmp_path) as collector:
        until(lambda: manager.count("READY"), "it is ready")
        assert [*STEPS, listening] == manager.values("STATUS")
        heard = manager.count("WATCHDOG")
        until(lambda: manager.count("WATCHDOG") >= heard + 5, "it gets on")
        (tmp_path / "tmon-new.xml").write_text((tmp_path / "tmon.xml").read_text().replace('rotate="1h"', 'rotate="2h"'))
        until(lambda: manager.count("READY") == 2, "it is ready with the next configuration", START_LIMIT_S)
        heard = manager.count("WATCHDOG")
        until(lambda: manager.count("WATCHDOG") > heard, "it gets on")
        collector.process.terminate()
        assert 0 == collector.wait(), collector.messages
    told = [m["STATUS"] for m in manager.told if "STATUS" in m and not m["STATUS"].startswith(f"{listening};")]
    assert [*STEPS, listening, "configuration switch: writing what is due", *STEPS, listening, "stopping: asked to"] == told
    [reloading] = [m for m in manager.told if "RELOADING" in m]
    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert 1 == manager.count("STOPPING")


def test_a_receiver_of_flow_records(tmp_path, manager):
    """Ready once it listens; that it gets on, though nothing comes; at last why it stops."""
    with Receiver(tmp_path / "spool") as receiver:
        until(lambda: manager.count("READY"), "it is ready")
        until(lambda: manager.count("WATCHDOG") >= 5, "it gets on")
        assert 0 == receiver.stop(), receiver.messages
    told = manager.values("STATUS")
    assert (f"listening on port {receiver.port}", "stopping: asked to") == (told[0], told[-1])
    assert 1 == manager.count("READY") == manager.count("STOPPING")
