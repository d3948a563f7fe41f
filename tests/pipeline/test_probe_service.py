"""What a service manager hears of a probe: that it is ready, that all its processes get on, and what it does at its end."""

import os
import signal

import pytest

from tests.notified import Notified
from tests.pipeline.probe_process import Probe, configure, recording, start_collector, until

WATCHDOG_US = 1_000_000
INTERFACE = '<interface name="lan" capture="replay" pace="own"><file path="waiting.pcap"/></interface>'


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A collector at work, a recording that takes an hour, and the service manager of the probe to come."""
    recording(tmp_path / "waiting.pcap", 50, 1)
    configuration = configure(tmp_path, INTERFACE)
    with start_collector(tmp_path), Notified(tmp_path, WATCHDOG_US) as manager:
        for name, value in manager.variables.items():
            monkeypatch.setenv(name, value)
        yield tmp_path, configuration, manager


def turned(probe, name, more=20):
    """Whether that process has turned so often from the first time that this is asked."""
    first = probe.numbers()[name]
    return lambda: probe.numbers()[name] >= first + more


@pytest.mark.parametrize(("stopped", "goes_on"), [("child_pid", "father_0_turns"), ("father_0_pid", "child_turns")])
def test_the_watchdog_hears_of_progress_of_all_processes(site, stopped, goes_on):
    """Ready when packets can be read. When one of the two stands still nothing more is heard, though the other gets on; and again
    when it goes on."""
    directory, configuration, manager = site
    with Probe(directory, configuration) as probe:
        until(lambda: manager.count("READY"), "it is ready", 60)
        assert probe.capturing()
        heard = manager.count("WATCHDOG")
        until(lambda: manager.count("WATCHDOG") >= heard + 2, "progress is told")
        pid = probe.numbers()[stopped]
        os.kill(pid, signal.SIGSTOP)
        until(turned(probe, goes_on, 5), "the other gets on")  # what was told before may have been of its last turn
        heard = manager.count("WATCHDOG")
        until(turned(probe, goes_on), "the other gets on")
        assert heard == manager.count("WATCHDOG")
        os.kill(pid, signal.SIGCONT)
        until(lambda: manager.count("WATCHDOG") > heard, "progress is told again")
        probe.process.terminate()
        assert 0 == probe.wait(), probe.messages
    assert 1 == manager.count("READY")
    assert ["stopping: asked to"] == [m["STATUS"] for m in manager.told if "STOPPING" in m]
    first = manager.values("STATUS")[:4]
    assert ["opening the interfaces", "compiling", "starting the processes", "capturing, interfaces: 1"] == first


def test_a_switch_is_a_reload(site):
    """In the same process: reloading, then its start step by step, then ready anew; the manager is never told that it stops."""
    directory, configuration, manager = site
    with Probe(directory, configuration) as probe:
        until(lambda: manager.count("READY"), "it is ready", 60)
        text = (directory / "tmon.xml").read_text()
        (directory / "tmon-new.xml").write_text(text.replace('interval="1s"', 'interval="2s"'))
        until(lambda: manager.count("READY") == 2, "it is ready with the new version", 60)
        told = manager.told
        probe.process.terminate()
        assert 0 == probe.wait(), probe.messages
    [reloading] = [n for n, m in enumerate(told) if "RELOADING" in m]
    steps = [m["STATUS"] for m in told[reloading:] if "STATUS" in m]
    assert steps[-4:] == ["opening the interfaces", "compiling", "starting the processes", "capturing, interfaces: 1"]
    assert steps[0].startswith("configuration switch")
    assert not any("STOPPING" in m for m in told)
