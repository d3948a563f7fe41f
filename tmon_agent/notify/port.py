"""The socket through which one manager is told, as a transport of pysnmp."""

from __future__ import annotations

import logging
import socket

from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity.engine import SnmpEngine

from tmon_agent.snmp.engine import forget_finished
from tmon_agent.snmp.port import FORGET_EVERY

log = logging.getLogger(__name__)


class _Port:
    """Whatever a datagram does to pysnmp ends with that datagram, or FORGET_EVERY later."""

    def __init__(self, engine: SnmpEngine, own: socket.socket, manager: tuple) -> None:
        super().__init__()
        self._engine, self._own, self._manager, self._left = engine, own, manager, FORGET_EVERY

    def send_message(self, message: bytes, _address: tuple) -> None:
        """At once, also while the event loop has not taken over the socket: a trap that is the last word has left when it is
        closed. To the manager: pysnmp does not know devices of link-local addresses."""
        try:
            self._own.sendto(message, self._manager)
        except OSError as error:
            self.error_received(error)

    def datagram_received(self, datagram: bytes, address: tuple) -> None:
        try:  # pysnmp remembers engines by where they are, without the device
            self._callback_function(self, self.normalize_address(address), datagram)
        except Exception as error:  # of pyasn1, of many kinds
            log.debug("SNMP: a datagram of %s could not be read: %s", address[0], type(error).__name__)
        self._left -= 1
        if not self._left:
            forget_finished(self._engine)
            self._left = FORGET_EVERY

    def error_received(self, error: OSError) -> None:
        log.debug("SNMP: a notification could not be sent: %s", error)


class PortV4(_Port, udp.UdpAsyncioTransport):
    DOMAIN = udp.DOMAIN_NAME


class PortV6(_Port, udp6.Udp6AsyncioTransport):
    DOMAIN = udp6.DOMAIN_NAME


def port_of(own: socket.socket, engine: SnmpEngine, manager: tuple) -> PortV4 | PortV6:
    """manager: its address, as of a socket."""
    return (PortV6 if own.family == socket.AF_INET6 else PortV4)(engine, own, manager)
