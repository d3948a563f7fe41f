"""What all actors share: hosts, ledger, chance, pace, the end."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field

from tests.linkemu import Namespace
from tests.linkemu.netns import inside
from tests.soak.ledger import Ledger
from tests.soak.topology import Lab

ANSWER_WITHIN_S = 10.0
BUFFER_OCTETS = 4 << 20
MAX_TASKS = 256
"""Exchanges of one actor under way at a time; beyond, the next one waits."""


@dataclass
class Work:
    """rate: 1 is what is usual; twice as much sends twice as often. ends_at: of the run, by time.monotonic()."""

    lab: Lab
    ledger: Ledger
    seed: int
    rate: float
    ends_at: float
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def random(self, name: str) -> random.Random:
        """Of an actor: the same in every run with the same seed."""
        return random.Random(f"{self.seed} {name}")

    async def goes_on(self, pause_s: float) -> bool:
        """After a pause. False as soon as the run is over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.over.wait(), pause_s)
        return not self.over.is_set()

    async def each(self, every_s: float, chance: random.Random, what) -> None:
        """Starts `what()`, a coroutine, about so often, and waits for all of them at the end. What one raises ends the run."""
        room = asyncio.Semaphore(MAX_TASKS)

        async def one(work: Coroutine) -> None:
            try:
                await work
            finally:
                room.release()

        async with asyncio.TaskGroup() as group:
            while await self.goes_on(min(chance.expovariate(self.rate / every_s), 10 * every_s)):
                await room.acquire()
                group.create_task(one(what()))

    def strange(self, what: str) -> None:
        """Something that the lab must not do; figures cannot be trusted then."""
        self.ledger.strange.append(what)


def opened(host: Namespace, family: int, kind: int, protocol: int = 0, *, bind: tuple[str, int] | None = None) -> socket.socket:
    """A socket of that host, for asyncio."""
    with inside(host.name):
        one = socket.socket(family, kind, protocol)
    one.setblocking(False)
    if kind != socket.SOCK_STREAM:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
    if bind:
        one.bind(bind)
    return one
