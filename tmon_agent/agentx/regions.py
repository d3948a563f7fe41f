"""What a sub-agent registers: its program's rows of each table, whichever they are at the moment.

A row of a table is one name per column, the index behind the column, and the program is the first in the index. One registration
stands for all columns, as a range of their numbers (RFC 2741 section 6.2.3). So several programs have one table together, each its
own rows, and rows of a program that come and go need no new registration.
"""

from __future__ import annotations

from collections.abc import Iterator

from tmon_agent.agentx.session import Region
from tmon_agent.managed import collector, events, managers, probe
from tmon_agent.managed.declaration import Table
from tmon_agent.snmp.objects import column_number, column_oid, index_oid

_TABLES = {
    "probe": (probe.PROBES, probe.INTERFACES, probe.RINGS, probe.ANALYSES, probe.LINKS),
    "collector": (collector.COLLECTORS, collector.PROBES, collector.KINDS, collector.REJECTIONS, collector.ONE_WAY),
}


def regions(kind: str, name: str) -> Iterator[Region]:
    """Of the program of this kind and name."""
    for table in _TABLES[kind]:
        yield _region(table, (name,))
    for table in (events.EVENTS, managers.MANAGERS):
        yield _region(table, (events.KINDS.index(kind) + 1, name))


def _region(table: Table, first_indexes: tuple[str | int, ...]) -> Region:
    first = column_oid(table, table.columns[0])
    return Region((*first, *index_oid(table.index, first_indexes)), len(first), column_number(table, table.columns[-1]))
