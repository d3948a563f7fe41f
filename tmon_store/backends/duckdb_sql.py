"""Pieces of SQL for DuckDB, from the schema. Every name in them comes from the declarations."""

# ruff: noqa: S608  see above

from __future__ import annotations

from collections.abc import Iterable

from tmon_store.schema import Rollup, Storage, Table

_TYPES = {Storage.INTEGER: "BIGINT", Storage.WIDE: "HUGEINT", Storage.TEXT: "VARCHAR",
          Storage.NAME: "VARCHAR", Storage.ADDRESS: "VARCHAR", Storage.TIME: "TIMESTAMP",
          Storage.TIME_NS: "TIMESTAMP_NS"}
_AGGREGATES = {"sum": "sum", "minimum": "min", "maximum": "max"}


def listed(names: Iterable[str]) -> str:
    """The names, quoted, with commas."""
    return ", ".join(f'"{n}"' for n in names)


def same(left: str, right: str, key: Iterable[str]) -> str:
    """Condition that two relations have the same key."""
    return " AND ".join(f'{left}."{n}" = {right}."{n}"' for n in key)


def changes_to(table: Table, existing: set[str] | None) -> list[str]:
    """Statements that give a table the columns it lacks; existing: None if there is no such table."""
    if existing is None:
        columns = ", ".join(f'"{f.name}" {_TYPES[f.storage]}' for f in table.fields)
        return [f'CREATE TABLE "{table.name}" ({columns})']
    return [f'ALTER TABLE "{table.name}" ADD COLUMN "{f.name}" {_TYPES[f.storage]}' for f in table.fields if f.name not in existing]


def view_of(rollup: Rollup) -> str:
    """Statement that makes the view over single and merged rows."""
    return (f'CREATE OR REPLACE VIEW "{rollup.name}" AS {as_merged(rollup, rollup.single.name)}'
            f' UNION ALL SELECT {listed(rollup.merged.names)} FROM "{rollup.merged.name}"')


def aggregates(rollup: Rollup) -> str:
    """Fields of the merged table, merged within a group."""
    return ", ".join(f'{_AGGREGATES[f.merge]}("{f.name}") AS "{f.name}"' for f in rollup.merged.fields if f.merge)


def as_merged(rollup: Rollup, source: str) -> str:
    """Rows of single samples in the form of merged ones."""
    columns = [f'"{n}"' for n in rollup.merged.key] + ["1::HUGEINT AS population"]
    for c in rollup.samples:
        value = f'"{c.name}"'
        columns += [f'({value} IS NOT NULL)::HUGEINT AS "{c.name}_population"'] if c.nullable else []
        columns += [f'coalesce({value}, 0)::HUGEINT AS "{c.name}_sum"',
                    f'coalesce({value}::HUGEINT * {value}, 0) AS "{c.name}_sum_of_squares"',
                    f'{value} AS "{c.name}_minimum"', f'{value} AS "{c.name}_maximum"']
    written = len(rollup.merged.key) + 1 + sum(5 if c.nullable else 4 for c in rollup.samples)
    columns += [f'"{f.name}"::{_TYPES[f.storage]} AS "{f.name}"' for f in rollup.merged.fields[written:]]
    return f'SELECT {", ".join(columns)} FROM "{source}"'
