"""Traps and informs to managers (RFC 3416 sections 4.2.6 and 4.2.7, RFC 3413 section 3.3): versions 2c and 3, by pysnmp."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Iterable

from pysnmp.carrier.asyncio.dispatch import AsyncioDispatcher
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413.ntforg import NotificationOriginator
from pysnmp.error import PySnmpError
from pysnmp.proto import rfc1905
from pysnmp.proto.api import v2c

from tmon_agent.managed.declaration import Program
from tmon_agent.notify.notification import notification_of, up_time
from tmon_agent.notify.teller import Done
from tmon_agent.snmp.port import PortV4, PortV6, port_of
from tmon_agent.snmp.responder import binding
from tmon_agent.snmp.tree import Instance
from tmon_common.config.monitoring_model import Manager
from tmon_common.event_board import BoardEvent

TIMER_S = 0.1
"""How often pysnmp looks whether an answer is late."""
_NS_PER_CENTISECOND = 10_000_000
Pdu = rfc1905.InformRequestPDU | rfc1905.SNMPv2TrapPDU


class Sender:
    """Carries notifications to one manager. make: an engine of pysnmp that knows its user or community by the name that the
    configuration has for it.

    An engine remembers of a manager who it is and how often it has started (RFC 3414 section 2.3), for five minutes. One that
    answered and does not any more may have come back as another: what it does not answer is sent once more, by a new engine.
    """

    def __init__(self, make: Callable[[], SnmpEngine], manager: Manager) -> None:
        self._make, self._manager = make, manager
        self._line: _Line | None = None
        self._known = False
        self._unanswered: Done | None = None

    def send(self, event: BoardEvent, program: Program, done: Done) -> bool:
        """A trap has arrived as far as anybody can know; an inform, when it is answered."""
        if self._line is None:
            self._line = _Line(self._make(), self._manager)
        inform = self._manager.notify == "inform"
        self._unanswered = done if inform else None
        pdu = _pdu([up_time(program), *notification_of(event, program)], inform=inform)
        try:
            self._line.send(pdu, lambda why: self._answered(why, done))
        except PySnmpError as error:
            done(f"it cannot be sent: {error}")
            return True
        if not inform:
            done("")
        return True

    def renew(self) -> None:
        """Secrets have changed: what is not answered is sent again, by a new engine that knows them."""
        self.close()
        if self._unanswered:
            self._unanswered(None)

    def close(self) -> None:
        if self._line:
            self._line.close()
            self._line = None

    def _answered(self, why: str, done: Done) -> None:
        self._unanswered = None
        if why and self._known and self._manager.version == "3":
            self._known = False
            asyncio.get_running_loop().call_soon(self.close)  # not within the engine's own call
            done(None)
            return
        self._known = self._known or not why
        done(why)


class _Line:
    """An engine with a socket, to one manager. Within the event loop."""

    def __init__(self, engine: SnmpEngine, manager: Manager) -> None:
        kind, v3 = (PortV6 if ":" in manager.address else PortV4), manager.version == "3"
        self._engine, self._name, self._originator = engine, manager.name, NotificationOriginator()
        self._socket = socket.socket(socket.AF_INET6 if kind is PortV6 else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)
        self._socket.bind(("", 0))
        engine.register_transport_dispatcher(AsyncioDispatcher(timeout=TIMER_S))
        config.add_transport(engine, kind.DOMAIN, port_of(self._socket, engine).open_server_mode(sock=self._socket))
        config.add_target_parameters(engine, manager.name, manager.security, "authPriv" if v3 else "noAuthNoPriv", 3 if v3 else 1)
        config.add_target_address(engine, manager.name, kind.DOMAIN, (manager.address, manager.port), manager.name,
                                  timeout=manager.timeout_ns // _NS_PER_CENTISECOND, retryCount=manager.retries)

    def send(self, pdu: Pdu, answered: Callable[[str], None]) -> None:
        """answered: is called with "" when an answer has come, or with why there is none. Of a trap it is not. PySnmpError."""
        self._originator.send_pdu(self._engine, self._name, None, "", pdu, _answer, answered)

    def close(self) -> None:
        self._engine.close_dispatcher()
        self._socket.close()


def _pdu(instances: Iterable[Instance], *, inform: bool) -> Pdu:
    pdu = v2c.InformRequestPDU() if inform else v2c.SNMPv2TrapPDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, random.randrange(1, 1 << 31))
    v2c.apiPDU.set_varbinds(pdu, [binding(i) for i in instances])
    return pdu


def _answer(_engine: SnmpEngine, _handle: object, error: object, pdu: Pdu, answered: Callable[[str], None]) -> None:
    """error: why there is no answer; None: pdu is it."""
    status = 0 if error is not None else v2c.apiPDU.get_error_status(pdu)
    answered(f"no answer: {error}" if error is not None else f"the manager answers {status.prettyPrint()}" if status else "")
