"""Where the managed tables lie in the tree of object identifiers, and what their values are in SNMP (SMIv2, RFC 2578).

    ROOT.0.n                 notifications
    ROOT.1.table.1.column    the tables: the index columns come first, then the others in their order
    ROOT.2                   conformance
    ROOT.3.n                 what sysObjectID says of an agent: 1 of a probe, 2 of a collector

Behind the column stands the index (RFC 2578 section 7.7). A text there has its length before it, also where it is the last one
(nothing is IMPLIED): so the rows of a program lie in subtrees that those of a program with a longer name cannot be in, and several
sub-agents of one master have one table together.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import Enum
from hashlib import blake2s
from typing import Any

from tmon_agent.managed.declaration import ROOT, Column, Syntax, Table

Oid = tuple[int, ...]

NOTIFICATIONS: Oid = (*ROOT, 0)
OBJECTS: Oid = (*ROOT, 1)
CONFORMANCE: Oid = (*ROOT, 2)
PROGRAMS: Oid = (*ROOT, 3)
MAX_INDEX_OCTETS = 55
"""Of a text in an index: an identifier has at most 128 numbers (RFC 2578 section 3.5), and two texts may be in it."""
MAX_TEXT_OCTETS = 255
"""SnmpAdminString, RFC 3411 section 5."""
NEVER = bytes(8)
"""The DateAndTime of what has not happened, as in ENTITY-MIB (RFC 6933)."""
MAX_COUNTER64, MAX_UNSIGNED, MAX_INTEGER, LEAST_INTEGER = (1 << 64) - 1, (1 << 32) - 1, (1 << 31) - 1, -(1 << 31)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_TICK, _NS_PER_US = 10_000_000, 1_000


class Smi(Enum):
    """Types on the wire, and what stands for a value where there is none."""

    COUNTER64 = "Counter64"
    GAUGE32 = "Gauge32"  # Unsigned32 is the same on the wire
    INTEGER32 = "Integer32"
    OCTETS = "OctetString"
    TIMETICKS = "TimeTicks"
    OBJECT_ID = "ObjectIdentifier"
    COUNTER32 = "Counter32"
    NO_SUCH_OBJECT = "noSuchObject"
    NO_SUCH_INSTANCE = "noSuchInstance"
    END_OF_MIB_VIEW = "endOfMibView"


TYPES = {
    Syntax.COUNTER: Smi.COUNTER64, Syntax.GAUGE: Smi.GAUGE32, Syntax.SIGNED: Smi.INTEGER32, Syntax.NUMBER: Smi.GAUGE32,
    Syntax.TEXT: Smi.OCTETS, Syntax.MOMENT: Smi.OCTETS, Syntax.DURATION: Smi.TIMETICKS, Syntax.TRUTH: Smi.INTEGER32,
    Syntax.STATE: Smi.INTEGER32,
}


def entry_oid(table: Table) -> Oid:
    """Of the conceptual row; columns are below."""
    return (*OBJECTS, table.number, 1)


def column_number(table: Table, column: Column) -> int:
    """Of a column, or of an index column."""
    return 1 + (*table.index, *table.columns).index(column)


def column_oid(table: Table, column: Column) -> Oid:
    return (*entry_oid(table), column_number(table, column))


def index_oid(columns: Iterable[Column], values: Iterable[str | int]) -> Oid:
    """Of index values, in the order of their columns; the first ones alone make a prefix that other rows may share."""
    found: list[int] = []
    for column, value in zip(columns, values, strict=False):
        if column.syntax is Syntax.TEXT:
            octets = _index_text(str(value))
            found += [len(octets), *octets]
        else:
            found.append(int(value))
    return tuple(found)


def wire_value(column: Column, value: Any) -> int | bytes:
    """Of a value that is known: int, or octets for Smi.OCTETS. What does not fit is at the limit of its type.

    ns are told in us, where the type has 32 bits.
    """
    match column.syntax:
        case Syntax.COUNTER:
            return min(max(0, value), MAX_COUNTER64)
        case Syntax.GAUGE:
            return min(max(0, _scaled(column, value)), MAX_UNSIGNED)
        case Syntax.SIGNED:
            return min(max(LEAST_INTEGER, _scaled(column, value)), MAX_INTEGER)
        case Syntax.NUMBER:
            return min(max(0, value), MAX_UNSIGNED)
        case Syntax.DURATION:
            return ticks(value)
        case Syntax.TRUTH:
            return 1 if value else 2
        case Syntax.STATE:
            return min(max(0, value), len(column.states) - 1) + 1
        case Syntax.MOMENT:
            return date_and_time(value)
        case _:
            return _cut(str(value))


def ticks(duration_ns: int) -> int:
    """TimeTicks; they begin again after 497 days."""
    return max(0, duration_ns) // _NS_PER_TICK & MAX_UNSIGNED


def told_in_us(column: Column) -> bool:
    """Whether its ns are us in SNMP."""
    return column.unit == "ns" and column.syntax in {Syntax.GAUGE, Syntax.SIGNED}


def date_and_time(time_ns: int) -> bytes:
    """DateAndTime (RFC 2579), in UTC, cut to deciseconds. time_ns: since 1970-01-01 UTC, 0 for never."""
    try:
        at = _EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return NEVER
    if time_ns == 0:
        return NEVER
    return bytes((at.year >> 8, at.year & 0xFF, at.month, at.day, at.hour, at.minute, at.second, at.microsecond // 100_000,
                  ord("+"), 0, 0))


def _scaled(column: Column, value: int) -> int:
    return int(value / _NS_PER_US) if told_in_us(column) else value


def _index_text(text: str) -> bytes:
    """What is too long keeps its beginning and differs by its end."""
    octets = text.encode(errors="replace")
    if len(octets) <= MAX_INDEX_OCTETS:
        return octets
    end = b"~" + blake2s(octets, digest_size=4).hexdigest().encode()
    return octets[: MAX_INDEX_OCTETS - len(end)] + end


def _cut(text: str) -> bytes:
    octets = text.encode(errors="replace")
    return octets if len(octets) <= MAX_TEXT_OCTETS else octets[:MAX_TEXT_OCTETS].decode(errors="ignore").encode()
