"""The UDP port at which SNMP is answered."""

from __future__ import annotations

import errno
import logging
import socket
import struct

from pysnmp.carrier.asyncio.dgram.udp import DOMAIN_NAME as DOMAIN
from pysnmp.entity.engine import SnmpEngine

from tmon_agent.service import ServiceError, Setting
from tmon_agent.snmp.engine import MAX_MESSAGE_OCTETS, forget_finished

log = logging.getLogger(__name__)

RECEIVE_BUFFER_OCTETS = 1 << 20
FORGET_EVERY = 256
"""Datagrams."""
MAX_AT_ONCE = 32
"""Datagrams, before others of the event loop have their turn."""
_ANCILLARY_OCTETS = socket.CMSG_SPACE(64)
_IP_PKTINFO = 8  # ip(7); Python 3.11 has no name for it
_CURES = {
    errno.EADDRINUSE: "another program listens there (snmpd?); choose another snmp_port, or agentx to answer through snmpd",
    errno.EADDRNOTAVAIL: "that is no address of this machine; correct address",
    errno.EACCES: "ports below 1024 are not for this user; choose another snmp_port, or agentx to answer through snmpd",
}


def listen(setting: Setting) -> socket.socket:
    """Where the configuration says. ServiceError, with the cure."""
    address, number = setting.agent.address, setting.agent.snmp_port
    own = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        if own.family == socket.AF_INET6:
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address != "::")
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            own.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_OCTETS)
        own.bind((address, number))
    except OSError as error:
        own.close()
        why = _CURES.get(error.errno, "see address and snmp_port")
        what = (error.strerror or str(error)).lower()
        raise ServiceError(f"SNMP cannot be spoken at {address} port {number}: {what}: {why} of the <agent> of "
                           f"{setting.program} in {setting.configuration.path}") from None
    own.setblocking(False)
    return own


class Port:
    """Stands for pysnmp's dispatcher of transports: takes datagrams from a socket to an engine, and its answers back.

    Whatever a datagram does to pysnmp ends with that datagram, or FORGET_EVERY later. An answer leaves from the address that was
    asked, also on a machine that has several.
    """

    def __init__(self, engine: SnmpEngine, own: socket.socket | None = None) -> None:
        self._engine, self._own, self._left = engine, own, FORGET_EVERY
        self._asked_at: list[tuple[int, int, bytes]] = []
        [self._garbled] = engine.get_mib_builder().import_symbols("__SNMPv2-MIB", "snmpInASNParseErrs")
        engine.transport_dispatcher = self

    def readable(self) -> None:
        """To be called when datagrams may have come."""
        for _ in range(MAX_AT_ONCE):
            try:
                datagram, told, _, address = self._own.recvmsg(MAX_MESSAGE_OCTETS, _ANCILLARY_OCTETS)
            except BlockingIOError:
                return
            except OSError:  # of an answer that could not be delivered
                continue
            self._asked_at = [asked for level, kind, value in told if (asked := _from_there(level, kind, value))]
            self.take(datagram, address)

    def take(self, datagram: bytes, address: tuple) -> None:
        """One datagram."""
        try:
            self._engine.message_dispatcher.receive_message(self._engine, DOMAIN, address, datagram)
        except Exception as error:  # of pyasn1, of many kinds
            log.debug("SNMP: a datagram of %s could not be read: %s", address[0], type(error).__name__)
            self._garbled.syntax += 1
        self._left -= 1
        if not self._left:
            forget_finished(self._engine)
            self._left = FORGET_EVERY

    # What pysnmp calls.

    def send_message(self, message: bytes, _domain: object, address: tuple) -> None:
        try:
            self._own.sendmsg([message], self._asked_at, 0, address)
        except OSError as error:  # a full queue, a network that has gone: the manager asks again
            log.debug("SNMP: an answer to %s could not be sent: %s", address[0], error)

    def get_timer_ticks(self) -> int:
        """Time is not needed: nothing is kept for long (`forget_finished`)."""
        return 0

    def get_timer_resolution(self) -> float:
        return 1.0


def _from_there(level: int, kind: int, value: bytes) -> tuple[int, int, bytes] | None:
    """What sends an answer from the address at which a question came (ip(7), ipv6(7)), by whatever route. None: says nothing."""
    if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
        return level, kind, struct.pack("@i", 0) + value[4:]
    if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
        local = value[0] == 0xFE and value[1] & 0xC0 == 0x80  # link-local: meant at that device only
        return level, kind, value[:16] + (value[16:] if local else struct.pack("@I", 0))
    return None
