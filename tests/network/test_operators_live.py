"""What operators ask of a probe that captures with several fathers: another configuration, more messages."""

import os
import re
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.network.test_fathers import EVERYTHING, FATHERS, PORT, SHARED, send_flows
from tests.pipeline.probe_process import LIMIT_S, START_LIMIT_S, Probe, configure, rows, start_collector, until
from tests.pipeline.switch_site import zombies

pytestmark = pytest.mark.network


@pytest.fixture
def programs(cable, tmp_path):
    """(collector, probe, host that sends), capturing."""
    sender, watcher = cable
    configuration = configure(tmp_path, SHARED, port=PORT)
    with (start_collector(tmp_path, command=watcher.command) as collector,
          Probe(tmp_path, configuration, fathers=FATHERS, command=watcher.command) as probe):
        probe.until_capturing()
        yield collector, probe, sender


def packets_by_run(directory: Path) -> list[Counter]:
    """Packets of each source port, of each run."""
    ports = {(r["run"], r["flow"]): int(r["src_port"]) for r in rows(directory, "flow_definition")}
    found: dict[str, Counter] = {}
    for r in rows(directory, "ip_counters"):
        found.setdefault(r["run"], Counter())[ports[r["run"], r["flow"]]] += int(r["packets"]) + int(r["packets_rev"])
    return [found[run] for run in sorted(found, key=float)]


def test_a_switch_with_several_fathers(programs, tmp_path):
    """All of them end and come again, in the same main process, unpinned in between; what each run has seen is in the files."""
    collector, probe, sender = programs
    sent = send_flows(sender)
    until(lambda: probe.numbers()["packets_seen"] == sent, "all are seen")
    before = probe.children()
    (tmp_path / "tmon-new.xml").write_bytes((tmp_path / "tmon.xml").read_bytes())
    until(lambda: "started with configuration" in probe.messages, "it has switched", START_LIMIT_S)
    probe.until_capturing()
    assert FATHERS == len(probe.children())
    assert not set(before) & set(probe.children())
    assert [] == zombies(probe)
    sent = send_flows(sender)
    until(lambda: probe.numbers()["packets_seen"] == sent, "all are seen")
    until(lambda: "started with configuration" in collector.messages, "the collector has switched", START_LIMIT_S)
    probe.process.terminate()
    assert 0 == probe.wait(), probe.messages
    until(probe.gone, "nothing is left of the probe", 2)
    collector.process.terminate()
    assert 0 == collector.wait()
    assert [EVERYTHING, EVERYTHING] == packets_by_run(tmp_path)
    assert "Traceback" not in probe.messages + collector.messages


def heard(probe: Probe, module: str) -> Counter:
    """Lines of a module at level debug, by the process that they name."""
    lines = [line.partition(f" DEBUG {module}: ")[2] for line in probe.messages.splitlines()]
    return Counter(line.split(":")[0] for line in lines if line)


def test_diagnostics_reach_every_process(programs, tmp_path):
    """By signal, to the group as well, and by the file; forked processes ignore the signals themselves."""
    _, probe, _ = programs
    fathers = {f"process {probe.numbers()[f'father_{n}_pid']}" for n in range(FATHERS)}
    for pid in probe.children():
        ignored = int(re.search(r"SigIgn:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())[1], 16)
        assert all(ignored >> (n - 1) & 1 for n in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2))
    os.killpg(probe.process.pid, signal.SIGUSR1)
    until(lambda: fathers <= set(heard(probe, "tmon_probe.father.loop")), "all fathers talk more", LIMIT_S)
    until(lambda: heard(probe, "tmon_probe.child.loop"), "and the child", LIMIT_S)
    probe.process.send_signal(signal.SIGUSR2)
    until(lambda: "0 of 1 steps" in probe.messages, "as configured", LIMIT_S)
    (tmp_path / "tmon_probe.diag").write_text("tmon_probe.child debug file:child.log\nnonsense\n")
    log = tmp_path / "child.log"
    until(lambda: log.exists() and "DEBUG tmon_probe.child.loop: " in log.read_text(), "the child talks to a file", LIMIT_S)
    until(lambda: "rules: 1" in probe.messages, "the main process has read the file, too", LIMIT_S)
    assert 1 == probe.messages.count("tmon_probe.diag:2: nonsense: there is no such module")
    assert probe.process.poll() is None
    assert "Traceback" not in probe.messages
