"""What each managed object is called as a metric: names, units and labels as Prometheus wants them.

`trafmon_`, the table, the column's metric, the unit (seconds, bytes), `_total` for what grows. The labels are the table's index; an
interface, which SNMP numbers, goes by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tmon_agent.managed.declaration import Column, Syntax, Table
from tmon_agent.managed.probe import ANALYSES
from tmon_agent.managed.tables import TABLES

NAMESPACE = "trafmon"
UNITS = {"ns": ("seconds", 1_000_000_000), "octets": ("bytes", 1)}
"""Of columns: the base unit of Prometheus, and by what a value is divided."""


class Type(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    STATES = "states"  # a gauge for each state, 1 for the one it is in
    UNKNOWN = "unknown"  # some grow, some do not
    INFO = "info"  # always 1; the labels tell


_TYPES = {Syntax.COUNTER: Type.COUNTER, Syntax.STATE: Type.STATES}


@dataclass(frozen=True)
class Named:
    """A metric. name: of the family, without _total or _info; labels: those of the index, then its own.

    divisor     of the table's values
    columns     positions in the table of what it shows: one, or those that an info metric tells
    """

    name: str
    type: Type
    unit: str
    divisor: int
    help: str
    labels: tuple[str, ...]
    table: Table
    columns: tuple[int, ...]

    @property
    def sample(self) -> str:
        """As queries write it."""
        return self.name + {Type.COUNTER: "_total", Type.INFO: "_info"}.get(self.type, "")


def named(table: Table) -> Iterator[Named]:
    """The metrics of a table: first what it tells of itself, then a metric for each column that is one."""
    prefix, labels = f"{NAMESPACE}_{snake(table.name)}", index_labels(table)
    place = name_place(table)
    told = tuple(n for n, c in enumerate(table.columns) if c.label and n != place)
    if told:
        own = tuple(snake(table.columns[n].name) for n in told)
        yield Named(prefix, Type.INFO, "", 1, _sentence(table.meaning), labels + own, table, told)
    for n, column in enumerate(table.columns):
        if column.metric:
            unit, divisor = UNITS.get(column.unit, ("", 1))
            kind = Type.UNKNOWN if table is ANALYSES else _TYPES.get(column.syntax, Type.GAUGE)
            name = "_".join(filter(None, (prefix, column.metric, unit)))
            own = ("state",) if kind is Type.STATES else ()
            yield Named(name, kind, unit, divisor, _sentence(_help(column)), labels + own, table, (n,))


def index_labels(table: Table) -> tuple[str, ...]:
    return tuple(snake(c.name) for c in table.index)


def name_place(table: Table) -> int | None:
    """Position of the column with the name of what the last index numbers; None where the index says all."""
    if table.index[-1].syntax is not Syntax.NUMBER:
        return None
    return next((n for n, c in enumerate(table.columns) if c.label and c.name == "name"), None)


def snake(text: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text).lower()


def _help(column: Column) -> str:
    return column.meaning + (": " + ", ".join(column.states) if column.states else "")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


UP = {kind: Named(f"{NAMESPACE}_{kind}_up", Type.GAUGE, "", 1,
                  f"Whether the {kind} of this agent runs: its statistics are there, and of its user.", (kind,), TABLES[0], ())
      for kind in ("probe", "collector")}
"""Told also when the program does not run: nothing else is then."""

CONNECTIONS = Named(f"{NAMESPACE}_agent_http_connections", Type.COUNTER, "", 1,
                    "Connections to this agent for metrics: answered, refused (too many at once), cut (too slow), garbled.",
                    ("outcome",), TABLES[0], ())

METRICS: tuple[Named, ...] = (*UP.values(), CONNECTIONS, *(metric for table in TABLES for metric in named(table)))
"""All there are, of probes and collectors."""
