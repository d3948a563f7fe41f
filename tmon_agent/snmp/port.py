"""The UDP port at which SNMP is answered."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket

from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity.engine import SnmpEngine

from tmon_agent.service import ServiceError, Setting
from tmon_agent.snmp.engine import forget_finished

log = logging.getLogger(__name__)

RECEIVE_BUFFER_OCTETS = 1 << 20
FORGET_EVERY = 256
"""Datagrams."""
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


class _Port:
    """Whatever a datagram does to pysnmp ends with that datagram, or FORGET_EVERY later."""

    def __init__(self, engine: SnmpEngine, loop: asyncio.AbstractEventLoop | None = None) -> None:
        super().__init__(loop=loop)
        self._engine, self._left = engine, FORGET_EVERY
        [self._garbled] = engine.get_mib_builder().import_symbols("__SNMPv2-MIB", "snmpInASNParseErrs")

    def datagram_received(self, datagram: bytes, address: tuple) -> None:
        try:
            self._callback_function(self, address, datagram)
        except Exception as error:  # of pyasn1, of many kinds
            log.debug("SNMP: a datagram of %s could not be read: %s", address[0], type(error).__name__)
            self._garbled.syntax += 1
        self._left -= 1
        if not self._left:
            forget_finished(self._engine)
            self._left = FORGET_EVERY

    def error_received(self, error: OSError) -> None:
        log.debug("SNMP: an answer could not be sent: %s", error)


class PortV4(_Port, udp.UdpAsyncioTransport):
    DOMAIN = udp.DOMAIN_NAME


class PortV6(_Port, udp6.Udp6AsyncioTransport):
    DOMAIN = udp6.DOMAIN_NAME


def port_of(own: socket.socket, engine: SnmpEngine) -> PortV4 | PortV6:
    return (PortV6 if own.family == socket.AF_INET6 else PortV4)(engine)
