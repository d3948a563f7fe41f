"""Two programs behind one real snmpd: its clients see the rows of both, whatever is started, killed and started again."""

import signal
import socket
from pathlib import Path

import pytest

from tests.pipeline.agent_services import AtWork, MadeUp, setting
from tests.pipeline.snmp_daemons import PLAIN, Snmpd, Snmptrapd, free_port, needed, until
from tmon_agent.agentx.service import AgentxService
from tmon_agent.managed.declaration import ROOT
from tmon_agent.managed.managers import Told
from tmon_agent.service import Setting
from tmon_agent.snmp.objects import OBJECTS, Smi
from tmon_agent.snmp.tree import instances
from tmon_agent.view import View
from tmon_common.config.model import Agent, Configuration

pytestmark = needed("snmpd", "snmpwalk", "snmpbulkwalk", "snmpget", "snmpset")

PROBE = {"interfaces": [{"name": "lan", "device": "eth0"}, {"name": "wan", "device": "eth1"}], "fathers": [1], "links": ["centre"],
         "analyses": ["tcp_states"]}
PROBE_NUMBERS = {"packets_seen": 2**63 - 1, "interface_0_packets_seen": 10**12, "interface_1_packets_seen": 7, "tcp_states": 5,
                 "interface_0_device_gone": 0, "collector_0_pdus_sent": 3, "father_0_ring_slots": 4096, "flows": 2**40}
COLLECTOR = {"probes": ["edge", "edges"], "kinds": ["ip_counters"], "reasons": ["corrupt"], "one_way_classes": []}
COLLECTOR_NUMBERS = {"datagrams": 12, "probe_0_state": 1, "probe_0_last_heard_ns": 1_700_000_000_000_000_000,
                     "probe_1_clock_offset_ns": -1_500_000, "kind_0_rows": 9, "rejected_corrupt_datagrams": 4}
ROOT_TEXT, OBJECTS_TEXT = ".".join(map(str, ROOT)), ".".join(map(str, OBJECTS))


@pytest.fixture
def programs():
    """A probe and a collector; the name of the one is the beginning of the other's."""
    with (MadeUp("probe", "edge", PROBE, PROBE_NUMBERS) as probe,
          MadeUp("collector", "edges", dict(COLLECTOR), dict(COLLECTOR_NUMBERS)) as collector):
        probe.tell(2, code="traffic_back")  # of severity info: they are asked for, not told
        collector.tell(code="traffic_back")
        yield probe, collector


def at_work(tmp_path, program, master):
    return AtWork(setting(tmp_path, program, Agent(agentx=master)), program, AgentxService)


def expected(snmpd, *programs):
    """Identifiers of what can be asked; values of those that do not move, as net-snmp prints them. The master is told of events."""
    found = {}
    for program in programs:
        view = View(Setting(program.kind, program.name, Agent(), Configuration(Path("/"))), open_source=program.source)
        view.managers[f"AgentX master {snmpd.master.removeprefix('tcp:')}"] = Told()
        for oid, kind, value in instances(view.tables()):
            shown = {Smi.COUNTER64: f"Counter64: {value}", Smi.GAUGE32: f"Gauge32: {value}", Smi.INTEGER32: f"INTEGER: {value}"}
            found["." + ".".join(map(str, oid))] = shown.get(kind)
    return found


def same(expected, walked):
    return expected.keys() == walked.keys() and all(walked[oid] == value for oid, value in expected.items() if value)


def test_two_programs_have_the_tables_together(tmp_path, programs):
    """A walk, in one step at a time and in bulk, gives the rows of both, each value as it is; single names likewise."""
    probe, collector = programs
    with Snmpd(tmp_path / "snmpd") as snmpd, at_work(tmp_path, probe, snmpd.master), at_work(tmp_path, collector, snmpd.master):
        both = expected(snmpd, probe, collector)
        assert len(both) > 50
        until(lambda: same(both, snmpd.walk(OBJECTS_TEXT)), "the rows of both")
        walked = snmpd.walk(OBJECTS_TEXT, bulk=True)
        assert both.keys() == walked.keys()
        oids = [oid for oid, value in both.items() if value][::7]
        got = snmpd.ask("snmpget", *oids).stdout.splitlines()
        assert [f"{oid} = {both[oid]}" for oid in oids] == got


def test_order_of_tables(tmp_path, programs):
    """What snmpd gives is in the order of identifiers: columns of a table, the rows of both programs in each."""
    probe, collector = programs
    with Snmpd(tmp_path / "snmpd") as snmpd, at_work(tmp_path, probe, snmpd.master), at_work(tmp_path, collector, snmpd.master):
        until(lambda: len(snmpd.walk(f"{OBJECTS_TEXT}.21")) == 15, "events of both")
        walked = [tuple(map(int, oid.strip(".").split("."))) for oid in snmpd.walk(OBJECTS_TEXT)]
        assert sorted(walked) == walked


def test_nothing_can_be_set(tmp_path, programs):
    """Also where snmpd would let somebody write."""
    with Snmpd(tmp_path / "snmpd", "rwcommunity writer 127.0.0.1\n") as snmpd, at_work(tmp_path, programs[0], snmpd.master):
        oid = next(o for o, value in expected(snmpd, programs[0]).items() if value and "Gauge" in value)
        until(lambda: oid in snmpd.walk(OBJECTS_TEXT), "rows")
        answer = snmpd.ask("snmpset", oid, "u", "1", community="writer")
        assert "notWritable" in answer.stderr
        assert oid in snmpd.walk(OBJECTS_TEXT)


def test_rows_come_and_go(tmp_path, programs):
    """Those of a program that appear later need no registration; those of a program whose agent ends are gone, others stay."""
    probe, collector = programs
    with Snmpd(tmp_path / "snmpd") as snmpd, at_work(tmp_path, probe, snmpd.master):
        with at_work(tmp_path, collector, snmpd.master):
            until(lambda: same(expected(snmpd, probe, collector), snmpd.walk(OBJECTS_TEXT)), "the rows of both")
            collector.identity["kinds"] = ["ip_counters", "event"]
            collector.numbers["kind_1_rows"] = 77
            until(lambda: same(expected(snmpd, probe, collector), snmpd.walk(OBJECTS_TEXT)), "a row that appears")
        until(lambda: same(expected(snmpd, probe), snmpd.walk(OBJECTS_TEXT)), "rows of the probe alone")
        with at_work(tmp_path, collector, snmpd.master):
            until(lambda: same(expected(snmpd, probe, collector), snmpd.walk(OBJECTS_TEXT)), "the rows of both again")


def test_snmpd_comes_late_and_is_killed(tmp_path, programs, caplog):
    """It is connected to as soon as it is there, and again when it is there again; told once each time."""
    probe, collector = programs
    snmpd = Snmpd(tmp_path / "snmpd")
    with at_work(tmp_path, probe, snmpd.master), at_work(tmp_path, collector, snmpd.master):
        until(lambda: caplog.text.count("cannot be reached") == 2, "both tell that it is not there")
        with snmpd:
            until(lambda: same(expected(snmpd, probe, collector), snmpd.walk(OBJECTS_TEXT)), "the rows of both")
            snmpd.stop(kill=True)
            until(lambda: caplog.text.count("session ended") == 2, "both notice")
            snmpd.start()
            until(lambda: same(expected(snmpd, probe, collector), snmpd.walk(OBJECTS_TEXT)), "the rows of both again")
            snmpd.process.send_signal(signal.SIGHUP)  # it reads its configuration anew
            until(lambda: snmpd.text().count("NET-SNMP version") == 3, "it has")
            until(lambda: same(expected(snmpd, probe, collector), snmpd.walk(OBJECTS_TEXT)), "the rows of both after that")


def test_by_tcp(tmp_path, programs):
    """HOST:PORT in place of a path."""
    port = free_port(socket.SOCK_STREAM)
    with Snmpd(tmp_path / "snmpd", master=f"tcp:127.0.0.1:{port}") as snmpd, at_work(tmp_path, programs[0], f"127.0.0.1:{port}"):
        until(lambda: same(expected(snmpd, programs[0]), snmpd.walk(OBJECTS_TEXT)), "rows")


@pytest.mark.skipif("needed('snmptrapd').args[0]")
def test_events_are_notifications_of_snmpd(tmp_path, programs):
    """The master sends them to whom it is configured to: here by a trap to one, by an inform to another; each event once, also over
    its restart. Those of severity info are not told."""
    probe, _ = programs
    with Snmptrapd(tmp_path / "first") as first, Snmptrapd(tmp_path / "second") as second:
        sinks = f"trap2sink 127.0.0.1:{first.port} {PLAIN}\ninformsink 127.0.0.1:{second.port} {PLAIN}\n"
        with Snmpd(tmp_path / "snmpd", sinks) as snmpd, at_work(tmp_path, probe, snmpd.master) as agent:
            probe.tell(2)
            until(lambda: agent.counts["notifications_sent"] == 2, "two")
            snmpd.stop()
            probe.tell(code="traffic_back")
            probe.tell(subject="later")
            snmpd.start()
            until(lambda: agent.counts["notifications_sent"] == 3, "the one while it was not there")
            for trapd in (first, second):
                until(lambda trapd=trapd: sum(ROOT_TEXT in line for line in trapd.received()) == 3, "three notifications")
                assert 3 == sum(f".{ROOT_TEXT}.0.2|" in line for line in trapd.received())
                assert 1 == sum('"interface later: no packet for 10 s"' in line for line in trapd.received())
