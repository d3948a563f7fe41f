"""What can be asked at one moment, in the order of object identifiers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from tmon_agent.managed.declaration import Table
from tmon_agent.snmp.objects import TYPES, Oid, Smi, column_number, column_oid, entry_oid, index_oid, wire_value

Instance = tuple[Oid, Smi, int | bytes | Oid]
"""An object's instance and its value."""


class Tree:
    """Instances, to get one and to get the next one."""

    def __init__(self, instances: Iterable[Instance], objects: Iterable[Oid] = ()) -> None:
        """objects: of which there may be instances, or not at the moment."""
        self._instances = sorted(instances, key=lambda i: i[0])
        self._oids = [i[0] for i in self._instances]
        self._objects = frozenset(objects)
        self._lengths = sorted({len(o) for o in self._objects})

    def __len__(self) -> int:
        return len(self._oids)

    def get(self, oid: Oid) -> Instance | None:
        at = bisect_left(self._oids, oid)
        return self._instances[at] if at < len(self._oids) and self._oids[at] == oid else None

    def after(self, oid: Oid) -> Instance | None:
        """The first one whose identifier is greater."""
        at = bisect_right(self._oids, oid)
        return self._instances[at] if at < len(self._oids) else None

    def has_object(self, oid: Oid) -> bool:
        """Whether it is of an object that there is here: it has no such instance, else there is no such object (RFC 3416 section
        4.2.1)."""
        return any(oid[:n] in self._objects for n in self._lengths)


def instances(tables: Mapping[Table, Mapping[tuple[str | int, ...], tuple[Any, ...]]]) -> list[Instance]:
    """Of all rows; a value that is not known has no instance."""
    found: list[Instance] = []
    for table, rows in tables.items():
        entry = entry_oid(table)
        indexes = {index: index_oid(table.index, index) for index in rows}
        for at, column in enumerate(table.columns):
            oid, kind = (*entry, column_number(table, column)), TYPES[column.syntax]
            found += [(oid + indexes[index], kind, wire_value(column, values[at]))
                      for index, values in rows.items() if values[at] is not None]
    return found


def objects(tables: Iterable[Table]) -> list[Oid]:
    """Of all columns that may be read."""
    return [column_oid(table, column) for table in tables for column in table.columns]
