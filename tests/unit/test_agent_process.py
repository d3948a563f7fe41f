"""The agent of a program as its process: started, found dead, started again, ended. It is played by small programs."""

import sys
from pathlib import Path

import pytest

from tests.pipeline.probe_process import until
from tmon_common import agent_process
from tmon_common.agent_process import LOOK_EVERY_NS, AgentProcess
from tmon_common.clock import FakeClock
from tmon_common.config.model import Agent, Collector, Configuration
from tmon_common.revival import FIRST_PAUSE_NS, STEADY_NS

CONFIGURATION = Configuration(path=Path("tmon.xml"))
OBEDIENT, STUBBORN, DYING = "import sys; sys.stdin.read()", "while True: pass", "import sys; sys.exit(7)"


@pytest.fixture
def clock():
    return FakeClock()


def agent_of(clock, program, wanted=True):
    declared = Collector("central", "127.0.0.1", 9777, Path("spool"), agent=Agent() if wanted else None)
    agent = AgentProcess(CONFIGURATION, declared, clock)
    agent._command = [sys.executable, "-c", program]
    return agent


def next_event(agent, clock):
    """Looks, time passing, until something is told."""
    told = []

    def look():
        clock.advance(LOOK_EVERY_NS)
        told.extend(agent.look())
        return told

    until(look, "something is told")
    return told[0]


def test_without_a_declaration_nothing_happens(clock):
    agent = agent_of(clock, OBEDIENT, wanted=False)
    assert (agent.start(), agent.look(), agent.pid) == ([], [], None)
    assert agent.wait_ns() > 10**18
    agent.end()


def test_it_ends_when_asked(clock):
    """By the end of its input; nothing is told of that, and it is not started again."""
    agent = agent_of(clock, OBEDIENT)
    assert agent.start() == []
    assert agent.pid
    agent.end()
    assert agent.pid is None
    clock.advance(10 * STEADY_NS)
    assert agent.look() == []


def test_who_does_not_end_is_killed(clock, monkeypatch):
    monkeypatch.setattr(agent_process, "END_PATIENCE_S", 0.1)
    agent = agent_of(clock, STUBBORN)
    agent.start()
    process = agent._process
    agent.end()
    assert process.returncode == -9


def test_who_dies_is_started_again(clock):
    """That is told with how and how often; and, when it stays, that it is back."""
    agent = agent_of(clock, DYING)
    agent.start()
    told = next_event(agent, clock)
    assert (told.code, dict(told.values)) == ("agent_failed", {"how": "exit status 7", "failures": 1, "seconds": 1})
    assert agent.pid is None
    agent._command[2] = OBEDIENT
    clock.advance(FIRST_PAUSE_NS)
    assert agent.look() == []
    assert agent.pid
    clock.advance(STEADY_NS)
    [back] = agent.look()
    assert back.code == "agent_back"
    agent.end()


def test_who_cannot_be_started_is_tried_again(clock):
    """No memory, say, or no interpreter any more: an event, no exception."""
    agent = agent_of(clock, OBEDIENT)
    agent._command[0] = "/nonexistent/python"
    [told] = agent.start()
    assert told.code == "agent_failed"
    assert "No such file" in dict(told.values)["how"]


def test_what_is_said_to_the_program_only_is_not_passed_on(clock, monkeypatch, tmp_path):
    """Its own place in the eyes of the service manager; where its packages are, is."""
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    seen = tmp_path / "seen"
    agent = agent_of(clock, f"import os, sys, tmon_agent; open({str(seen)!r}, 'w').write(' '.join(os.environ)); sys.stdin.read()")
    agent.start()
    until(lambda: seen.exists() and seen.read_text(), "it has written")
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(seen.read_text().split())
    agent.end()
