"""How managed objects are declared: tables with their indexes and columns (SMIv2, RFC 2578), and how metrics call them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tmon_common.event_board import BoardEvent

ROOT = (1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 7266)
"""Of TRAFMON-MIB. In net-snmp's space for experiments: the project has no enterprise number yet."""
ROOT_PARENT = ("netSnmpPlaypen", "NET-SNMP-MIB")
"""What the place above it is called, and by which module."""


class Syntax(StrEnum):
    """What values are, here and in SNMP. None is a value that is not known: it has no instance."""

    COUNTER = "counter"  # int that grows: Counter64
    GAUGE = "gauge"  # int from 0: Gauge32, at most 2^32 - 1 there
    SIGNED = "signed"  # int: Integer32, at its limits there
    NUMBER = "number"  # int from 0 that names something: Unsigned32
    TEXT = "text"  # str: SnmpAdminString, at most 255 octets there
    MOMENT = "moment"  # ns since 1970-01-01 UTC, 0 for never: DateAndTime, eight zeros for never
    DURATION = "duration"  # ns: TimeTicks, of which 497 days are told apart
    TRUTH = "truth"  # 0 or 1: TruthValue
    STATE = "state"  # position in `states`, from 0: an enumeration from 1


@dataclass(frozen=True)
class Column:
    """name: in the MIB, after the table's prefix (`packetsSeen`); source: the number of the statistics it shows, or "@key" of what
    else is known of the program.

    unit    of the value here: packets, octets, ns ...; "" if the name says what it counts. SNMP tells SIGNED and GAUGE ns in us.
    metric  name for Prometheus after `trafmon_` and the table's, without unit and _total; "" if it is no metric
    label   it is a label of the table's info metric instead: what changes at a start only
    """

    name: str
    syntax: Syntax
    source: str
    meaning: str
    unit: str = ""
    metric: str = ""
    label: bool = False
    states: tuple[str, ...] = ()


Row = tuple[tuple[str | int, ...], tuple[Any, ...]]
"""Index values, and the values of the columns in their order."""


@dataclass(frozen=True)
class Program:
    """A running probe or collector, as it is now.

    kind        "probe" or "collector"
    identity    of its statistics block (`tmon_probe.health.identity`, `tmon_collector.health.identity`)
    numbers     of its statistics block, totals included
    known       what is known beside these: "host", "configuration", "version", "software", "run_ns", "pid", "uptime_ns", and
                what the agent counts
    events      the last ones, oldest first
    """

    kind: str
    name: str
    identity: Mapping[str, Any]
    numbers: Mapping[str, int]
    known: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[BoardEvent, ...] = ()

    def values(self, columns: Iterable[Column], prefix: str = "") -> tuple[Any, ...]:
        """Of each column, from the numbers whose names begin with the prefix; None for what is not there."""
        return tuple(self.known.get(c.source[1:]) if c.source.startswith("@") else self.numbers.get(prefix + c.source)
                     for c in columns)


@dataclass(frozen=True)
class Table:
    """name: of its entry in the MIB after `trafMon`, and of its metrics in snake_case; number: in the MIB, for ever.

    rows    what there is of it in a program; a program of another kind has none
    """

    name: str
    number: int
    meaning: str
    index: tuple[Column, ...]
    columns: tuple[Column, ...]
    rows: Callable[[Program], Iterator[Row]]
