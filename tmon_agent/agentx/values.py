"""Values of managed objects and their names, with the tags that AgentX has for their types: the same numbers as in SNMP."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from tmon_agent.snmp.objects import Oid, Smi
from tmon_agent.snmp.tree import Instance

__all__ = ["END_OF_MIB_VIEW", "NO_SUCH_INSTANCE", "NO_SUCH_OBJECT", "Binding", "Bindings", "Oid", "Syntax", "Value", "binding_of"]


class Syntax(IntEnum):
    """Tag of a value (RFC 2741 section 5.4)."""

    INTEGER = 2
    OCTET_STRING = 4
    NULL = 5
    OBJECT_IDENTIFIER = 6
    IP_ADDRESS = 64
    COUNTER32 = 65
    GAUGE32 = 66
    TIME_TICKS = 67
    OPAQUE = 68
    COUNTER64 = 70
    NO_SUCH_OBJECT = 128
    NO_SUCH_INSTANCE = 129
    END_OF_MIB_VIEW = 130


@dataclass(frozen=True, slots=True)
class Value:
    """value: int of numbers, bytes of strings, Oid of an object identifier, None of what has none."""

    syntax: Syntax
    value: int | bytes | Oid | None = None


NO_SUCH_OBJECT = Value(Syntax.NO_SUCH_OBJECT)
NO_SUCH_INSTANCE = Value(Syntax.NO_SUCH_INSTANCE)
END_OF_MIB_VIEW = Value(Syntax.END_OF_MIB_VIEW)


@dataclass(frozen=True, slots=True)
class Binding:
    """A name and what is there."""

    oid: Oid
    value: Value


Bindings = Iterable[Binding]

_SYNTAXES = {Smi.COUNTER64: Syntax.COUNTER64, Smi.GAUGE32: Syntax.GAUGE32, Smi.INTEGER32: Syntax.INTEGER,
             Smi.OCTETS: Syntax.OCTET_STRING, Smi.TIMETICKS: Syntax.TIME_TICKS, Smi.OBJECT_ID: Syntax.OBJECT_IDENTIFIER}


def binding_of(instance: Instance) -> Binding:
    oid, kind, value = instance
    return Binding(oid, Value(_SYNTAXES[kind], value))
