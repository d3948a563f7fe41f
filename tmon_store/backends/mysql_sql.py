"""Pieces of SQL for MySQL and MariaDB, from the schema. Every name in them comes from the declarations.

A rollup of a kind with samples is one table `<rollup>_rows` and a view `<rollup>` over it. A row whose samples are one, or all the
same, has that in a column of the sample's name, and NULL, which takes no room, in those of the statistics; otherwise the other way
round. `population` is NULL where it is one. The view shows all in one form.
"""

# ruff: noqa: S608  see above

from __future__ import annotations

from collections.abc import Iterable

from tmon_store.backends.mysql_text import NS_SUFFIX
from tmon_store.mysql.partitions import first_partitions
from tmon_store.schema import KEY_TEXT_LIMIT, Field, Rollup, Storage, Table

WORKING = "working_"
"""What names of tables begin with in which a program keeps rows for itself."""
_ADDRESS_LENGTH = 45
_ASCII = "CHARACTER SET ascii COLLATE ascii_bin"
"""An octet for each character, where working space of four would be set aside for groups and sorts."""
_WIDE, _WIDEST = "DECIMAL(27,0)", "DECIMAL(38,0)"
"""Sums of 10^8 values of 64 bits fit the first, in 12 octets instead of 17; sums of squares need the second."""
_TYPES = {Storage.INTEGER: "BIGINT", Storage.WIDE: _WIDE, Storage.TEXT: "LONGTEXT", Storage.NAME: f"VARCHAR({KEY_TEXT_LIMIT})",
          Storage.ADDRESS: f"VARCHAR({_ADDRESS_LENGTH}) {_ASCII}", Storage.TIME: "DATETIME", Storage.TIME_NS: "DATETIME(6)"}
_SQUARES = "_sum_of_squares"


def listed(names: Iterable[str], of: str = "") -> str:
    """The names, quoted, with commas; of: the table they are of."""
    prefix = f"{of}." if of else ""
    return ", ".join(f'{prefix}"{n}"' for n in names)


def same(left: str, right: str, key: Iterable[str]) -> str:
    """Condition that two relations have the same key."""
    return " AND ".join(f'{left}."{n}" = {right}."{n}"' for n in key)


def rows_table(rollup: Rollup) -> Table:
    """The table in which the rows of a rollup are."""
    if not rollup.single:
        return rollup.merged
    key = set(rollup.merged.key)
    samples = {c.name for c in rollup.samples}
    fields = [*(f for f in rollup.merged.fields if f.name in key), *(f for f in rollup.single.fields if f.name in samples),
              *(f for f in rollup.merged.fields if f.name not in key)]
    return Table(f"{rollup.name}_rows", tuple(fields), rollup.merged.key, rollup.merged.time, rollup.merged.span)


def columns_of(table: Table) -> dict[str, str]:
    """Column -> its type."""
    found: dict[str, str] = {}
    for field in table.fields:
        found[field.name] = _type(field) + (" NOT NULL" if _is_key(table, field.name) else "")
        if field.storage is Storage.TIME_NS:
            found[field.name + NS_SUFFIX] = "SMALLINT"
    return found


def create(table: Table, collation: str) -> str:
    """Statement that makes a table, with its partitions if its rows age."""
    parts = [f'"{name}" {kind}' for name, kind in columns_of(table).items()]
    if table.name == "flow":
        parts += ['PRIMARY KEY ("flow_key")', f'UNIQUE KEY "identity" ({listed(table.key)})']
    elif table.key:
        parts.append(f"PRIMARY KEY ({listed(primary_key(table))})")
    partitions = f" PARTITION BY RANGE COLUMNS({listed([table.time])}) ({first_partitions()})" if table.time else ""
    return (f'CREATE TABLE IF NOT EXISTS "{table.name}" ({", ".join(parts)}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC'
            f" CHARACTER SET utf8mb4 COLLATE {collation}{partitions}")


def create_working(name: str, table: Table, columns: Iterable[str], collation: str) -> str:
    """Statement that makes a table that this connection alone sees, for rows on their way into another one."""
    types = columns_of(table)
    parts = ", ".join(f'"{c}" {types[c]}' for c in columns)
    return f'CREATE TEMPORARY TABLE "{WORKING}{name}" ({parts}) ENGINE=MyISAM CHARACTER SET utf8mb4 COLLATE {collation}'


def primary_key(table: Table) -> list[str]:
    """Time first, so that rows of later times are at the end."""
    first = [table.time] if table.time else []
    return first + [n for n in table.key if n not in first]


def changes_to(table: Table, existing: set[str]) -> list[str]:
    """Statements that give a table the columns it lacks."""
    lacking = [f'ADD COLUMN "{name}" {kind}' for name, kind in columns_of(table).items() if name not in existing]
    return [f'ALTER TABLE "{table.name}" {", ".join(lacking)}'] if lacking else []


def view_of(rollup: Rollup) -> str:
    """Statement that makes the view that shows rows of one and of several samples in one form."""
    columns = [f'"{n}"' for n in rollup.merged.key] + ['COALESCE("population", 1) AS "population"']
    for sample in rollup.samples:
        name = sample.name
        if sample.nullable:
            columns.append(f'COALESCE("{name}_population", "{name}" IS NOT NULL) AS "{name}_population"')
        columns += [f'{_sum("", name, many=not sample.nullable)} AS "{name}_sum"',
                    f'{_squares("", name, many=not sample.nullable)} AS "{name}{_SQUARES}"',
                    *(f'COALESCE("{name}", "{name}_{which}") AS "{name}_{which}"' for which in ("minimum", "maximum"))]
    columns += [f'"{f.name}"' for f in _plain_fields(rollup)]
    return (f'CREATE OR REPLACE ALGORITHM=MERGE SQL SECURITY INVOKER VIEW "{rollup.name}" AS SELECT {", ".join(columns)}'
            f' FROM "{rollup.name}_rows"')


def merge_from(working: str, rollup: Rollup, columns: Iterable[str]) -> str:
    """Statement that merges the rows of a working table into those of a rollup.

    Assignments see what those before them have done, so each comes before those of the columns that it reads.
    """
    table = rows_table(rollup)
    columns = list(columns)
    here, given = f'"{table.name}"', "given"
    assignments: list[str] = []
    for sample in rollup.samples:
        assignments += _merged(sample.name, here, nullable=sample.nullable)
    for field in _plain_fields(rollup):
        ends = [f'{t}."{field.name}"' for t in (here, given)]
        assignments.append(f'"{field.name}" = COALESCE({ends[0]} + {ends[1]}, {ends[0]}, {ends[1]})' if field.merge == "sum"
                           else f'"{field.name}" = {_picked("LEAST" if field.merge == "minimum" else "GREATEST", ends)}')
    if rollup.samples:
        assignments.append('"population" = ' + " + ".join(f'COALESCE({t}."population", 1)' for t in (here, given)))
    return (f'INSERT INTO {here} ({listed(columns)}) SELECT {listed(columns, given)} FROM "{WORKING}{working}" AS {given}'
            f' ON DUPLICATE KEY UPDATE {", ".join(assignments)}')


def _merged(name: str, here: str, *, nullable: bool) -> list[str]:
    """Assignments of the columns of a sample."""
    tables = (f"{here}.", "given.")
    values = {f"{name}{_SQUARES}": " + ".join(_squares(t, name, many=not nullable) for t in tables)}
    for which, pick in (("minimum", "LEAST"), ("maximum", "GREATEST")):
        values[f"{name}_{which}"] = _picked(pick, [f'COALESCE({t}"{name}", {t}"{name}_{which}")' for t in tables])
    values[f"{name}_sum"] = " + ".join(_sum(t, name, many=not nullable) for t in tables)
    if nullable:
        counted = [f'COALESCE({t}"{name}_population", {t}"{name}" IS NOT NULL)' for t in tables]
        values = {f"{name}_population": " + ".join(counted)} | values | {name: "NULL"}
    else:
        equal = " = ".join(f'{t}"{name}"' for t in tables)
        values = {c: f"IF({equal}, NULL, {value})" for c, value in values.items()}
        values[name] = f'IF({equal}, {here}."{name}", NULL)'
    return [f'"{column}" = {value}' for column, value in values.items()]


def _sum(of: str, name: str, *, many: bool) -> str:
    """Of the samples of a row. of: its table, with a dot. many: the column of the sample may stand for several that are equal."""
    value = f'{of}"{name}" * COALESCE({of}"population", 1)' if many else f'{of}"{name}"'
    return f'COALESCE({of}"{name}_sum", {value}, 0)'


def _squares(of: str, name: str, *, many: bool) -> str:
    times = f' * COALESCE({of}"population", 1)' if many else ""
    return f'COALESCE({of}"{name}{_SQUARES}", CAST({of}"{name}" AS {_WIDEST}) * {of}"{name}"{times}, 0)'


def _plain_fields(rollup: Rollup) -> list[Field]:
    """Those of the merged form that are neither key nor statistics of a sample."""
    derived = {"population", *rollup.merged.key} if rollup.samples else set(rollup.merged.key)
    for sample in rollup.samples:
        derived |= {f"{sample.name}_{s}" for s in ("population", "sum", "sum_of_squares", "minimum", "maximum")}
    return [f for f in rollup.merged.fields if f.name not in derived]


def _picked(pick: str, ends: list[str]) -> str:
    """The smaller or larger, or the one that is there."""
    return f"{pick}(COALESCE({ends[0]}, {ends[1]}), COALESCE({ends[1]}, {ends[0]}))"


def _type(field: Field) -> str:
    return _WIDEST if field.storage is Storage.WIDE and field.name.endswith(_SQUARES) else _TYPES[field.storage]


def _is_key(table: Table, name: str) -> bool:
    return name in table.key or name == table.time or (table.name == "flow" and name == "flow_key")
