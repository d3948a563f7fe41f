"""The agent beside a probe or collector: what it takes over, that it comes back, and that nothing is left of it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.agent_site import Site, agents, command_line, descriptors, page, samples, until_answering
from tests.pipeline.probe_process import LIMIT_S, ROOT, rows, until
from tmon_agent.surroundings import NICENESS


@pytest.fixture
def site(tmp_path):
    with Site(tmp_path) as site:
        yield site


def status(pid, name):
    [line] = [x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith(f"{name}:")]
    return line.split(":")[1].strip()


def test_it_takes_over_nothing_and_comes_back(site):
    """A process of its own: no descriptor of the probe but those for messages, no signal blocked, all CPUs, little urgency, no
    privilege. Killed, it is started again, which is counted and told; nothing is left of it when the probe stops."""
    until_answering(site.run_collector())
    probe = site.run_probe()
    first = until_answering(probe)
    [agent] = agents(probe)
    own, of_probe = descriptors(agent), descriptors(probe.process.pid)
    shared = {what for what in own.values() if what in of_probe.values()}
    assert shared <= {"/dev/null", of_probe[2], str(probe.segment), f"{probe.segment}-events", own[0]}
    assert own[0].startswith("pipe:")
    assert status(agent, "SigBlk") == "0" * 16
    for pid in (agent, *agents(site.collector)):
        assert {status(pid, f"Cap{which}") for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
        assert status(pid, "NoNewPrivs") == "1"
    assert os.sched_getaffinity(agent) >= os.sched_getaffinity(probe.process.pid)
    assert os.getpriority(os.PRIO_PROCESS, agent) == NICENESS
    assert b"--probe=probe" in command_line(agent)

    os.kill(agent, signal.SIGTERM)  # as a service manager that stops all processes of a service: the probe decides
    assert samples(first)["trafmon_probe_agent_restarts_total", (("probe", "probe"),)] == 0
    os.kill(agent, signal.SIGKILL)
    second = until_answering(probe, 2)
    assert samples(second)["trafmon_probe_agent_restarts_total", (("probe", "probe"),)] == 1
    assert "its agent ended (killed by SIGKILL), for the 1. time" in probe.messages

    probe.process.send_signal(signal.SIGTERM)
    assert probe.wait() == 0
    assert not agents(probe)
    until(probe.gone, "nothing is left of the probe")
    site.collector.process.send_signal(signal.SIGTERM)
    assert site.collector.wait() == 0
    assert not site.collector.relatives()
    assert "agent_failed" in [row["code"] for row in rows(site.directory, "event")]
    for program in (probe, site.collector):
        assert "Traceback" not in program.messages


def test_it_ends_with_its_program(site):
    """However that dies."""
    probe = site.run_probe()
    until_answering(probe)
    probe.process.kill()
    until(lambda: not probe.relatives(), "all that belonged to it ends")


def version_shown(address):
    """Of the configuration."""
    [labels] = [dict(labels) for name, labels in samples(address) if name == "trafmon_collector_info"]
    return labels["version"]


def test_a_switch_of_the_configuration_starts_another(site):
    """With the new one; the old one has ended before."""
    collector = site.run_collector()
    old = version_shown(until_answering(collector))
    [before] = agents(collector)
    site.put("tmon-new.xml", flow_class="others")
    address = until_answering(collector, 2)
    [after] = agents(collector)
    assert before != after
    assert version_shown(address) != old
    assert samples(address)["trafmon_collector_agent_restarts_total", (("collector", "collector"),)] == 0


def test_a_port_that_is_taken_harms_only_the_agent(tmp_path):
    """It says which, and what to do; the collector goes on, and tells it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Site(tmp_path, collector_port=port) as site:
            collector = site.run_collector()
            until(lambda: "its agent ended (exit status 2), for the 1. time" in collector.messages, "it has tried")
            assert f"metrics cannot be had at 127.0.0.1 port {port}: address already in use" in collector.messages
            taken.close()
            address = until_answering(collector)
            assert page(address, "/-/healthy") == "collector collector runs\n"
            assert "Traceback" not in collector.messages


def by_hand(directory, *arguments):
    return subprocess.Popen([sys.executable, "-m", "tmon_agent", "-l", *arguments], cwd=directory, text=True,
                            env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_by_hand_it_waits_for_its_program(site, number):
    """It says that it does not run; a signal ends it in order."""
    agent = by_hand(site.directory, "--probe", "probe")
    address = agent.stderr.readline().split(" at ")[1].removesuffix("/metrics\n")
    assert samples(address)["trafmon_probe_up", (("probe", "probe"),)] == 0
    agent.send_signal(number)
    assert agent.communicate(timeout=LIMIT_S) == (None, "")
    assert agent.returncode == 0


@pytest.mark.parametrize(("arguments", "message"), [
    (["--probe", "nobody"], 'there is no probe "nobody"; expected one of: probe, bare'),
    (["--collector", "nobody"], 'there is no collector "nobody"; expected one of: collector'),
    (["--probe", "probe", "-c", "absent.xml"], "absent.xml"),
    (["--probe", "bare"], "probe bare has no <agent>"),
    ([], "one of the arguments --probe --collector is required"),
])
def test_what_cannot_be(site, arguments, message):
    """Is said, without a traceback; exit status 2."""
    agent = by_hand(site.directory, *arguments)
    _, told = agent.communicate(timeout=LIMIT_S)
    assert agent.returncode == 2
    assert message in told
    assert "Traceback" not in told
