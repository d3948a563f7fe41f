"""A real probe and a real collector as sub-agents of one real snmpd, which tell a real snmptrapd of their events."""

import os
import re
import shlex
import signal

from tests.oracles import net_snmp
from tests.pipeline.probe_process import PROBE, Probe, free_port, recording, start_collector, until
from tests.pipeline.snmp_daemons import AUTH, PRIV, Snmpd, Snmptrapd, needed
from tmon_agent.managed.declaration import ROOT
from tmon_common.config.read import read

pytestmark = needed("snmpd", "snmptrapd", "snmpwalk")

PACKETS, FLOWS = 500, 5
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
    <collector name="centre" address="127.0.0.1" port="{port}"><spool directory="spool"/><agent agentx="{master}"/></collector>
  </collectors>
  <probes>
    <probe name="probe" seal="crc">
      <interface name="lan" capture="replay" pace="own"><file path="waiting.pcap"/></interface>
      <publish collector="centre" max_build="200ms" initial_timeout="300ms"/>
      <agent agentx="{master}"/>
    </probe>
  </probes>
  <monitoring>
    <user name="tester"/>
    <manager name="noc" address="127.0.0.1" port="{manager}" security="tester" severity="info" timeout="300ms" retries="20"/>
  </monitoring>
</trafmon>
"""
VALUE = r'"([^"]*)"'


def test_all_together(tmp_path):
    """One snmpd has the rows of both; each event reaches the manager once, though agents are killed and the last come at the end;
    nothing is left of anybody."""
    recording(tmp_path / "waiting.pcap", PACKETS, FLOWS)
    (tmp_path / "snmp.secrets").write_text(f"user tester {shlex.quote(AUTH)} {shlex.quote(PRIV)}\n")
    (tmp_path / "snmp.secrets").chmod(0o600)
    with Snmptrapd(tmp_path / "trapd") as trapd, Snmpd(tmp_path / "snmpd") as snmpd:
        (tmp_path / "tmon.xml").write_text(CONFIGURATION.format(port=free_port(), master=snmpd.master, manager=trapd.port))
        configuration = read(tmp_path / "tmon.xml")
        with start_collector(tmp_path) as collector, Probe(tmp_path, configuration) as probe:
            probe.until_capturing()
            walk = lambda: net_snmp.values("snmpbulkwalk", [*net_snmp.V2C, "public"], snmpd.port, "trafMon")  # noqa: E731
            until(lambda: walk().get(f'trafMonProbePackets."{PROBE}"') == str(PACKETS), "packets of the probe")
            until(lambda: walk().get('trafMonHeardProbeState."centre"."probe"') == "alive", "the collector hears the probe")
            until(lambda: {"probe_started", "collector_started"} <= codes(trapd), "their starts are told")
            for program in (probe, collector):
                os.kill(agent_of(program), signal.SIGKILL)
            until(lambda: codes(trapd).issuperset({"agent_failed"}), "that agents died is told by those that follow")
            until(lambda: walk().get(f'trafMonProbeAgentRestarts."{PROBE}"') == "1", "the rows are there again")
            for program in (probe, collector):
                program.process.terminate()
                assert program.wait() == 0, program.messages
            until(lambda: {"probe_stopped", "collector_stopped"} <= codes(trapd), "their ends are told")
            until(probe.gone, "nothing is left of the probe and its agent")
            messages = probe.messages + collector.messages
    told = [texts(line) for line in trapd.received()]
    assert len(set(told)) == len(told)
    for _, code, _, text in told:
        assert text in messages, code
    assert not [secret for secret in (AUTH, PRIV) if secret in messages]
    assert "Traceback" not in messages


def texts(line: str) -> tuple[str, ...]:
    """Number, code, subject and text of the event that a line of snmptrapd tells."""
    columns = dict(re.findall(rf"\.{'.'.join(map(str, ROOT))}\.1\.21\.1\.([0-9]+)\.[0-9.]+\.(?:[0-9]+) {VALUE}", line))
    index = re.search(rf"\.{'.'.join(map(str, ROOT))}\.1\.21\.1\.6\.([0-9.]+) ", line)[1]
    return index, columns["6"], columns["7"], columns["8"]


def codes(trapd: Snmptrapd) -> set[str]:
    return {texts(line)[1] for line in trapd.received()}


def agent_of(program) -> int:
    [agent] = [pid for pid in program.relatives() if b"tmon_agent" in command_line(pid)]
    return agent


def command_line(pid: int) -> bytes:
    with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123
        return file.read()
