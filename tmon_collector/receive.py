"""The socket of the collector: datagrams in batches, answers out."""

from __future__ import annotations

import errno
import logging
import socket
import struct
from collections import Counter
from collections.abc import Iterable
from typing import Any

from tmon_common.pdu.header import MAX_PDU_OCTETS

logger = logging.getLogger(__name__)

MAX_RECEIVED = 512  # datagrams taken at one wake-up
MAX_ERRORS = 16  # errors after which a wake-up ends; they may be persistent

_SO_MEMINFO = 55  # asm-generic/socket.h
_MEMINFO = struct.Struct("=9I")
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h; not limited by net.core.rmem_max, needs CAP_NET_ADMIN

Address = Any


class ListenError(Exception):
    """The address cannot be listened on; the text says why."""


class Receiver:
    """A UDP socket on address:port (port 0: any that is free). ListenError when there can be none.

    buffer_octets   asked of the kernel for datagrams that wait
    max_octets      of a datagram; longer ones come with one octet more, the rest cut off
    errors          by name of the system's error
    """

    def __init__(self, address: str, port: int, buffer_octets: int, max_octets: int = MAX_PDU_OCTETS) -> None:
        self.errors: Counter[str] = Counter()
        self._room = max_octets + 1
        self._drops = 0
        where = f"{address or '*'} port {port}"
        try:
            family, kind, protocol, _, bound = socket.getaddrinfo(
                address or None, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
            self._socket = socket.socket(family, kind, protocol)
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            self._socket.bind(bound)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                msg = f"{where}: in use, a collector (or another program) listens there already"
            elif error.errno == errno.EADDRNOTAVAIL:
                msg = f"{where}: no interface of this machine has that address"
            else:
                msg = f"{where}: cannot listen: {error.strerror}"
            raise ListenError(msg) from error
        self._socket.setblocking(False)
        self._ask_for_buffer(buffer_octets)
        self.address, self.port = self._socket.getsockname()[:2]

    def _ask_for_buffer(self, octets: int) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, octets)
        except OSError:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)
            granted = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel counts twice
            if granted < octets:
                logger.warning("receive buffer of %d octets instead of %d; raise net.core.rmem_max or grant CAP_NET_ADMIN",
                               granted, octets)

    @property
    def drops(self) -> int:
        """Datagrams that the system dropped, up to now, because there was no room for them (sock_diag(7), SK_MEMINFO_DROPS)."""
        counted = _MEMINFO.unpack(self._socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[-1]
        self._drops += (counted - self._drops) % (1 << 32)
        return self._drops

    def fileno(self) -> int:
        return self._socket.fileno()

    def received(self) -> list[tuple[bytes, Address]]:
        """Datagrams that are there and where they come from, at most MAX_RECEIVED; after MAX_ERRORS, those taken so far."""
        datagrams: list[tuple[bytes, Address]] = []
        receive, room, errors = self._socket.recvfrom, self._room, 0
        while len(datagrams) < MAX_RECEIVED and errors < MAX_ERRORS:
            try:
                datagrams.append(receive(room))
            except BlockingIOError:
                break
            except OSError as error:
                errors += 1
                self._count(error)
        return datagrams

    def send(self, answers: Iterable[tuple[bytes, Address]]) -> None:
        """Sends answers; what cannot be sent is counted, the probe asks again."""
        for datagram, address in answers:
            try:
                self._socket.sendto(datagram, address)
            except OSError as error:
                self._count(error)

    def close(self) -> None:
        self._socket.close()

    def _count(self, error: OSError) -> None:
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        self.errors[name] += 1
        if self.errors[name] == 1:
            logger.warning("%s port %d: %s (counted, told once)", self.address, self.port, error.strerror)
