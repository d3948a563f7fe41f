"""Asks the DNS for the names of many addresses: some at once, not faster than allowed, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rdatatype
import dns.resolver

from tmon_common.config.store_model import Names
from tmon_store.errors import StoreError
from tmon_store.ip_info.answers import Answer, judge, question
from tmon_store.ip_info.rate import TokenBucket
from tmon_store.ip_info.schema import FAILED

MIN_TRIES, MAX_TRIES = 2, 3
"""Queries for one address, each at the next server: as many as there are servers, within these."""
GIVE_UP_AFTER = 40
"""Addresses in a row for which no server said anything. Then they are asked for the root, which each of them knows: if that is in
vain, too, nobody is there, and the rest is left for another run."""
DNS_PORT = 53


class Resolver:
    """gave_up: no server says anything any more. StoreError if there is no server to ask."""

    def __init__(self, names: Names) -> None:
        self._servers = names.servers or _system_servers()
        self._timeout_s = names.timeout_ns / 1e9
        self._parallel = names.parallel
        self._bucket = TokenBucket(names.rate)
        self._tries = min(max(len(self._servers), MIN_TRIES), MAX_TRIES)
        self._first = 0  # position of the server that answered last: a dead one before it costs no time any more
        self._silent = 0
        self.gave_up = False

    @property
    def servers(self) -> str:
        """For messages."""
        return ", ".join(host if port == DNS_PORT else f"{host} port {port}" for host, port in self._servers)

    def resolve(self, addresses: Sequence[str], answered: Callable[[Answer], object]) -> None:
        """Ask for each; `answered` is called as answers arrive, in any order. Ends early if nobody answers any more, and by
        KeyboardInterrupt."""
        asyncio.run(self._resolve(addresses, answered))

    async def _resolve(self, addresses: Sequence[str], answered: Callable[[Answer], object]) -> None:
        left = iter(addresses)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._parallel, len(addresses))):
                group.create_task(self._work(left, answered))

    async def _work(self, left: Iterator[str], answered: Callable[[Answer], object]) -> None:
        for address in left:
            if self._silent >= GIVE_UP_AFTER and not self.gave_up:
                self.gave_up = not await self._is_someone_there()
            if self.gave_up:
                return
            answered(await self._look_up(address))

    async def _look_up(self, address: str) -> Answer:
        heard, first = False, self._first
        for i in range(self._tries):
            position = (first + i) % len(self._servers)
            response = await self._exchange(question(address), position)
            if response is None:
                continue
            heard = True
            answer = judge(address, response)
            if answer:
                self._first, self._silent = position, 0
                return answer
        self._silent = 0 if heard else self._silent + 1
        return Answer(address, FAILED)

    async def _is_someone_there(self) -> bool:
        for position in range(len(self._servers)):
            if await self._exchange(dns.message.make_query(dns.name.root, dns.rdatatype.NS), position):
                self._first, self._silent = position, 0
                return True
        return False

    async def _exchange(self, query: dns.message.Message, position: int) -> dns.message.Message | None:
        """The response of that server, whatever it says; None: there is none. By TCP what does not fit UDP (RFC 7766 section 5)."""
        host, port = self._servers[position]
        try:
            try:
                await self._turn()
                return await dns.asyncquery.udp(query, host, self._timeout_s, port, ignore_unexpected=True, ignore_errors=True,
                                                raise_on_truncation=True)
            except dns.message.Truncated:
                await self._turn()
                return await dns.asyncquery.tcp(query, host, self._timeout_s, port)
        except (OSError, EOFError, dns.exception.DNSException):
            return None

    async def _turn(self) -> None:
        """Each query waits its turn."""
        await asyncio.sleep(self._bucket.reserve(asyncio.get_running_loop().time()))


def _system_servers() -> tuple[tuple[str, int], ...]:
    try:
        found = [s for s in dns.resolver.Resolver().nameservers if isinstance(s, str)]
    except (dns.resolver.NoResolverConfiguration, OSError):
        found = []
    if not found:
        msg = 'the system has no name server (/etc/resolv.conf); name some: <names servers="..."/>'
        raise StoreError(msg)
    return tuple((host, DNS_PORT) for host in found)
