"""The engine and its application, datagram by datagram, asked by net-snmp's programs."""

import time

import pytest

from tests.oracles import net_snmp
from tests.unit.agent.programs import START_NS, probe_source
from tests.unit.agent.snmp_here import ENGINE, Here, dialogue
from tests.unit.agent.snmp_serving import V2C, v3
from tmon_agent.snmp.objects import MAX_TEXT_OCTETS
from tmon_common.event_board import BoardEvent
from tmon_common.events import Severity

pytestmark = [pytest.mark.oracle, pytest.mark.skipif(not net_snmp.AVAILABLE, reason=net_snmp.WHY_NOT)]

NAME, TEXT = 'trafMonProbePackets."edge"', 'trafMonEventText.1."edge".1'
ONE_PACKET_OCTETS = 1472
"""Of a datagram in an Ethernet frame."""


@pytest.fixture
def here(tmp_path):
    source = probe_source()
    source.told.append(BoardEvent(1, START_NS, Severity.INFO, "probe_started", "edge", 2000 * "x"))
    return Here(tmp_path, source)


@pytest.mark.parametrize("credentials", [V2C, v3()], ids=["v2c", "v3"])
def test_an_answer_to_bulk_is_one_packet(here, credentials):
    """As much as there is room for, and not more."""
    told, _, answers = dialogue(here, "snmpbulkget", [*credentials, "-Cr200"], "trafMon")
    assert len(told.splitlines()) >= 30
    assert ONE_PACKET_OCTETS / 2 < max(map(len, answers)) <= ONE_PACKET_OCTETS


def test_an_answer_that_is_too_long(here):
    """tooBig (RFC 3416 section 4.2.1), and no silence: here of an engine that sends 4,000 octets at most."""
    [longest] = here.engine.get_mib_builder().import_symbols("__SNMP-FRAMEWORK-MIB", "snmpEngineMaxMessageSize")
    told, _, answers = dialogue(here, "snmpget", V2C, *[TEXT] * 100)
    assert len(told.splitlines()) == 100
    assert max(map(len, answers)) > 100 * MAX_TEXT_OCTETS
    longest.syntax = longest.syntax.clone(4000)
    told, _, _ = dialogue(here, "snmpget", [*V2C, "-Cf"], *[TEXT] * 100)
    assert "tooBig" in told


def test_a_context_that_there_is_not(here):
    """RFC 3413 section 3.2 tells it by a report."""
    told, _, answers = dialogue(here, "snmpget", [*v3(), "-n", "elsewhere", "-r", "0", "-t", "2"], NAME)
    assert "21000" not in told
    assert "context" in told.lower()
    assert len(answers) >= 2


@pytest.mark.parametrize("wall_s", [1.0, 4e9])
def test_a_clock_that_is_set_does_no_harm(here, monkeypatch, wall_s):
    """Back, or far ahead, after a manager has asked."""
    assert dialogue(here, "snmpget", v3(), NAME)[0] == "21000\n"
    monkeypatch.setattr(time, "time", lambda: wall_s)
    assert dialogue(here, "snmpget", v3(), NAME)[0] == "21000\n"


def test_a_request_that_comes_late(here):
    """From before the last start, or long ago, by a manager who thinks that he knows: he is told the time, and asks again."""
    asked = [*v3(), "-e", ENGINE.hex(), "-Z", "3,100", "-r", "1", "-t", "5"]
    told, sent, _ = dialogue(here, "snmpget", asked, NAME)
    assert told == "21000\n"
    assert len(sent) > 1


def test_a_fault_of_ours(here, monkeypatch, caplog):
    """Who asks is told that there is one; the log is told what it is, once."""
    monkeypatch.setattr("tmon_agent.snmp.answers.get", lambda *_: 1 // 0)
    for _ in range(2):
        assert "genErr" in dialogue(here, "snmpget", [*V2C, "-Cf"], NAME)[0]
    assert ["SNMP: a request could not be answered: ZeroDivisionError: integer division or modulo by zero"] == caplog.messages


def test_what_cannot_be_read_is_counted(here):
    """snmpInASNParseErrs: octets that are no message, and such at which pyasn1 stumbles."""
    _, [request], _ = dialogue(here, "snmpget", V2C, NAME)
    for garbled in (b"nonsense", request[:-3], request.replace(b"\x02\x01\x01", b"\x30\x01\x01", 1), b""):
        assert here.ask(garbled) == []
    [counted] = here.engine.get_mib_builder().import_symbols("__SNMPv2-MIB", "snmpInASNParseErrs")
    assert int(counted.syntax) == 4
