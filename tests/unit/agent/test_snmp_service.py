"""The service at its port, asked by net-snmp's programs: who is answered and who is not, and what."""

import asyncio
import socket

import pytest

from tests.oracles import net_snmp
from tests.pipeline.probe_process import until
from tests.unit.agent.programs import COLLECTOR_NUMBERS, PROBE_NUMBERS, START_NS, collector_source, probe_source, view_of
from tests.unit.agent.snmp_serving import COMMUNITY, USERS, V2C, monitoring, serving, snmp_setting, v3
from tmon_agent.managed.declaration import Syntax
from tmon_agent.service import ServiceError
from tmon_agent.snmp.mib_text import object_name
from tmon_agent.snmp.service import SnmpService
from tmon_common.event_board import BoardEvent
from tmon_common.events import Severity

pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not net_snmp.AVAILABLE, reason=net_snmp.WHY_NOT)]

EVENT = BoardEvent(3, START_NS, Severity.WARNING, "kernel_drops", "lan", "15 packets were dropped")
NAME = 'trafMonProbePackets."edge"'
WRONG_DIGESTS, UNKNOWN_USERS, BAD_COMMUNITIES = "1.3.6.1.6.3.15.1.1.5.0", "1.3.6.1.6.3.15.1.1.3.0", "1.3.6.1.2.1.11.4.0"


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """Of a probe, with an event."""
    source = probe_source()
    source.told.append(EVENT)
    with serving(snmp_setting(tmp_path_factory.mktemp("agent")), view_of(source)) as service:
        yield service.port


def fails(*credentials, port, program="snmpget", asked=(NAME,), wait_s="10"):
    """What the program says."""
    done = net_snmp.run(program, *credentials, "-r", "0", "-t", wait_s, f"127.0.0.1:{port}", *asked)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


@pytest.mark.parametrize("user", USERS)
def test_every_way_to_prove_and_to_encrypt(agent, user):
    assert {NAME: "21000"} == net_snmp.values("snmpget", v3(user), agent, NAME)


def test_communities(agent):
    for community in (COMMUNITY, "other-string"):
        assert {NAME: "21000"} == net_snmp.values("snmpget", [*net_snmp.V2C, community], agent, NAME)


def test_who_is_not_answered(agent):
    """Each by what the RFC says: silence for a community, a report for a user."""
    assert "Timeout" in fails("-v", "2c", "-c", "public", port=agent, wait_s="1")
    assert "Timeout" in fails("-v", "1", "-c", COMMUNITY, port=agent, wait_s="1")
    assert "Authentication failure" in fails(*v3(auth_passphrase="not this one"), port=agent)
    assert "Decryption error" in fails(*v3(priv_passphrase="not this one"), port=agent)
    assert "Unknown user name" in fails(*v3(user="nobody"), port=agent)
    assert "Unsupported security level" in fails(*v3(level="authNoPriv"), port=agent)
    assert "Unsupported security level" in fails("-v", "3", "-l", "noAuthNoPriv", "-u", "noc", port=agent)


@pytest.mark.parametrize("credentials", [V2C, v3()], ids=["v2c", "v3"])
def test_nothing_can_be_written(agent, credentials):
    told = fails(*credentials, port=agent, program="snmpset", asked=('trafMonProbeFlows."edge"', "u", "1"))
    assert "notWritable" in told


def test_what_was_refused_is_counted(tmp_path):
    """By the counters of the RFCs, for whoever wonders who knocks: a wrong passphrase, an unknown user, a wrong community."""
    with serving(snmp_setting(tmp_path), view_of(probe_source())) as service:
        fails(*v3(auth_passphrase="not this one"), port=service.port)
        fails(*v3(user="nobody"), port=service.port)
        fails("-v", "2c", "-c", "public", port=service.port, wait_s="0.2")
        found = net_snmp.values("snmpget", V2C, service.port, WRONG_DIGESTS, UNKNOWN_USERS, BAD_COMMUNITIES)
    assert list(found.values()) == ["1", "1", "1"]


def test_the_system_group(agent):
    """Its time is that of the program, like its counters."""
    found = net_snmp.values("snmpwalk", V2C, agent, "1.3.6.1.2.1.1", options=["-On", "-Ot"])
    assert found[".1.3.6.1.2.1.1.1.0"].endswith(" probe edge")
    assert found[".1.3.6.1.2.1.1.3.0"] == "1000"
    assert found[".1.3.6.1.2.1.1.5.0"] == "host1"
    assert found[".1.3.6.1.2.1.1.2.0"].endswith(".7266.3.1")


def test_gets_of_what_there_is_not(agent):
    done = net_snmp.run("snmpget", *V2C, f"127.0.0.1:{agent}", 'trafMonProbePackets."other"', "1.3.6.1.4.1.1.1.0")
    assert "No Such Instance" in done.stdout
    assert "No Such Object" in done.stdout


def test_a_table(agent):
    """By snmptable: a row for each interface, and what is not known stands as a question mark."""
    done = net_snmp.run("snmptable", *V2C, "-Ci", "-CB", "-Cf", "|", "-OX", f"127.0.0.1:{agent}", "trafMonInterfaceTable")
    lines = [line.split("|") for line in done.stdout.splitlines() if "|" in line]
    header, *rows = lines
    assert [(r[0], r[header.index("trafMonInterfaceName")], r[header.index("trafMonInterfacePackets")]) for r in rows] == [
        ("[edge][1]", "lan", "20000"), ("[edge][2]", "wan", "1000")]
    assert rows[0][header.index("trafMonInterfaceMalformed")] == "?"


def test_a_moment_and_an_event(agent):
    """As net-snmp reads DateAndTime, an enumeration and a text."""
    asked = ['trafMonInterfaceLastPacket."edge".1', 'trafMonInterfaceLastPacket."edge".2', 'trafMonEventSeverity.1."edge".3',
             'trafMonEventText.1."edge".3', 'trafMonEventTime.1."edge".3']
    found = net_snmp.values("snmpget", V2C, agent, *asked)
    start = "2023-11-14,22:13:20"
    assert list(found.values()) == [f"{start}.2,+0:0", "0-0-0,0:0:0.0", "warning", EVENT.text, f"{start}.0,+0:0"]


def expected(source, kind):
    """Every number of the tables by the name that net-snmp gives its instance, straight from the numbers."""
    view = view_of(source, kind)
    found = {}
    for table, rows in view.tables().items():
        for index, values in rows.items():
            shown = ".".join(f'"{i}"' if isinstance(i, str) else str(i) for i in index)
            for column, value in zip(table.columns, values, strict=True):
                if value is not None and column.syntax in {Syntax.COUNTER, Syntax.GAUGE, Syntax.NUMBER}:
                    found[f"{object_name(table, column)}.{shown}"] = str(value)
    return found


@pytest.mark.parametrize(("program", "options"), [("snmpwalk", []), ("snmpbulkwalk", ["-Cr50"]), ("snmpbulkwalk", ["-Cr3"])])
@pytest.mark.parametrize("credentials", [V2C, v3()], ids=["v2c", "v3"])
def test_walks_see_every_number_once(agent, program, options, credentials):
    wanted = expected(probe_source(), "probe")
    done = net_snmp.values(program, credentials, agent, "trafMon", options=options)
    assert wanted == {name: value for name, value in done.items() if name in wanted}
    assert str(PROBE_NUMBERS["octets_seen"]) == done['trafMonProbeOctets."edge"']


def test_a_collector(tmp_path):
    with serving(snmp_setting(tmp_path, "collector"), view_of(collector_source(), "collector")) as service:
        found = net_snmp.values("snmpbulkwalk", v3(), service.port, "trafMon")
    wanted = expected(collector_source(), "collector")
    assert wanted == {name: value for name, value in found.items() if name in wanted}
    assert str(COLLECTOR_NUMBERS["kind_0_rows"]) == found['trafMonSpoolKindRows."central"."ip_counters"']
    assert found['trafMonHeardProbeClockOffset."central"."edge"'] == "-2500"
    assert found['trafMonHeardProbeState."central"."edge"'] == "alive"
    assert found['trafMonHeardProbeState."central"."core"'] == "never"


def test_a_program_that_does_not_run(tmp_path):
    """Its agent answers all the same, without rows."""
    with serving(snmp_setting(tmp_path), view_of(None)) as service:
        assert net_snmp.values("snmpwalk", V2C, service.port, "trafMonObjects") == {}
        assert net_snmp.values("snmpget", V2C, service.port, "1.3.6.1.2.1.1.3.0", options=["-Ot"]) != {}


@pytest.mark.parametrize("address", ["::1", "::"])
def test_over_ipv6(tmp_path, address):
    """:: is all addresses, of IPv4, too."""
    with serving(snmp_setting(tmp_path, address=address), view_of(probe_source())) as service:
        for there in ("udp6:[::1]", "127.0.0.1") if address == "::" else ("udp6:[::1]",):
            done = net_snmp.run("snmpget", *V2C, "-Oqv", f"{there}:{service.port}", NAME)
            assert done.stdout == "21000\n", done.stderr


def test_a_port_that_cannot_be_had(tmp_path):
    """It is told where, why, and what to change."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        made = snmp_setting(tmp_path, snmp_port=other.getsockname()[1])
        with pytest.raises(ServiceError) as told:
            asyncio.run(SnmpService(made).run(view_of(probe_source())))
    assert "choose another snmp_port" in str(told.value)
    assert str(tmp_path / "tmon.xml") in str(told.value)


def test_secrets_that_cannot_be_used(tmp_path):
    made = snmp_setting(tmp_path)
    monitoring(tmp_path).secrets.chmod(0o644)
    with pytest.raises(ServiceError, match="chmod 600"):
        SnmpService(made)


def test_secrets_are_exchanged_while_it_runs(tmp_path):
    """New ones are taken over, old ones do not serve any more; a file that cannot be used changes nothing."""
    made = snmp_setting(tmp_path)
    path = made.configuration.monitoring.secrets
    before = path.read_text()
    with serving(made, view_of(probe_source())) as service:
        replace_file(path, before.replace("auth of noc ...", "new auth of noc").replace(COMMUNITY, "new-string"))
        until(lambda: net_snmp.run("snmpget", *net_snmp.V2C, "new-string", "-r", "0", "-t", "0.5", f"127.0.0.1:{service.port}",
                                   NAME).returncode == 0, "the new community is known")
        assert {NAME: "21000"} == net_snmp.values("snmpget", v3(auth_passphrase="new auth of noc"), service.port, NAME)
        assert "Authentication failure" in fails(*v3(), port=service.port)
        assert "Timeout" in fails(*V2C, port=service.port, wait_s="1")
        replace_file(path, "user noc short short")
        assert {NAME: "21000"} == net_snmp.values("snmpget", v3("sha512"), service.port, NAME)


def replace_file(path, text):
    """All at once, as a careful administrator does."""
    part = path.with_name("part")
    part.write_text(text)
    part.chmod(0o600)
    part.replace(path)
