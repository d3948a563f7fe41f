"""Services side by side: all end when one fails or when they are told to, within a limit."""

import asyncio

import pytest

from tests.unit.agent.programs import setting
from tmon_agent import agent
from tmon_agent.agent import serve, services
from tmon_agent.metrics.service import MetricsService
from tmon_agent.service import ServiceError


class Played:
    """A service that does what it is told."""

    def __init__(self, error=None, stubborn=False):
        self.error, self.stubborn, self.ended, self.view = error, stubborn, False, None

    async def run(self, view):
        self.view = view
        try:
            if self.error:
                raise self.error
            await asyncio.Event().wait()
        finally:
            if self.stubborn:
                await asyncio.Event().wait()
            self.ended = True


def play(*running, end_after=0):
    async def main():
        end = asyncio.Event()
        asyncio.get_running_loop().call_later(end_after, end.set)
        await asyncio.wait_for(serve(running, "the view", end.wait()), 10)

    asyncio.run(main())


def test_all_run_until_the_end():
    """With the view; then all have ended."""
    first, second = Played(), Played()
    play(first, second)
    assert [(s.view, s.ended) for s in (first, second)] == [("the view", True)] * 2


def test_one_that_fails_ends_all():
    """And its error is what is told."""
    failing, other = Played(ServiceError("no port")), Played()
    with pytest.raises(ServiceError, match="no port"):
        play(failing, other, end_after=5)
    assert other.ended


def test_one_that_does_not_end_is_not_waited_for(monkeypatch, caplog):
    monkeypatch.setattr(agent, "END_PATIENCE_S", 0.05)
    play(Played(stubborn=True))
    assert "Played did not end within 0.05 s" in caplog.text


def test_no_service_is_no_mistake():
    """An agent with managers alone, and none of them left, waits for its end."""
    play()


def test_what_is_asked_for_is_made():
    [only] = services(setting(metrics_port=0))
    assert isinstance(only, MetricsService)
    assert list(services(setting())) == []
