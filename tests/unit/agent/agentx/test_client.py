"""What the log says of a master."""

import asyncio

from tests.unit.agent.agentx.test_session import REGIONS, ROOT, TREE
from tmon_agent.agentx.client import Client
from tmon_agent.agentx.session import Refused, Registered, Session


def test_refused_rows_are_told_of_once(caplog):
    """Another program of this name has them, perhaps for ever; and again when they were had in between, or for another reason."""
    client = Client("/nonexistent", Session(ROOT, "test", REGIONS, lambda: TREE))

    def refused(why):
        caplog.clear()
        for _ in range(5):
            for region in REGIONS:
                client._happened(Refused(region, why))
        return [m for m in caplog.messages if why in m]

    assert len(refused("duplicate registration")) == len(REGIONS) == 2
    assert refused("duplicate registration") == []
    assert len(refused("request denied")) == 2
    client._happened(Registered())
    assert len(refused("duplicate registration")) == 2


def test_a_path_that_no_socket_can_have(caplog):
    """The log says so; it is no lack of an answer."""
    async def attempt():
        running = asyncio.create_task(Client(f"/{200 * 'x'}", Session(ROOT, "test", REGIONS, lambda: TREE)).run())
        while not caplog.messages:
            await asyncio.sleep(0)
        running.cancel()

    asyncio.run(asyncio.wait_for(attempt(), 10))
    assert "path too long" in caplog.text
