"""The real snmptrapd is told of events: by traps and informs, of version 2c and 3, once each, whatever dies in between."""

import re
import shlex
import socket
from dataclasses import replace

import pytest

from tests.pipeline.agent_services import AtWork, MadeUp, setting
from tests.pipeline.snmp_daemons import AUTH, COMMUNITY, PRIV, Snmptrapd, free_port, needed, until
from tmon_agent.managed.declaration import ROOT
from tmon_agent.notify.service import NotifyService
from tmon_agent.snmp.identity import identity_of
from tmon_common.config.monitoring_model import Manager, SnmpUser
from tmon_common.events import Severity
from tmon_common.private_file import write_private

pytestmark = needed("snmptrapd")

SECRETS = (f"community lab {shlex.quote(COMMUNITY)}", f"user tester {shlex.quote(AUTH)} {shlex.quote(PRIV)}")
TRAP_OID, EVENT = ".1.3.6.1.6.3.1.1.4.1.0", "." + ".".join(map(str, (*ROOT, 1, 21, 1)))
QUICK_NS = 200_000_000


@pytest.fixture
def program():
    with MadeUp("probe", "edge") as made:
        yield made


class OverIpv6(Snmptrapd):
    listen = "udp6:[::1]"


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
def trapd(tmp_path):
    engine = identity_of("probe", "edge", tmp_path / "tmon.xml").engine_id.hex()
    with Snmptrapd(tmp_path / "trapd", engine) as daemon:
        yield daemon


def manager(port, name="noc", version="2c", **more):
    return Manager(name, "127.0.0.1", port, version, "tester" if version == "3" else "lab", timeout_ns=QUICK_NS, retries=50, **{
        "notify": "inform"} | more)


def at_work(tmp_path, program, *managers, secrets=SECRETS):
    return AtWork(setting(tmp_path, program, managers=managers, secrets=secrets, user=SnmpUser("tester")), program, NotifyService)


def told(trapd):
    """Of each notification, the values by object: .ROOT... without the index."""
    index = r"\.1\.4\.101\.100\.103\.101\.(\d+)"  # a probe; four octets "edge"; the number of the event
    found = []
    for line in trapd.received():
        values = dict(part.split(" ", 1) for part in line.split("|"))
        found.append({re.sub(index + "$", "", oid): value.strip('"') for oid, value in values.items()} | {
            "number": int(next(m[1] for oid in values if (m := re.search(index + "$", oid))))})
    return found


def test_traps_and_informs_of_both_versions(tmp_path, program, trapd):
    """Each manager is told what it is to be told, with its type, the event's objects, and the time that the run has lasted."""
    kinds = [(version, notify) for version in ("2c", "3") for notify in ("trap", "inform")]
    managers = [manager(trapd.port, f"{version}-{notify}", version, notify=notify) for version, notify in kinds]
    with at_work(tmp_path, program, *managers) as agent:
        program.tell(subject="uplink")
        until(lambda: len(trapd.received()) >= 4, "four notifications")
        until(lambda: agent.counts["notifications_sent"] == 4, "four that are settled")
    for one in told(trapd):
        assert "." + ".".join(map(str, (*ROOT, 0, 2))) == one[TRAP_OID]
        assert ("2", "no_traffic", "uplink", "interface uplink: no packet for 10 s") == tuple(
            one[f"{EVENT}.{column}"] for column in (5, 6, 7, 8))
        assert 1 == one["number"]
    assert (4, 0) == (len(trapd.received()), agent.counts["notifications_lost"])


def test_only_what_is_severe_enough(tmp_path, program, trapd):
    """An event of severity info is not for a manager that wants warnings."""
    with at_work(tmp_path, program, manager(trapd.port)):
        program.tell(code="traffic_back")
        program.tell()
        until(trapd.received, "the warning")
    assert [2] == [one["number"] for one in told(trapd)]


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_over_ipv6(tmp_path, program):
    with (OverIpv6(tmp_path / "trapd") as trapd,
          at_work(tmp_path, program, replace(manager(trapd.port, version="3"), address="::1"))):
        program.tell()
        until(trapd.received, "the warning")


@pytest.mark.parametrize("version", ["2c", "3"])
def test_lost_informs_are_repeated(tmp_path, program, version):
    """A manager that listens later only is told all, in order, each once."""
    trapd = Snmptrapd(tmp_path / "trapd")
    with at_work(tmp_path, program, manager(trapd.port, version=version)) as agent:
        program.tell(3)
        until(lambda: agent.view.events(0)[0], "events on the board")
        assert 0 == agent.counts["notifications_sent"]
        with trapd:
            until(lambda: agent.counts["notifications_sent"] == 3, "all of them")
    assert [1, 2, 3] == [one["number"] for one in told(trapd)]


@pytest.mark.parametrize("kill", [False, True])
def test_a_manager_that_is_started_again(tmp_path, program, trapd, kill):
    """Version 3: it knows itself by a new number of starts, or, killed, by another identifier; the inform that it does not take for
    that is sent again."""
    with at_work(tmp_path, program, replace(manager(trapd.port, version="3"), retries=3)) as agent:
        program.tell()
        until(lambda: agent.counts["notifications_sent"] == 1, "the first")
        trapd.stop(kill=kill)
        trapd.start()
        program.tell()
        until(lambda: agent.counts["notifications_sent"] == 2, "the second")
    assert [1, 2] == [one["number"] for one in told(trapd)]


def test_one_that_is_not_reached_holds_up_nobody(tmp_path, program, trapd, caplog):
    """It is given up after its retries, counted, told once; the other has long been told."""
    silent = Manager("silent", "127.0.0.1", free_port(), "2c", "lab", "inform", Severity.WARNING, QUICK_NS, 1)
    with at_work(tmp_path, program, silent, manager(trapd.port)) as agent:
        program.tell(5)
        until(lambda: len(trapd.received()) == 5, "the other is told")
        until(lambda: agent.counts["notifications_lost"] >= 2, "two are given up")
    assert 1 == caplog.text.count("manager silent: a notification is given up: no answer")
    assert 5 == agent.counts["notifications_sent"]


def test_told_once_over_a_restart_of_the_agent(tmp_path, program, trapd):
    """An agent that is started again goes on after what was told; one that ends tells what it still can."""
    with at_work(tmp_path, program, manager(trapd.port)) as agent:
        program.tell(3)
        until(lambda: agent.counts["notifications_sent"] == 3, "three")
        program.tell()
    program.tell(2)
    with at_work(tmp_path, program, manager(trapd.port)) as agent:
        until(lambda: agent.counts["notifications_sent"] == 2, "the others")
    assert [1, 2, 3, 4, 5, 6] == [one["number"] for one in told(trapd)]


def test_another_run_of_the_program(tmp_path, program, trapd):
    """Its events are numbered anew, and told."""
    with at_work(tmp_path, program, manager(trapd.port)) as agent:
        program.tell(2)
        until(lambda: agent.counts["notifications_sent"] == 2, "those of the first run")
        program.restart()
        program.tell()
        until(lambda: agent.counts["notifications_sent"] == 3, "that of the second run")
    assert [1, 2, 1] == [one["number"] for one in told(trapd)]


def test_wrong_secrets(tmp_path, program, trapd, caplog):
    """The manager does not take it: given up, told, and no secret in the log."""
    wrong = f"user tester {shlex.quote(AUTH)} 'another phrase'"
    impatient = Manager("noc", "127.0.0.1", trapd.port, "3", "tester", "inform", Severity.WARNING, QUICK_NS, 2)
    with at_work(tmp_path, program, impatient, secrets=(SECRETS[0], wrong)) as agent:
        program.tell()
        until(lambda: agent.counts["notifications_lost"] == 1, "it is given up")
    assert "manager noc: a notification is given up" in caplog.text
    assert not any(secret in caplog.text for secret in (AUTH, "another phrase", COMMUNITY))
    assert [] == trapd.received()


def test_secrets_are_exchanged(tmp_path, program, trapd, caplog):
    """What the manager did not take goes out again with the new ones, without a restart."""
    made = setting(tmp_path, program, managers=[manager(trapd.port, version="3")], user=SnmpUser("tester"), secrets=(
        SECRETS[0], f"user tester {shlex.quote(AUTH)} 'another phrase'"))
    with AtWork(made, program, lambda s: NotifyService(s, look_every_s=0.1)) as agent:
        program.tell()
        until(lambda: agent.view.events(0)[0], "an event on the board")
        write_private(tmp_path / "snmp.secrets", "file", [f"{line}\n" for line in SECRETS], "")
        until(lambda: agent.counts["notifications_sent"] == 1, "it is told")
    assert 1 == len(trapd.received())
    assert 0 == agent.counts["notifications_lost"]
