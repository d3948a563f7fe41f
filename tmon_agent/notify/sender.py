"""Traps and informs to managers (RFC 3416 sections 4.2.6 and 4.2.7, RFC 3413 section 3.3): versions 2c and 3, by pysnmp."""

from __future__ import annotations

import ipaddress
import logging
import random
from collections.abc import Iterable

from pysnmp.carrier.asyncio.dgram import udp, udp6
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413.ntforg import NotificationOriginator
from pysnmp.error import PySnmpError
from pysnmp.proto import rfc1902, rfc1905
from pysnmp.proto.api import v2c

from tmon_agent.managed.declaration import Program
from tmon_agent.notify.notification import notification_of, up_time
from tmon_agent.notify.teller import Done
from tmon_agent.snmp.objects import Smi
from tmon_agent.snmp.tree import Instance
from tmon_common.config.monitoring_model import Manager
from tmon_common.event_board import BoardEvent

logger = logging.getLogger(__name__)

_TYPES = {Smi.COUNTER64: rfc1902.Counter64, Smi.GAUGE32: rfc1902.Gauge32, Smi.INTEGER32: rfc1902.Integer32,
          Smi.OCTETS: rfc1902.OctetString, Smi.TIMETICKS: rfc1902.TimeTicks, Smi.OBJECT_ID: rfc1902.ObjectIdentifier}
_NS_PER_CENTISECOND = 10_000_000


class Sender:
    """Carries notifications to one manager. engine: knows its user or community by the name that the configuration has for it."""

    def __init__(self, engine: SnmpEngine, originator: NotificationOriginator, manager: Manager) -> None:
        self._engine, self._originator, self._manager = engine, originator, manager
        v3 = manager.version == "3"
        config.add_target_parameters(engine, manager.name, manager.security, "authPriv" if v3 else "noAuthNoPriv", 3 if v3 else 1)
        config.add_target_address(engine, manager.name, _domain(manager.address), (manager.address, manager.port), manager.name,
                                  timeout=manager.timeout_ns // _NS_PER_CENTISECOND, retryCount=manager.retries)

    def send(self, event: BoardEvent, program: Program, done: Done) -> bool:
        """A trap has arrived as far as anybody can know; an inform, when it is answered."""
        inform = self._manager.notify == "inform"
        pdu = _pdu([up_time(program), *notification_of(event, program)], inform=inform)
        try:
            self._originator.send_pdu(self._engine, self._manager.name, None, "", pdu, _answered, done)
        except PySnmpError as error:
            done(f"it cannot be sent: {error}")
            return True
        if not inform:
            done("")
        return True


def open_transports(engine: SnmpEngine, managers: Iterable[Manager]) -> None:
    """A socket for each IP version that the managers have."""
    domains = {_domain(m.address) for m in managers}
    for domain, transport in ((udp.DOMAIN_NAME, udp.UdpAsyncioTransport), (udp6.DOMAIN_NAME, udp6.Udp6AsyncioTransport)):
        if domain in domains:
            config.add_transport(engine, domain, transport().open_client_mode())


def _domain(address: str) -> tuple[int, ...]:
    return udp6.DOMAIN_NAME if ipaddress.ip_address(address).version == 6 else udp.DOMAIN_NAME


def _pdu(instances: Iterable[Instance], *, inform: bool) -> rfc1905.InformRequestPDU | rfc1905.SNMPv2TrapPDU:
    pdu = v2c.InformRequestPDU() if inform else v2c.SNMPv2TrapPDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, random.randrange(1, 1 << 31))
    v2c.apiPDU.set_varbinds(pdu, [(rfc1902.ObjectIdentifier(oid), _TYPES[kind](value)) for oid, kind, value in instances])
    return pdu


def _answered(_engine: SnmpEngine, _handle: object, error: object, pdu: object, done: Done) -> None:
    """error: why there is no answer; None: pdu is it."""
    if error is not None:
        done(f"no answer: {error}")
        return
    status = v2c.apiPDU.get_error_status(pdu)
    done(f"the manager answers {status.prettyPrint()}" if status else "")
