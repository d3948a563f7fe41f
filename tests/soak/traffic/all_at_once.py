"""All actors, until they are told that the run is over."""

from __future__ import annotations

import asyncio

from tests.soak.traffic.bursts import Bursts
from tests.soak.traffic.connections import Connections
from tests.soak.traffic.datagrams import Datagrams
from tests.soak.traffic.echoes import Echoes
from tests.soak.traffic.names import Names
from tests.soak.traffic.strangers import Strangers
from tests.soak.traffic.streams import Streams
from tests.soak.traffic.transfers import Transfers
from tests.soak.traffic.work import Work

ACTORS = (Streams, Datagrams, Strangers, Echoes, Names, Connections, Transfers, Bursts)


async def all_at_once(work: Work) -> None:
    """Returns when everything that was begun has ended, and the ledger is complete."""
    async with asyncio.TaskGroup() as group:
        for actor in ACTORS:
            group.create_task(actor(work).run())
