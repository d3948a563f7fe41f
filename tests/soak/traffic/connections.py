"""TCP connections: requests and answers that end in order from either side, that the client aborts, that nobody accepts, that
nobody answers. Segments are the kernel's own count of its connections, see `kernel_account`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

from tests.soak.kernel_account import (
    CLOSED,
    IP_OCTETS,
    RESET_OCTETS,
    SYN_OCTETS,
    Account,
    accepted,
    account,
    ip_octets,
)
from tests.soak.ledger import BOTH, TCP, WEST, Connection, Flow
from tests.soak.topology import NOWHERE4, NOWHERE6, OFFICE4, OFFICE6, SERVERS4, SERVERS6
from tests.soak.traffic.work import ANSWER_WITHIN_S, Work, opened

PORT, CLOSED_PORT = 6_000, 6_001
EVERY_S = 1 / 3
CLIENT_FIRST, SERVER_FIRST, ABORTED, REFUSED, UNANSWERED = range(5)
"""How it ends."""
WEIGHTS = (10, 6, 2, 1, 1)
MAX_OCTETS, LONG_SHARE, LONG_PIECES, LONG_PAUSE_S = 30_000, 0.1, 20, 0.5
"""Of each direction. Some connections take their time: their request comes in pieces."""
GIVE_UP_S = 1.5
LOOK_EVERY_S, BACKLOG, READ_OCTETS = 0.005, 128, 65_536
_REQUEST = struct.Struct(">IIB")
_ABORT = struct.pack("ii", 1, 0)
"""struct linger: on, no time."""
_ENDS = {socket.AF_INET: (OFFICE4, SERVERS4, NOWHERE4), socket.AF_INET6: (OFFICE6, SERVERS6, NOWHERE6)}


class Connections:
    """Clients at the office, a server of each family."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._chance = work.random("connections")
        self._served: dict[tuple[int, int], asyncio.Future[Account]] = {}
        """By family and the client's port: what the server's side says when it has ended."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as serving:
            listening = [serving.create_task(self._listen(family, server, serving)) for family, (_, server, _) in _ENDS.items()]
            await self._work.each(EVERY_S, self._chance, self._client)
            for task in listening:
                task.cancel()

    # ---- the clients

    async def _client(self) -> None:
        chance = self._chance
        family = chance.choice(list(_ENDS))
        end, = chance.choices(range(len(WEIGHTS)), WEIGHTS)
        await (self._alone(family, end) if end in (REFUSED, UNANSWERED) else self._served_client(family, end))

    async def _served_client(self, family: socket.AddressFamily, end: int) -> None:
        chance, loop, (here, there, _) = self._chance, asyncio.get_running_loop(), _ENDS[family]
        up, down = _REQUEST.size + chance.randrange(MAX_OCTETS), chance.randrange(1, MAX_OCTETS)
        pieces = LONG_PIECES if chance.random() < LONG_SHARE else 1
        with opened(self._work.lab.office, family, socket.SOCK_STREAM, bind=(here, 0)) as client:
            port = client.getsockname()[1]
            served = self._served[family, port] = loop.create_future()
            async with asyncio.timeout(ANSWER_WITHIN_S + pieces * LONG_PAUSE_S):
                await loop.sock_connect(client, (there, PORT))
                request = _REQUEST.pack(up, down, end) + chance.randbytes(up - _REQUEST.size)
                for n in range(pieces):
                    await loop.sock_sendall(client, request[n * up // pieces:(n + 1) * up // pieces])
                    await asyncio.sleep(LONG_PAUSE_S if pieces > 1 else 0)
                await _take(client, down)
                if end == ABORTED:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
                    client.close()
                    theirs = await served
                    ours = None
                else:
                    if end == SERVER_FIRST:
                        await _take_end(client)
                    client.shutdown(socket.SHUT_WR)
                    if end == CLIENT_FIRST:
                        await _take_end(client)
                    ours, theirs = await closed(client, account), await served
        del self._served[family, port]
        self._tell(family, port, (up, down), ours, theirs)

    def _tell(self, family: socket.AddressFamily, port: int, octets: tuple[int, int], ours: Account | None,
              theirs: Account) -> None:
        """ours: None of what the client aborted, as its socket is gone."""
        (here, there, _), (up, down), ledger = _ENDS[family], octets, self._work.ledger
        if ours is not None and (ours.sent, ours.got) != (theirs.got, theirs.sent):
            self._work.strange(f"port {port}: ends of a TCP connection differ: {ours}, {theirs}")
        flow = Flow(TCP, here, there, port, PORT)
        if theirs.repeated or (ours is not None and ours.repeated) or theirs.octets != down:
            ledger.repeated |= {flow, flow.reverse}
        ledger.passed(flow, ip_octets(family, theirs.got, up), packets=theirs.got)
        ledger.passed(flow.reverse, ip_octets(family, theirs.sent, down), packets=theirs.sent)
        end = "rst" if ours is None else "fin"
        ledger.connections[Connection(here, port, there, PORT, theirs.got, theirs.sent, up, down, end)] += 1

    async def _alone(self, family: socket.AddressFamily, end: int) -> None:
        """There is no server."""
        (here, there, nowhere), ledger = _ENDS[family], self._work.ledger
        address, port = (there, CLOSED_PORT) if end == REFUSED else (nowhere, PORT)
        with opened(self._work.lab.office, family, socket.SOCK_STREAM, bind=(here, 0)) as client:
            with suppress(ConnectionRefusedError, TimeoutError):
                async with asyncio.timeout(GIVE_UP_S):
                    await asyncio.get_running_loop().sock_connect(client, (address, port))
            syns, flow = account(client).sent, Flow(TCP, here, address, client.getsockname()[1], port)
        resets = syns if end == REFUSED else 0
        ledger.passed(flow, syns * (IP_OCTETS[family] + SYN_OCTETS), packets=syns, places=BOTH if end == REFUSED else (WEST,))
        if resets:
            ledger.passed(flow.reverse, resets * (IP_OCTETS[family] + RESET_OCTETS), packets=resets)
        ledger.connections[Connection(here, flow.src_port, address, port, syns, resets, 0, 0,
                                      "rst" if resets else "timeout")] += 1

    # ---- the servers

    async def _listen(self, family: socket.AddressFamily, address: str, serving: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        with opened(self._work.lab.servers, family, socket.SOCK_STREAM, bind=(address, PORT)) as listener:
            listener.listen(BACKLOG)
            while True:
                one, (_, port, *_) = await loop.sock_accept(listener)
                serving.create_task(self._serve(one, (family, port)))

    async def _serve(self, one: socket.socket, client: tuple[int, int]) -> None:
        loop = asyncio.get_running_loop()
        with one:
            request = await _take(one, _REQUEST.size)
            up, down, end = _REQUEST.unpack(request)
            await _take(one, up - _REQUEST.size)
            await loop.sock_sendall(one, bytes(down))
            if end == SERVER_FIRST:
                one.shutdown(socket.SHUT_WR)
            with suppress(ConnectionResetError):
                await _take_end(one)
            if end == CLIENT_FIRST:
                one.shutdown(socket.SHUT_WR)
            self._served[client].set_result(await closed(one, accepted))


async def closed(one: socket.socket, told=account) -> Account:
    """What the kernel has counted, once the connection is over. TimeoutError if it does not end."""
    async with asyncio.timeout(ANSWER_WITHIN_S):
        while (found := told(one)).state != CLOSED:
            await asyncio.sleep(LOOK_EVERY_S)
    return found


async def _take(one: socket.socket, octets: int) -> bytes:
    """All of them. ConnectionError if the other side ends before."""
    found = bytearray()
    while len(found) < octets:
        more = await asyncio.get_running_loop().sock_recv(one, min(READ_OCTETS, octets - len(found)))
        if not more:
            raise ConnectionError(f"the connection ended after {len(found)} of {octets} octets")
        found += more
    return bytes(found)


async def _take_end(one: socket.socket) -> None:
    if await asyncio.get_running_loop().sock_recv(one, 1):
        raise ConnectionError("more octets than were announced")
