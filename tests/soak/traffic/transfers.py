"""FTP sessions with vsftpd (RFC 959, RFC 2428), by Python's own client: get, put and list, passive and active, IPv4 and IPv6.

The client's sockets are ours, so their kernel tells what passed (`kernel_account`).
"""

from __future__ import annotations

import asyncio
import ftplib
import socket
import time
from random import Random

from tests.lab.servers import FILES
from tests.linkemu.netns import inside
from tests.soak.kernel_account import CLOSED, Account, accepted, account, ip_octets, sent_again
from tests.soak.ledger import TCP, Connection, Flow, Ledger, Transfer
from tests.soak.topology import OFFICE4, OFFICE6, SERVERS4, SERVERS6
from tests.soak.traffic.work import ANSWER_WITHIN_S, Work

PORT, DATA_PORT = 21, 20
EVERY_S = 2.0
GOT = ("small.txt", "medium.bin", "large.bin")
MAX_TRANSFERS = 4
LOOK_EVERY_S = 0.002
ENDS = {socket.AF_INET: (OFFICE4, SERVERS4), socket.AF_INET6: (OFFICE6, SERVERS6)}
MODES = {(socket.AF_INET, True): "passive", (socket.AF_INET, False): "active",
         (socket.AF_INET6, True): "extended_passive", (socket.AF_INET6, False): "extended_active"}
_BLOCK = 16_384


class Transfers:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._chance = work.random("transfers")
        self._sessions = 0

    async def run(self) -> None:
        await self._work.each(EVERY_S, self._chance, self._session)

    async def _session(self) -> None:
        self._sessions += 1
        session = Session(self._work.ledger, self._chance.choice(list(ENDS)), self._chance.random() < 0.5)
        await asyncio.to_thread(self._talk, session, Random(f"{self._work.seed} session {self._sessions}"))
        session.tell()

    def _talk(self, session: Session, chance: Random) -> None:
        """In a thread, which alone is in the office."""
        servers = self._work.lab.servers.name
        with inside(servers):
            before = sent_again()
        with inside(self._work.lab.office.name):
            session.open()
            for number in range(chance.randint(1, MAX_TRANSFERS)):
                what = chance.choice(("get", "put", "list"))
                if what == "get":
                    session.get(f"pub/{(name := chance.choice(GOT))}", FILES[name])
                elif what == "put":
                    session.put(f"incoming/{self._sessions}-{number}", chance.randbytes(chance.randrange(1, 20_000)))
                else:
                    session.list("pub")
            session.close()
        with inside(servers):
            session.repeated = sent_again() > before


class Session:
    """A control connection and what is moved meanwhile. Nothing is told before `tell`.

    repeated: the servers sent some segment again meanwhile; whether it was of this session, only vsftpd's kernel knows.
    """

    def __init__(self, ledger: Ledger, family: socket.AddressFamily, passive: bool) -> None:
        self._ledger, self._family, self._passive = ledger, family, passive
        self._told: list[tuple[Flow, Account, int, int]] = []
        self.repeated = False
        self._transfers: list[Transfer] = []

    def open(self) -> None:
        self._client = _Client()
        self._client.af = self._family
        self._client.connect(ENDS[self._family][1], PORT, ANSWER_WITHIN_S, (ENDS[self._family][0], 0))
        self._client.login()
        self._client.set_pasv(self._passive)
        self._client.voidcmd("TYPE I")

    def get(self, path: str, octets: int) -> None:
        got = self._move("RETR", path, None)
        if got != octets:
            raise ConnectionError(f"{path}: {got} octets in place of {octets}")

    def put(self, path: str, content: bytes) -> None:
        self._move("STOR", path, content)

    def list(self, path: str) -> None:
        self._move("LIST", path, None)

    def close(self) -> None:
        """In good order: the server's FIN comes first."""
        client = self._client
        client.putcmd("QUIT")
        client.getresp()
        if client.file.read(1):
            raise ConnectionError("the server says more after its last reply")
        client.sock.shutdown(socket.SHUT_WR)
        told = _closed(client.sock, account)
        self._note(client.sock, told, client.said, client.heard)
        client.close()

    def tell(self) -> None:
        """Everything, to the ledger."""
        for flow, told, sent, got in self._told:
            self._ledger.passed(flow, ip_octets(self._family, told.sent, sent), packets=told.sent)
            self._ledger.passed(flow.reverse, ip_octets(self._family, told.got, got), packets=told.got)
            if told.repeated or self.repeated:
                self._ledger.repeated |= {flow, flow.reverse}
            one = Connection(flow.src_addr, flow.src_port, flow.dst_addr, flow.dst_port, told.sent, told.got, sent, got, "fin")
            if flow.dst_port != PORT and not self._passive:  # the server has opened it
                one = Connection(flow.dst_addr, flow.dst_port, flow.src_addr, flow.src_port, told.got, told.sent, got, sent, "fin")
            self._ledger.connections[one] += 1
        self._ledger.transfers.update(self._transfers)

    def _move(self, command: str, path: str, content: bytes | None) -> int:
        """Octets moved. content: to be stored; None: what comes is thrown away."""
        data, _ = self._client.ntransfercmd(f"{command} {path}")
        with data:
            octets = 0
            if content is None:
                while more := data.recv(_BLOCK):
                    octets += len(more)
                data.shutdown(socket.SHUT_WR)
            else:
                data.sendall(content)
                octets = len(content)
                data.shutdown(socket.SHUT_WR)
                if data.recv(1):
                    raise ConnectionError("the server sends where it should receive")
            told = _closed(data, account if self._passive else accepted)
            self._note(data, told, octets if content is not None else 0, 0 if content is not None else octets)
        reply = self._client.voidresp()
        self._transfers.append(Transfer(ENDS[self._family][0], command, path, MODES[self._family, self._passive], octets,
                                        "completed", int(reply[:3])))
        return octets

    def _note(self, one: socket.socket, told: Account, sent: int, got: int) -> None:
        here, there = ENDS[self._family]
        self._told.append((Flow(TCP, here, there, one.getsockname()[1], self._client.peers[one.fileno()]), told, sent, got))


class _Client(ftplib.FTP):
    """Counts the octets of the dialogue, and notes who was at the other end of each socket: a closed one does not know any more."""

    def __init__(self) -> None:
        super().__init__()
        self.said = self.heard = 0
        self.peers: dict[int, int] = {}
        """By descriptor: port."""

    def connect(self, *arguments, **named) -> str:
        welcome = super().connect(*arguments, **named)
        self.peers[self.sock.fileno()] = self.sock.getpeername()[1]
        return welcome

    def ntransfercmd(self, cmd: str, rest: object = None) -> tuple[socket.socket, int | None]:
        data, size = super().ntransfercmd(cmd, rest)
        self.peers[data.fileno()] = data.getpeername()[1]
        return data, size

    def putline(self, line: str) -> None:
        self.said += len(line) + 2
        super().putline(line)

    def getline(self) -> str:
        line = super().getline()
        self.heard += len(line) + 2
        return line


def _closed(one: socket.socket, told) -> Account:
    """As `connections.closed`, in a thread."""
    end = time.monotonic() + ANSWER_WITHIN_S
    while (found := told(one)).state != CLOSED:
        if time.monotonic() > end:
            raise TimeoutError("a connection of FTP does not end")
        time.sleep(LOOK_EVERY_S)
    return found
