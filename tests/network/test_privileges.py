"""Who has which capabilities while a probe captures: the keeper, and nobody else; and what works all the same."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.network.conftest import DEVICE
from tests.network.test_probe_live import send_frames, udp_frame
from tests.pipeline.probe_process import START_LIMIT_S, Probe, configure, start_collector, until

pytestmark = pytest.mark.network
NOTHING = {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapAmb": 0}
NET_ADMIN, NET_RAW = 1 << 12, 1 << 13
FATHERS = 2
SHARED = f'<interface name="all" device="{DEVICE}" capture="afpacket" fathers="{FATHERS}" filter="udp or vlan"/>'
LIBPCAP = f'<interface name="all" device="{DEVICE}" capture="libpcap"/>'
PORT = 9778  # of the collector, on loopback of a namespace


@pytest.fixture(scope="module")
def collector(cable, tmp_path_factory):
    """Takes what all probes here send; it knows nothing of their new versions."""
    directory = tmp_path_factory.mktemp("collector")
    configure(directory, SHARED, port=PORT)
    with start_collector(directory, command=cable[1].command) as collector:
        yield collector


def capabilities(pid: int) -> list[dict[str, int]]:
    """Of each thread of a process, by proc(5): its sets, and whether it can get new ones."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        found.append({name: int(lines[name], 16) for name in (*NOTHING, "CapBnd", "NoNewPrivs")})
    return found


def everybody(probe: Probe) -> list[int]:
    """Main process, other fathers, child."""
    return [probe.process.pid, *probe.children()]


def assert_given_up(probe: Probe, kept: int | None = NET_RAW, bounding: int = 0) -> None:
    """All threads of all processes have nothing and can get nothing, but for the keeper, which has `kept`; None: there is none."""
    rest = {"CapBnd": bounding, "NoNewPrivs": 1}
    for pid in everybody(probe):
        assert [NOTHING | rest] * len(capabilities(pid)) == capabilities(pid)
    if kept is None:
        assert not probe.keeper
    else:
        assert [NOTHING | rest | {"CapPrm": kept, "CapEff": kept}] == capabilities(probe.keeper)


def see(probe: Probe, sender, count: int = 10) -> None:
    """Frames that are sent now are counted."""
    before = probe.numbers()["packets_seen"]
    send_frames(sender, udp_frame(), count)
    until(lambda: probe.numbers()["packets_seen"] >= before + count, "all are seen")


def new_version(directory: Path, old: str = 'interval="1s"', new: str = 'interval="2s"') -> None:
    (directory / "tmon-new.xml").write_text((directory / "tmon.xml").read_text().replace(old, new))


def test_nobody_but_the_keeper_has_any(cable, collector, tmp_path):
    """Started by root. Before a switch of the configuration and after it, with the same keeper; with its death the switch ends in a
    status at which a service manager starts the probe anew. Until then it captures."""
    sender, watcher = cable
    with Probe(tmp_path, configure(tmp_path, SHARED, port=PORT), fathers=FATHERS, command=watcher.command) as probe:
        probe.until_capturing()
        assert FATHERS == len(probe.children())
        assert_given_up(probe)
        see(probe, sender)
        main, keeper, run = probe.process.pid, probe.keeper, probe.children()
        new_version(tmp_path)
        until(lambda: not set(run) & set(probe.children()) and probe.capturing(), "it has switched", START_LIMIT_S)
        assert (main, keeper) == (probe.process.pid, probe.keeper)
        assert_given_up(probe)
        see(probe, sender)
        os.kill(keeper, signal.SIGKILL)
        until(lambda: "probe probe: the process that keeps its privileges died" in probe.messages, "its death is told")
        assert keeper not in probe.relatives()
        see(probe, sender)
        new_version(tmp_path, 'interval="2s"', 'interval="3s"')
        assert 4 == probe.wait(START_LIMIT_S), probe.messages
        assert "this configuration needs CAP_NET_RAW, which was given up" in probe.messages
        until(probe.gone, "nothing is left of the probe", 2)
    assert "Traceback" not in probe.messages


def test_a_user_with_one_capability(cable, collector, tmp_path):
    """As a service manager starts it (AmbientCapabilities; nothing comes of being root). The child has no way to the keeper: that
    is of the fathers alone, by the words of ss."""
    sender, watcher = cable
    if not (shutil.which("setpriv") and shutil.which("ss")):
        pytest.skip("the programs setpriv and ss are not installed")
    raised = ["setpriv", "--securebits", "+noroot,+noroot_locked", "--inh-caps", "-all,+net_raw", "--ambient-caps", "+net_raw",
              "--bounding-set", "-all,+net_raw"]
    configuration = configure(tmp_path, SHARED, port=PORT)
    with Probe(tmp_path, configuration, fathers=FATHERS, command=lambda a: watcher.command([*raised, *a])) as probe:
        probe.until_capturing()
        assert_given_up(probe, bounding=NET_RAW)
        see(probe, sender)
        sockets = watcher.run(["ss", "-xpH"]).stdout.splitlines()
        holders = {pid for pid in everybody(probe) for line in sockets if line.startswith("u_seq") and f"pid={pid}," in line}
        assert set(everybody(probe)) - {probe.numbers()["child_pid"]} == holders


def test_libpcap_opens_by_itself(cable, collector, tmp_path):
    """Before the main process gives up what that takes; there is a keeper all the same. A device that is made anew it cannot open,
    and says so; a switch ends in a status at which it is started anew."""
    sender, watcher = cable

    def make() -> None:
        watcher.ip("link add again0 type veth peer name again1")
        for name in ("again0", "again1"):
            watcher.ip(f"link set {name} up")

    make()
    interfaces = LIBPCAP + LIBPCAP.replace(DEVICE, "again0").replace('"all"', '"again"')
    with Probe(tmp_path, configure(tmp_path, interfaces, port=PORT), command=watcher.command) as probe:
        probe.until_capturing()
        assert_given_up(probe)
        see(probe, sender)
        watcher.ip("link delete again0")
        until(lambda: "device again0 is gone" in probe.messages, "its loss is told")
        make()
        until(lambda: "device again0 is there again, but libpcap may not open it" in probe.messages, "its cure is told")
        see(probe, sender)
        new_version(tmp_path)
        assert 4 == probe.wait(START_LIMIT_S), probe.messages
        until(probe.gone, "nothing is left of the probe", 2)
    watcher.ip("link delete again0")
