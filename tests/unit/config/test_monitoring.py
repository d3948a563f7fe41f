"""<monitoring> and <agent>: every attribute, and what is wrong in them."""

import pytest

from tests.unit.config.documents import GOOD, problems_of, spoiled, write
from tmon_common.config.model import Agent, Monitoring
from tmon_common.config.monitoring_model import Manager, SnmpUser
from tmon_common.config.read import read
from tmon_common.events import Severity

WATCHED = """  <monitoring secrets="secret/snmp">
    <community name="public"/>
    <user name="noc" auth="sha512" priv="aes256"/>
    <user name="plain"/>
    <manager name="a" address="192.0.2.1" port="1162" version="2c" security="public" notify="trap"
             severity="error" timeout="5s" retries="0"/>
    <manager name="b" address="2001:db8::1" security="noc"/>
  </monitoring>
"""
STORE = '  <store database="trafmon.duckdb"/>\n'
PROBE = '      <publish collector="central"/>\n'


def watched(agent="", monitoring=WATCHED):
    text, _ = spoiled(STORE, monitoring + STORE)
    return spoiled(PROBE, f"{PROBE}      {agent}\n", text)


def test_every_attribute_arrives(tmp_path):
    text, _ = watched('<agent address="::1" snmp_port="161" agentx="[::1]:705" metrics_port="0"/>')
    text, _ = spoiled('<spool directory="spool"/>', '<spool directory="spool"/><agent agentx="/var/agentx/master"/>', text)
    configuration = read(write(tmp_path, text))
    assert Monitoring(tmp_path / "secret" / "snmp", ("public",), (SnmpUser("noc", "sha512", "aes256"), SnmpUser("plain")), (
        Manager("a", "192.0.2.1", 1162, "2c", "public", "trap", Severity.ERROR, 5 * 10**9, 0),
        Manager("b", "2001:db8::1", security="noc"))) == configuration.monitoring
    assert Agent("::1", 161, "[::1]:705", 0) == configuration.probes[0].agent
    assert Agent(agentx="/var/agentx/master") == configuration.collectors[0].agent


def test_without_them_nobody_is_told(tmp_path):
    configuration = read(write(tmp_path, GOOD))
    assert Monitoring(tmp_path / "snmp.secrets") == configuration.monitoring
    assert configuration.probes[0].agent is configuration.collectors[0].agent is None


@pytest.mark.parametrize(("agent", "message"), [
    ("<agent/>", "answers nowhere"),
    ('<agent agentx="master"/>', "expected the path of a socket"),
    ('<agent agentx="127.0.0.1:0"/>', "expected the path of a socket"),
    ('<agent agentx="999.0.0.1:705"/>', "expected the path of a socket"),
    ('<agent metrics_port="65536"/>', "expected 0 to 65535"),
    ('<agent address="localhost" metrics_port="1"/>', "expected an address"),
])
def test_what_is_wrong_with_an_agent(tmp_path, agent, message):
    text, line = watched(agent)
    (problem,) = problems_of(write(tmp_path, text))
    assert (line + 1, True) == (problem.line, message in problem.message), problem


@pytest.mark.parametrize(("old", "new", "message"), [
    ('security="noc"', 'security="nobody"', "wants a <user>"),
    ('version="2c" security="public"', 'version="2c" security="noc"', "wants a <community>"),
    ('name="plain"', 'name="noc"', "second <user>"),
    ('name="plain"', f'name="{33 * "u"}"', "at most 32"),
    ('name="plain"', f'name="{17 * "é"}"', "at most 32"),
    ('<manager name="b"', '<manager name="a"', "second <manager>"),
    ("2001:db8::1", "noc.example.org", "expected an address"),
    ('timeout="5s"', 'timeout="1h"', "expected"),
    ('retries="0"', 'retries="256"', "expected 0 to 255"),
])
def test_what_is_wrong_with_managers_and_users(tmp_path, old, new, message):
    text, _ = watched()
    text, line = spoiled(old, new, text)
    (problem,) = problems_of(write(tmp_path, text))
    assert (line, True) == (problem.line, message in problem.message), problem


def test_an_snmp_agent_that_nobody_may_ask(tmp_path):
    text, line = watched('<agent snmp_port="161"/>', "")
    (problem,) = problems_of(write(tmp_path, text))
    assert (line + 1, True) == (problem.line, "nobody may ask" in problem.message), problem
