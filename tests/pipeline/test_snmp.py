"""A probe and a collector with agents, asked by net-snmp's programs: the figures are those of the programs themselves."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from tests.oracles import net_snmp
from tests.pipeline.probe_process import (
    LIMIT_S,
    PROBE,
    ROOT,
    START_LIMIT_S,
    Probe,
    Program,
    free_port,
    recording,
    start_collector,
    until,
)
from tmon_agent.secrets import read_secrets
from tmon_collector import health as collector_health
from tmon_common.config.read import read
from trafmon.__main__ import main

pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not net_snmp.AVAILABLE, reason=net_snmp.WHY_NOT)]

PACKETS, FLOWS = 1000, 5
CONFIGURATION = """<?xml version="1.0" encoding="UTF-8"?>
<trafmon>
  <diagnostics level="info"/>
  <flow_classes>
    <flow_class name="all">
      <flow name="conversation" fields="interface src_addr dst_addr protocol src_port dst_port"/>
      <analysis kind="ip_counters" interval="1s"/>
    </flow_class>
  </flow_classes>
  <collectors>
    <collector name="collector" address="127.0.0.1" port="{port}"><spool directory="spool"/><agent snmp_port="0"/></collector>
  </collectors>
  <probes>
    <probe name="probe" seal="crc">
      <interface name="lan" capture="replay" pace="own"><file path="waiting.pcap"/></interface>
      <publish collector="collector" max_build="200ms" initial_timeout="300ms"/>
      <agent snmp_port="0"/>
    </probe>
  </probes>
  <monitoring><community name="readers"/><user name="noc" auth="sha512" priv="aes256"/></monitoring>
</trafmon>
"""
LISTENS = re.compile(r"SNMP of (\w+) \w+ at 127\.0\.0\.1:(\d+), engine ([0-9a-f]+)")
INDEX = '"probe"'


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A probe that has read a thousand packets and waits for the next, an hour later; a collector that has it all."""
    directory = tmp_path_factory.mktemp("site")
    recording(directory / "waiting.pcap", PACKETS, FLOWS)
    (directory / "tmon.xml").write_text(CONFIGURATION.format(port=free_port()))
    assert main(["snmp-secrets", "-c", str(directory / "tmon.xml")]) == 0
    configuration = read(directory / "tmon.xml")
    with start_collector(directory) as collector, Probe(directory, configuration) as probe:
        probe.until_capturing()
        until(lambda: probe.numbers()["flows"] == FLOWS, "all packets of the first instant are measured")
        until(lambda: rows_written(directory, "ip_counters") == FLOWS, "the first interval is over, and written")
        until(lambda: probe.numbers()["pdus_sent"] and not probe.numbers()["pdus_waiting"], "all is acknowledged")
        yield Site(directory, configuration, probe, collector)
        for program in (probe, collector):
            program.process.terminate()
            assert program.wait() == 0, program.messages
        until(probe.gone, "nothing is left of the probe and its agent")
        assert "Traceback" not in probe.messages + collector.messages


def rows_written(directory, kind: str) -> int:
    """In the spool, by its files."""
    return sum(len(p.read_text().splitlines()) - 1 for p in (directory / "spool").glob(f"{kind}.collector.*"))


class Site:
    def __init__(self, directory, configuration, probe, collector) -> None:
        self.directory, self.configuration, self.probe, self.collector = directory, configuration, probe, collector
        secrets = read_secrets(directory / "snmp.secrets")
        noc = secrets.users["noc"]
        self.v3 = net_snmp.v3("noc", "SHA-512", noc.auth, "AES-256", noc.priv)
        self.v2c = [*net_snmp.V2C, secrets.communities["readers"]]
        self.secret = (noc.auth, noc.priv, secrets.communities["readers"])

    def port(self, program: Program, after: int = 0) -> int:
        """Of its agent, as its log says, behind so many characters."""
        until(lambda: LISTENS.search(program.messages, after), "the agent says where it listens", START_LIMIT_S)
        return int(LISTENS.search(program.messages, after)[2])

    def walk(self, program: Program, credentials, *options: str) -> dict[str, str]:
        return net_snmp.values("snmpbulkwalk", credentials, self.port(program), "trafMon", options=options)


@pytest.mark.parametrize("version", ["v2c", "v3"])
def test_a_probe_tells_what_it_counts(site, version):
    """Whatever stands still while it waits is equal in its statistics, in `trafmon top --json` and in SNMP."""
    found = site.walk(site.probe, getattr(site, version))
    numbers = site.probe.numbers()
    packets, flows, pid = (int(found[f"trafMonProbe{name}.{INDEX}"]) for name in ("Packets", "Flows", "Pid"))
    assert (packets, flows) == (PACKETS, FLOWS)
    assert str(numbers["octets_seen"]) == found[f"trafMonProbeOctets.{INDEX}"]
    assert str(numbers["interface_0_packets_relevant"]) == found[f"trafMonInterfaceRelevant.{INDEX}.1"]
    assert str(numbers["ring_slots"]) == found[f"trafMonRingSlots.{INDEX}.1"]
    top = subprocess.run([sys.executable, "-m", "trafmon", "top", "-c", "tmon.xml", "--json", PROBE], cwd=site.directory,
                         env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    [told] = json.loads(top.stdout)["probes"]
    assert (told["packets"], told["flows"], told["pid"]) == (packets, flows, pid)
    assert str(site.configuration.path.resolve()) == found[f"trafMonProbeConfiguration.{INDEX}"]


def test_a_collector_tells_what_it_counts(site):
    """Its own counters, the probe it hears, what it has written, as the files have it, and that nothing was rejected."""
    found = site.walk(site.collector, site.v3)
    reader = collector_health.attach(site.configuration, "collector")
    numbers = reader.snapshot()
    reader.close()
    assert str(numbers["pdus"]) == found['trafMonCollectorPdus."collector"']
    written = {kind: rows_written(site.directory, kind) for kind in ("ip_counters", "flow_definition", "event")}
    assert {k: str(n) for k, n in written.items()} == {k: found[f'trafMonSpoolKindRows."collector"."{k}"'] for k in written}
    assert written["ip_counters"] == FLOWS
    assert "alive" == found['trafMonHeardProbeState."collector"."probe"']
    assert {"0"} == {value for name, value in found.items() if name.startswith("trafMonRejectionDatagrams.")}


def test_events_are_in_their_table(site):
    """The probe's start, by its code and as a sentence."""
    found = site.walk(site.probe, site.v3)
    codes = {name.partition(".")[2]: value for name, value in found.items() if name.startswith("trafMonEventCode.")}
    [start] = [index for index, code in codes.items() if code == "probe_started"]
    assert found[f"trafMonEventText.{start}"] in site.probe.messages


def test_both_programs_are_told_apart(site):
    """Each agent is an engine of its own, and tells of its own program only."""
    found = [site.walk(program, site.v2c) for program in (site.probe, site.collector)]
    assert not set(found[0]) & set(found[1])
    engines = {LISTENS.search(program.messages)[3] for program in (site.probe, site.collector)}
    assert len(engines) == 2


def test_no_secret_is_where_others_can_read_it(site):
    """Neither in what the programs say, nor in the command lines and environments of their processes."""
    shown = site.probe.messages + site.collector.messages
    for pid in (*site.probe.relatives(), *site.collector.relatives()):
        for name in ("cmdline", "environ"):
            with open(f"/proc/{pid}/{name}", "rb") as file:  # noqa: PTH123
                shown += file.read().decode(errors="replace")
    assert not [secret for secret in site.secret if secret in shown]


def test_a_killed_agent_comes_back(site):
    """As the same engine, later in the count of its starts: who knew it goes on; the program's figures have not suffered."""
    boots = "1.3.6.1.6.3.10.2.1.2.0"
    port, told = site.port(site.probe), len(site.probe.messages)
    [before] = net_snmp.values("snmpget", site.v3, port, boots).values()
    [agent] = [pid for pid in site.probe.relatives() if b"tmon_agent" in command_line(pid)]
    os.kill(agent, signal.SIGKILL)
    port = site.port(site.probe, told)
    found = net_snmp.values("snmpget", site.v3, port, boots, f"trafMonProbePackets.{INDEX}", f"trafMonProbeAgentRestarts.{INDEX}")
    after, *figures = found.values()
    assert int(after) > int(before)
    assert figures == [str(PACKETS), "1"]
    engines = {match[3] for match in LISTENS.finditer(site.probe.messages)}
    assert len(engines) == 1


def command_line(pid: int) -> bytes:
    with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
        return file.read()


def test_without_its_secrets(tmp_path):
    """The agent says what is missing and how to make it; exit status 2."""
    recording(tmp_path / "waiting.pcap", 1, 1)
    (tmp_path / "tmon.xml").write_text(CONFIGURATION.format(port=free_port()))
    done = subprocess.run([sys.executable, "-m", "tmon_agent", "-l", "--probe", "probe"], cwd=tmp_path, stdin=subprocess.DEVNULL,
                          env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 2
    assert "snmp.secrets: there is none; make it with `trafmon snmp-secrets" in done.stderr
    assert "Traceback" not in done.stderr
