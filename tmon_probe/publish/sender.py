"""The socket of a publisher: datagrams out, answers in, never blocking."""

from __future__ import annotations

import errno
import logging
import socket
from collections import Counter
from collections.abc import Iterable

logger = logging.getLogger(__name__)

MAX_RECEIVED = 256  # answers taken at once
MAX_ERRORS = 16  # errors after which no more answers are asked for; they may be persistent
SEND_BUFFER_OCTETS = 1 << 20
RESOLVE_AGAIN_NS = 30_000_000_000  # after a host name could not be resolved
RENEW_EVERY_NS = 30_000_000_000

_NO_ROOM = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.ENOMEM}


class Sender:
    """A UDP socket connected to address:port, an IPv4 or IPv6 address or a host name.

    What cannot be sent is not an error here: the PDU is retried. errors: counts by name of the system's error (ECONNREFUSED:
    nobody listens there; ENETUNREACH ...), `unresolved` for a host name without address.
    """

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.errors: Counter[str] = Counter()
        self._socket: socket.socket | None = None
        self._unsent: list[bytes] = []
        self._resolve_after_ns = self._renew_after_ns = 0
        self._where: tuple[int, int, int, tuple] | None = None  # family, type, protocol and address, once resolved
        self._connect(0)

    def fileno(self) -> int | None:
        """For select; None while the host name is unresolved."""
        return self._socket.fileno() if self._socket else None

    @property
    def blocked(self) -> bool:
        """The system had no room for the last datagrams; they go first the next time."""
        return bool(self._unsent)

    def send(self, datagrams: Iterable[bytes], now_ns: int) -> None:
        """Sends, in order, what was left over and then `datagrams`."""
        if self._socket is None and not self._connect(now_ns):
            return
        pending = [*self._unsent, *datagrams] if self._unsent else list(datagrams)
        self._unsent = []
        for i, datagram in enumerate(pending):
            try:
                self._socket.send(datagram)
            except OSError as error:
                self._count(error)
                if error.errno in _NO_ROOM:
                    self._unsent = pending[i:]
                    return

    def received(self) -> list[bytes]:
        """Answers that are there, at most MAX_RECEIVED; after MAX_ERRORS, those taken so far."""
        datagrams: list[bytes] = []
        errors = 0
        while self._socket and len(datagrams) < MAX_RECEIVED and errors < MAX_ERRORS:
            try:
                datagrams.append(self._socket.recv(65535))
            except BlockingIOError:
                break
            except OSError as error:  # an ICMP error for what was sent before
                errors += 1
                self._count(error)
        return datagrams

    def renew(self, now_ns: int) -> None:
        """Takes another socket, now and then: to be called while nothing is answered. A socket keeps the address of this machine
        from which it was connected, also when the machine has another since; then answers do not find it. The name is not resolved
        again.
        """
        if self._where is None or now_ns < self._renew_after_ns:
            return
        self._renew_after_ns = now_ns + RENEW_EVERY_NS
        try:
            opened = _opened(*self._where)
        except OSError as error:  # no way there at the moment
            self._count(error)
            return
        if self._socket:
            self._socket.close()
        self._socket = opened

    def close(self) -> None:
        if self._socket:
            self._socket.close()
            self._socket = None

    def _connect(self, now_ns: int) -> bool:
        if now_ns < self._resolve_after_ns:
            return False
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(self.address, self.port, type=socket.SOCK_DGRAM)[0]
            self._where = family, kind, protocol, address
            self._socket = _opened(*self._where)
        except OSError as error:
            self.errors["unresolved"] += 1
            self._resolve_after_ns = now_ns + RESOLVE_AGAIN_NS
            logger.warning("collector %s port %d: %s; trying again in %d s", self.address, self.port, error,
                           RESOLVE_AGAIN_NS // 1_000_000_000)
            return False
        return True

    def _count(self, error: OSError) -> None:
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        self.errors[name] += 1
        if self.errors[name] == 1:
            logger.warning("collector %s port %d: %s; PDUs are kept and sent again", self.address, self.port, error.strerror)


def _opened(family: int, kind: int, protocol: int, address: tuple) -> socket.socket:
    """OSError when there is no way to that address."""
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_OCTETS)
        opened.connect(address)
    except OSError:
        opened.close()
        raise
    return opened
