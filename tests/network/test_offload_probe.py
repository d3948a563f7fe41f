"""Offloads that a whole probe has switched off are on again however it ends, early or late."""

import os
import shutil
import signal

import pytest

from tests.network.conftest import DEVICE
from tests.network.test_privileges import NET_ADMIN, NET_RAW, assert_given_up
from tests.network.test_probe_live import send_frames, udp_frame
from tests.pipeline.probe_process import START_LIMIT_S, Probe, configure, until

pytestmark = [pytest.mark.network, pytest.mark.oracle]
INTERFACE = f'<interface name="all" device="{DEVICE}" offloads="off"/>'


def features(host) -> str:
    return host.run(["ethtool", "-k", DEVICE]).stdout


@pytest.fixture
def watcher(cable):
    """Its device can merge packets, and does."""
    if not shutil.which("ethtool"):
        pytest.skip("the program ethtool is not installed")
    host = cable[1]
    assert 0 == host.run(["ethtool", "-K", DEVICE, "gro", "on"]).returncode
    return host


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_it_starts(watcher, tmp_path, number):
    """As soon as they are off: whatever it is doing then, they come on again."""
    before = features(watcher)
    with Probe(tmp_path, configure(tmp_path, INTERFACE), command=watcher.command) as probe:
        until(lambda: features(watcher) != before, "they are off", START_LIMIT_S)
        probe.process.send_signal(number)
        assert probe.wait(START_LIMIT_S) >= 0
        until(probe.gone, "nothing is left of the probe", 2)
        assert "Traceback" not in probe.messages
    assert before == features(watcher)


def test_the_main_process_is_killed_while_it_waits_for_the_child(cable, watcher, tmp_path):
    """Nobody acknowledges, so the child is still at work when the probe was told to stop and is killed then: the keeper
    restores."""
    before = features(watcher)
    with Probe(tmp_path, configure(tmp_path, INTERFACE), command=watcher.command) as probe:
        probe.until_capturing()
        send_frames(cable[0], udp_frame(), 10)
        until(lambda: probe.numbers()["packets_seen"] == 10, "all are seen")
        probe.process.terminate()
        until(lambda: "probe probe: stopped: asked to" in probe.messages, "only the child is waited for")
        os.kill(probe.process.pid, signal.SIGKILL)
        assert -signal.SIGKILL == probe.wait()
        until(probe.gone, "the child ends")
    assert before == features(watcher)


def test_a_device_made_anew_is_switched_off_too(watcher, tmp_path):
    """It comes with its offloads on, as new devices do."""
    def make() -> None:
        watcher.ip("link add anew0 type veth peer name anew1")
        assert 0 == watcher.run(["ethtool", "-K", "anew0", "gro", "on"]).returncode
        for name in ("anew0", "anew1"):
            watcher.ip(f"link set {name} up")

    def merges() -> bool:
        return "generic-receive-offload: on" in watcher.run(["ethtool", "-k", "anew0"]).stdout

    make()
    configuration = configure(tmp_path, INTERFACE.replace(f'device="{DEVICE}"', 'device="anew0"'))
    with Probe(tmp_path, configuration, command=watcher.command) as probe:
        probe.until_capturing()
        assert not merges()
        assert_given_up(probe, NET_RAW | NET_ADMIN)
        watcher.ip("link delete anew0")
        until(lambda: "device anew0 is gone" in probe.messages, "its loss is told")
        make()
        until(lambda: "device anew0 is back" in probe.messages, "it is captured from again")
        until(lambda: not merges(), "its offloads are off")
        assert_given_up(probe, NET_RAW | NET_ADMIN)
        probe.process.terminate()
        probe.wait()
    assert merges()
    watcher.ip("link delete anew0")
