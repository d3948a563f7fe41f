"""The probe's two processes: how they start, stop, die, and that nothing of them stays behind."""

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.probe_process import START_LIMIT_S, Probe, Program, configure, recording, rows, start_collector, totals, until
from tmon_common.config.model import Configuration
from tmon_common.event_board import BoardReader

PACKETS, FLOWS = 3000, 7
OCTETS = sum(28 + n % 50 for n in range(PACKETS))
INTERFACE = '<interface name="lan" capture="replay" pace="own"><file path="waiting.pcap"/></interface>'


@pytest.fixture
def directory(tmp_path):
    """With a recording that is read at once but for its last packet, an hour later."""
    recording(tmp_path / "waiting.pcap", PACKETS, FLOWS)
    return tmp_path


@pytest.fixture
def configuration(directory):
    return configure(directory, INTERFACE, attributes='father_cpu="4000"')


def all_seen(probe: Probe) -> Probe:
    probe.until_capturing()
    until(lambda: probe.numbers()["packets_seen"] == PACKETS, "all packets of the first instant are seen")
    return probe


@pytest.mark.parametrize(("number", "group"), [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGINT, True)])
def test_a_signal_stops_both_programs_with_everything_flushed(directory, configuration, number, group):
    """To the father alone (systemd's main process, kill) or to all (Ctrl-C). What was seen is in the files; nothing is left."""
    with start_collector(directory) as collector, Probe(directory, configuration) as probe:
        all_seen(probe)
        assert_ring_has_no_name(probe)
        (os.killpg if group else os.kill)(probe.process.pid, number)
        assert probe.wait() == 0, probe.messages
        numbers = probe.numbers()
        until(probe.gone, "nothing is left of the probe", 2)
        os.kill(collector.process.pid, number)
        assert collector.wait() == 0, collector.messages
        assert not collector.relatives()
    assert totals(directory) == (PACKETS, OCTETS)
    assert len(rows(directory, "flow_definition")) == FLOWS
    assert numbers["packets_seen"] == numbers["packets_relevant"] == PACKETS
    assert numbers["pdus_waiting"] == numbers["rows_given_up"] == 0
    assert "father_cpu 4000: this machine has CPUs 0 to" in probe.messages
    assert "Traceback" not in probe.messages + collector.messages
    assert "leaked" not in probe.messages
    assert list((directory / "spool").glob("*.part")) == []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:  # nobody holds it any more
        port.bind(("127.0.0.1", configuration.collectors[0].port))


def assert_ring_has_no_name(probe: Probe) -> None:
    """Only what others read has a name in /dev/shm while the probe runs: the ring cannot be left behind."""
    maps = Path(f"/proc/{probe.process.pid}/maps").read_text().splitlines()
    mapped = {line.split(maxsplit=5)[5] for line in maps if "/dev/shm/" in line}
    assert {str(probe.segment), f"{probe.segment}-events"} == {name for name in mapped if not name.endswith("(deleted)")}


def test_a_killed_child_ends_the_probe(directory, configuration):
    """Exit status 3, one line that says how it died; of its counters the next run learns that this one did not end in order."""
    with start_collector(directory), Probe(directory, configuration) as probe:
        all_seen(probe)
        os.kill(probe.children()[0], signal.SIGKILL)
        assert probe.wait() == 3
        until(lambda: not probe.relatives(), "all its processes have ended", 2)
        assert [probe.segment.name] == probe.segments()
        assert "probe probe: its child process died (killed by SIGKILL); the probe ends" in probe.messages
        assert "Traceback" not in probe.messages
        until_told(directory, configuration, "next")


def until_told(directory: Path, configuration: Configuration, name: str) -> None:
    """The run that comes now tells that the one before did not end in order: in its log, on its board and in a row; it leaves
    nothing."""
    with Probe(directory, configuration, name=name) as after:
        all_seen(after)
        board = BoardReader(f"{after.segment.name}-events")
        until(lambda: board.newest >= 2, "the first events are on the board")
        first, second = board.since(0)[0][:2]
        board.close()
        assert ("previous_run_died", "probe") == (first.code, first.subject)
        assert first.text in after.messages
        assert "probe_started" == second.code
        after.process.terminate()
        assert 0 == after.wait(), after.messages
        until(after.gone, "nothing is left of the probe", 2)


def test_a_killed_father_leaves_a_child_that_finishes_its_work(directory, configuration):
    """The child reads what is in the ring, flushes, delivers, ends; what is left tells the next start of it."""
    with start_collector(directory) as collector, Probe(directory, configuration) as probe:
        all_seen(probe)
        os.kill(probe.process.pid, signal.SIGKILL)
        assert probe.wait() == -signal.SIGKILL
        until(lambda: not probe.relatives(), "the child ends")
        assert [probe.segment.name, f"{probe.segment.name}-events"] == probe.segments()
        collector.process.terminate()
        assert collector.wait() == 0
        assert "Traceback" not in probe.messages
    assert totals(directory) == (PACKETS, OCTETS)


def test_one_probe_of_a_name_and_what_a_dead_one_left_is_no_obstacle(directory, configuration):
    """While it runs another is refused with exit status 2; if all its processes were killed at once, the next starts."""
    with Probe(directory, configuration) as probe:
        all_seen(probe)
        with Probe(directory, configuration, name="second") as second:
            assert second.wait() == 2
            assert "tmon_probe: probe probe of tmon.xml runs already on this host" in second.messages
            assert probe.capturing()
    with Probe(directory, configuration, name="killed") as killed:
        all_seen(killed)
        os.killpg(killed.process.pid, signal.SIGKILL)
        killed.wait()
        until(lambda: not killed.relatives(), "all its processes are dead")
        assert killed.segment.exists()
        with start_collector(directory) as collector:
            until_told(directory, configuration, "next")
            collector.process.terminate()
            assert 0 == collector.wait()
    assert ["previous_run_died"] == [r["code"] for r in rows(directory, "event") if r["code"] == "previous_run_died"]


def test_a_second_signal_ends_it_at_once(directory, configuration):
    """Without a collector the first one waits for acknowledgements; the second does not."""
    with Probe(directory, configuration) as probe:
        all_seen(probe).process.terminate()
        until(lambda: probe.numbers()["pdus_retried"] > 0, "the child tries to deliver")
        probe.process.terminate()
        assert probe.wait(3) == 3
        until(lambda: not probe.relatives(), "all its processes have ended", 2)
        probe.segment.unlink()


@pytest.mark.parametrize(("arguments", "told"), [
    (["--nonsense"], "unrecognized arguments: --nonsense"),
    (["-l", "one", "two"], "unrecognized arguments: two"),
    (["-l", "elsewhere"], "probe"),
    (["-c", "absent.xml"], "absent.xml"),
])
def test_wrong_arguments(directory, configuration, arguments, told):
    with Probe(directory, configuration, *arguments) as probe:
        assert probe.wait(START_LIMIT_S) == 2
        assert told in probe.messages
        assert "Traceback" not in probe.messages
        assert probe.gone()


@pytest.mark.parametrize(("interface", "told"), [
    ('<interface name="lan" device="no-such-device"/>', "interface lan: device no-such-device does not exist"),
    ('<interface name="lan"><file path="waiting.pcap"/></interface><interface name="cut"><file path="zero.pcap"/></interface>',
     "zero.pcap: the file is empty (0 octets)"),
    ('<interface name="lan" filter="inbound"><file path="waiting.pcap"/></interface>', "interface lan: the BPF filter 'inbound'"),
])
def test_an_interface_that_cannot_be_opened(directory, interface, told):
    """Exit status 2 and one line; no segment is left by what was opened before."""
    (directory / "zero.pcap").touch()
    with Probe(directory, configure(directory, interface)) as probe:
        assert probe.wait(START_LIMIT_S) == 2
        assert told in probe.messages
        assert probe.messages.startswith("tmon_probe: ")
        assert probe.messages.count("\n") == 1
        assert probe.gone()


def test_rings_for_which_shared_memory_has_no_room(directory):
    """As in a container with little of it: said at once, with the cure; nobody is killed by SIGBUS later."""
    small = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
             'mount -t tmpfs -o size=8m tmpfs /dev/shm || exit 77; exec "$@"', "sh"]
    if os.geteuid() != 0 or subprocess.run([*small, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs root, and a kernel that lets it have mounts of its own")
    configuration = configure(directory, '<interface name="lan"><file path="waiting.pcap"/></interface>')
    with Probe(directory, configuration, command=lambda argv: [*small, *argv]) as probe:
        assert 2 == probe.wait(START_LIMIT_S)
        assert "/dev/shm has no room for the rings, 29 MiB: No space left on device; make it larger" in probe.messages
        assert 1 == probe.messages.count("\n"), probe.messages


def test_analyse_with_a_filter(directory):
    """Only what passes is measured, and the filter is in the configuration that is left."""
    out = directory / "out"
    arguments = ("analyse", "waiting.pcap", "--out", "out", "--quiet", "--filter", "udp src port 1025")
    with Program("trafmon", directory, *arguments) as analyse:
        assert analyse.wait(START_LIMIT_S) == 0, analyse.messages
    assert totals(out)[0] == len(range(1, PACKETS + 1, FLOWS))
    assert 'filter="udp src port 1025"' in (out / "trafmon.xml").read_text()


@pytest.mark.usefixtures(configuration.__name__)
def test_a_start_that_fails_after_the_fork(directory):
    """Whatever goes wrong in the main process, it ends, and the child with it."""
    (directory / "failing.py").write_text(
        "import sys\n"
        "from tmon_probe import processes\n"
        "from tmon_probe.__main__ import main\n"
        "processes.Watchman = lambda *_: 1 / 0\n"
        "sys.exit(main(['-l']))\n")
    with Program("failing", directory) as probe:
        assert 1 == probe.wait(START_LIMIT_S)
        until(lambda: not probe.relatives(), "nothing is left of the probe", 2)
        assert "ZeroDivisionError" in probe.messages


def test_a_child_that_gives_up_is_not_dead(tmp_path):
    """Nobody takes what a long recording gives: exit status 1 when the final timeout is over, though the father is at work."""
    recording(tmp_path / "long.pcap", 40_000, 40_000)
    configuration = configure(tmp_path, '<interface name="lan" capture="replay"><file path="long.pcap"/></interface>',
                              attributes='ring_slots="1024"')
    text = configuration.path.read_text()
    configuration.path.write_text(text.replace('initial_timeout="300ms"', 'initial_timeout="300ms" final_timeout="1s" queue="64k"'))
    with Probe(tmp_path, configuration) as probe:
        assert 1 == probe.wait(START_LIMIT_S), probe.messages
        assert "packets in the ring are given up: the collectors take nothing" in probe.messages
        assert "died" not in probe.messages
        until(probe.gone, "nothing is left of the probe", 2)
