"""Values of managed objects and what they are called by: as AgentX and SNMP have them, whose tags are the same numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

Oid = tuple[int, ...]


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


class Objects(Protocol):
    """The objects that there are at the moment, in the order of their names."""

    def get(self, oid: Oid) -> Value | None:
        """The object of this name."""

    def following(self, oid: Oid, *, include: bool) -> Binding | None:
        """The first object after this name, or at it where that is to be included."""

    def knows(self, oid: Oid) -> bool:
        """Whether this is an object's name with any instance after it, be there such an instance or not."""


Bindings = Iterable[Binding]
