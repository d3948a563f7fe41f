"""What the CSV files of a spool add up to over a time range, computed slowly; and what the database says at each granularity."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from tmon_common.observations import KINDS, Kind, Merge
from tmon_store.backends.backend import Backend
from tmon_store.tables import flow, rollup

LENGTHS = {"1min": 60, "1h": 3600, "1day": 86400}
_MERGES = {"sum": sum, "minimum": min, "maximum": max}
_SQL = {"sum": sa.func.sum, "minimum": sa.func.min, "maximum": sa.func.max}

Totals = dict[tuple, dict[str, int | None]]
"""(probe, run, flow, other keys...) -> statistics."""


class Samples:
    """Rows of files of one kind, as text became numbers; times and durations in ns."""

    def __init__(self, kind: Kind, files: Iterable[Path]) -> None:
        self.kind = kind
        self.rows: list[dict] = []
        numbers = {c.name: c for c in kind.expanded}
        for file in files:
            with file.open(newline="", encoding="utf-8") as lines:
                for record in csv.DictReader(lines):
                    self.rows.append({name: _value(text, numbers.get(name)) for name, text in record.items()})

    def totals(self, first: datetime, end: datetime) -> Totals:
        """Of the rows that start in [first, end)."""
        keys = keys_of(self.kind)
        low, high = (int(t.replace(tzinfo=UTC).timestamp()) * 10**9 for t in (first, end))
        groups: dict[tuple, list[dict]] = defaultdict(list)
        for row in self.rows:
            if low <= row["start"] < high:
                groups[row["probe"], int(row["run"]), row["flow"], *(row[k] for k in keys)].append(row)
        return {key: _statistics(self.kind, rows) for key, rows in groups.items()}


def stored_totals(store: Backend, kind: Kind, granularity: str, first: datetime, end: datetime) -> Totals:
    """The same from a rollup, whose intervals must not be cut by the range."""
    table = rollup(kind.name, granularity)
    keys = keys_of(kind)
    merges = merges_of(kind)
    identity = [flow.c.probe, flow.c.run, flow.c.flow, *(table.c[k] for k in keys)]
    found = store.query(
        sa.select(*identity, *(_SQL[merge](table.c[name]) for name, merge in merges.items()))
        .join_from(table, flow, flow.c.flow_key == table.c.flow_key)
        .where(table.c.start >= first, table.c.start < end).group_by(*identity))
    width = len(identity)
    totals = {row[:width]: dict(zip(merges, row[width:], strict=True)) for row in found}
    assert len(totals) == len(found), "a flow has two numbers"
    return totals


def keys_of(kind: Kind) -> list[str]:
    """What tells rows of a flow and an interval apart."""
    return [c.name for c in kind.expanded if c.merge is Merge.KEY and c.name not in ("flow", "start")]


def merges_of(kind: Kind) -> dict[str, str]:
    """Statistics of the kind's rollups, and how they merge."""
    found: dict[str, str] = {}
    for column in kind.expanded:
        if column.merge is Merge.SAMPLE:
            found |= {"population": "sum", f"{column.name}_sum": "sum", f"{column.name}_sum_of_squares": "sum",
                      f"{column.name}_minimum": "minimum", f"{column.name}_maximum": "maximum"}
        elif column.merge in (Merge.SUM, Merge.MINIMUM, Merge.MAXIMUM):
            found[column.name] = column.merge.value
    return found


def _statistics(kind: Kind, rows: list[dict]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for column in kind.expanded:
        values = [row[column.name] for row in rows if row[column.name] is not None]
        if column.merge is Merge.SAMPLE:
            found |= {"population": len(rows), f"{column.name}_sum": sum(values),
                      f"{column.name}_sum_of_squares": sum(v * v for v in values),
                      f"{column.name}_minimum": min(values), f"{column.name}_maximum": max(values)}
        elif column.merge in (Merge.SUM, Merge.MINIMUM, Merge.MAXIMUM):
            found[column.name] = _MERGES[column.merge.value](values) if values else None
    return found


def _value(text: str, column: object) -> int | str | None:
    if column is None or column.type.name in ("STRING", "ADDRESS"):
        return text
    if not text:
        return None
    return int(Decimal(text) * 10**9) if column.type.fractional else int(text)


def all_kinds(*names: str) -> list[Kind]:
    """Kinds by name."""
    return [KINDS[name] for name in names]
