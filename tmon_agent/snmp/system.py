"""What every agent has to tell beside its own tables: the system group (RFC 3418), the engine (RFC 3411), what was refused."""

from __future__ import annotations

from collections.abc import Iterator

from pysnmp.entity.engine import SnmpEngine

from tmon_agent.managed.declaration import Program
from tmon_agent.snmp.objects import PROGRAMS, Oid, Smi, ticks
from tmon_agent.snmp.tree import Instance

SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
SYS_UP_TIME: Oid = (*SYSTEM, 3, 0)
KINDS = ("probe", "collector")
_SERVICES = 72  # of layers 4 and 7: a host with applications
_ENGINE = (("snmpEngineID", Smi.OCTETS), ("snmpEngineBoots", Smi.INTEGER32), ("snmpEngineTime", Smi.INTEGER32),
           ("snmpEngineMaxMessageSize", Smi.INTEGER32))
_REFUSED = (
    ("__SNMPv2-MIB", ("snmpInPkts", "snmpInBadVersions", "snmpInBadCommunityNames", "snmpInBadCommunityUses",
                      "snmpInASNParseErrs", "snmpSilentDrops")),
    ("__SNMP-MPD-MIB", ("snmpUnknownSecurityModels", "snmpInvalidMsgs", "snmpUnknownPDUHandlers")),
    ("__SNMP-USER-BASED-SM-MIB", ("usmStatsUnsupportedSecLevels", "usmStatsNotInTimeWindows", "usmStatsUnknownUserNames",
                                  "usmStatsUnknownEngineIDs", "usmStatsWrongDigests", "usmStatsDecryptionErrors")),
)
"""Counters of pysnmp, by the module that has them."""


class System:
    """Of one engine; software: version of trafMon."""

    def __init__(self, engine: SnmpEngine, kind: str, name: str) -> None:
        self._kind, self._name = kind, name
        builder = engine.get_mib_builder()
        self._engine = [(symbol, builder.import_symbols("__SNMP-FRAMEWORK-MIB", symbol)[0], kind) for symbol, kind in _ENGINE]
        self._refused = [builder.import_symbols(module, symbol)[0] for module, symbols in _REFUSED for symbol in symbols]

    def instances(self, program: Program | None) -> Iterator[Instance]:
        """program: as it is now, None when it does not run; its time is the time since its start, as with its counters."""
        known = program.known if program else {}
        host, software = str(known.get("host") or ""), str(known.get("software") or "")
        yield (*SYSTEM, 1, 0), Smi.OCTETS, f"trafMon {software} {self._kind} {self._name}".encode()
        yield (*SYSTEM, 2, 0), Smi.OBJECT_ID, (*PROGRAMS, 1 + KINDS.index(self._kind))
        yield SYS_UP_TIME, Smi.TIMETICKS, ticks(known.get("uptime_ns") or 0)
        yield (*SYSTEM, 4, 0), Smi.OCTETS, b""
        yield (*SYSTEM, 5, 0), Smi.OCTETS, host.encode(errors="replace")
        yield (*SYSTEM, 6, 0), Smi.OCTETS, b""
        yield (*SYSTEM, 7, 0), Smi.INTEGER32, _SERVICES
        for symbol, instance, kind in self._engine:
            value = instance.syntax.clone() if symbol == "snmpEngineTime" else instance.syntax
            yield tuple(instance.name), kind, bytes(value) if kind is Smi.OCTETS else int(value)
        for instance in self._refused:
            yield tuple(instance.name), Smi.COUNTER32, int(instance.syntax)
