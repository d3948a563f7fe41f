"""An event as a notification (RFC 3416 section 4.2.6): its type by the severity, and the event's row of the table of events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tmon_agent.managed.declaration import Program
from tmon_agent.managed.events import EVENTS, SEVERITIES
from tmon_agent.snmp.objects import NOTIFICATIONS, Oid, Smi
from tmon_agent.snmp.tree import Instance, instances
from tmon_common.event_board import BoardEvent

SYS_UP_TIME: Oid = (1, 3, 6, 1, 2, 1, 1, 3, 0)
SNMP_TRAP_OID: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)


def notification_of(event: BoardEvent, program: Program) -> Iterator[Instance]:
    """snmpTrapOID.0 and the event's objects. The program's name and kind are in their indexes."""
    yield SNMP_TRAP_OID, Smi.OBJECT_ID, (*NOTIFICATIONS, SEVERITIES.index(event.severity) + 1)
    yield from instances({EVENTS: dict(EVENTS.rows(replace(program, events=(event,))))})


def up_time(program: Program) -> Instance:
    """sysUpTime.0: hundredths of a second since the run began."""
    return SYS_UP_TIME, Smi.TIMETICKS, max(0, program.known.get("uptime_ns") or 0) // 10_000_000 & 0xFFFFFFFF
