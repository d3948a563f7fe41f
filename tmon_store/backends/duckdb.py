"""DuckDB: one file, no server.

No indexes: they would make every load slower as the tables grow. Keys stay unique because there is one writer, which looks
for the rows it is about to add within the time range of its own rows; DuckDB's zone maps make that a look at the end of the table.
"""

# ruff: noqa: S608  every name in a statement comes from the declarations; values are parameters or frames

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tmon_store.backends.duckdb_sql import aggregates, as_merged, changes_to, listed, same, view_of
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.schema import FLOW_IDENTITY, Rollup, Table, flow_table

if TYPE_CHECKING:
    import polars as pl
    import sqlalchemy as sa
    from sqlalchemy.engine.interfaces import Dialect

_NULL_ORDER = "nulls_first_on_asc_last_on_desc"
_FLOW = flow_table()
_DESCRIBED = [n for n in _FLOW.names if n not in ("flow_key", *FLOW_IDENTITY)]


class _Arrow:
    """A frame as DuckDB takes it without further libraries: by the Arrow C stream interface alone."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


class DuckDB:
    """A `Backend`. StoreBusyError if another process has the file open for writing, StoreError if it cannot be opened."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self.name = str(path)
        try:
            with _making(path) if not read_only else nullcontext():
                # Where rows are put in order, what is unknown comes first, as in MySQL.
                self._connection = duckdb.connect(path, read_only=read_only, config={"default_null_order": _NULL_ORDER})
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                msg = f"{path}: another program has the database open"
                raise StoreBusyError(msg) from error
            msg = f"{path}: cannot open the database: {_first_line(error)}"
            raise StoreError(msg) from error
        except (duckdb.Error, OSError) as error:
            msg = f"{path}: cannot open the database: {_first_line(error)}"
            raise StoreError(msg) from error

    def begin(self) -> None:
        self._execute("BEGIN")

    def commit(self) -> None:
        self._execute("COMMIT")

    def rollback(self) -> None:
        self._execute("ROLLBACK")

    def close(self) -> None:
        self._connection.close()

    def query(self, statement: str | sa.Executable) -> list[tuple]:
        from tmon_store.backends.statements import compiled, plain

        text, values = (statement, []) if isinstance(statement, str) else compiled(statement, _dialect())
        return plain(self._execute(text, values).fetchall())

    def execute(self, statement: sa.Executable) -> int:
        from tmon_store.backends.statements import compiled

        return self._execute(*compiled(statement, _dialect())).fetchall()[0][0]

    def prepare(self, days: Mapping[Table | Rollup, Iterable[date]]) -> None:
        """Nothing to do: days lie one after the other in the same table."""

    def drop_before(self, what: Table | Rollup, until: datetime) -> int:
        tables = [what] if isinstance(what, Table) else [t for t in (what.single, what.merged) if t]
        return sum(self._execute(f'DELETE FROM "{t.name}" WHERE "{t.time}" < ?', [until]).fetchall()[0][0] for t in tables)

    def ensure(self, tables: Iterable[Table], rollups: Iterable[Rollup] = ()) -> None:
        existing: dict[str, set[str]] = {}
        for table, column in self.query("SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"):
            existing.setdefault(table, set()).add(column)
        rollups = list(rollups)
        stored = [*tables, *(t for r in rollups for t in (r.single, r.merged) if t)]
        changes = [sql for table in stored for sql in changes_to(table, existing.get(table.name))]
        changed = {t.name for t in stored if not set(t.names) <= existing.get(t.name, set())}
        changes += [view_of(r) for r in rollups
                    if r.single and (r.name not in existing or {r.single.name, r.merged.name} & changed)]
        if changes:
            self.begin()
            self._execute(";".join(changes))
            self.commit()

    def loaded(self, names: Iterable[str]) -> dict[str, int]:
        return dict(self._execute("SELECT name, octets FROM loaded_file WHERE name IN (SELECT unnest(?::VARCHAR[]))",
                                  [list(names)]).fetchall())

    def flow_keys(self, identities: pl.DataFrame) -> pl.Series:
        import polars as pl

        identical = same("given", "flow", FLOW_IDENTITY)
        with self._staged(given=identities.with_row_index("row")):
            self._execute(
                "INSERT INTO flow (flow_key, probe, run, flow)"
                " SELECT (SELECT coalesce(max(flow_key), 0) FROM flow) + row_number() OVER (ORDER BY row), probe, run, flow"
                f" FROM given ANTI JOIN flow ON {identical}")
            found = self._execute(f"SELECT flow_key FROM given JOIN flow ON {identical} ORDER BY row").fetchnumpy()
        return pl.Series("flow_key", found["flow_key"], dtype=pl.Int64)

    def describe_flows(self, definitions: pl.DataFrame) -> None:
        assignments = ", ".join(f'"{n}" = given."{n}"' for n in _DESCRIBED)
        with self._staged(given=definitions):
            self._execute(f"UPDATE flow SET {assignments} FROM given"
                          " WHERE flow.flow_key = given.flow_key AND flow.flow_class IS NULL")

    def append(self, table: Table, frame: pl.DataFrame) -> None:
        if frame.is_empty():
            return
        with self._staged(given=frame):
            self._execute(f'INSERT INTO "{table.name}" BY NAME SELECT * FROM given')

    def add_missing(self, table: Table, frame: pl.DataFrame) -> None:
        with self._staged(given=frame):
            self._execute(f'INSERT INTO "{table.name}" BY NAME SELECT * FROM given ANTI JOIN "{table.name}" AS present'
                          f" ON {same('given', 'present', table.key)}")

    def merge(self, rollup: Rollup, single: pl.DataFrame, merged: pl.DataFrame) -> None:
        frames = {"given_single": single, "given_merged": merged} if rollup.single else {"given_merged": merged}
        key = list(rollup.merged.key)
        with self._staged(**frames):
            keys = " UNION ALL ".join(f"SELECT {listed(key)} FROM {name}" for name, frame in frames.items() if not frame.is_empty())
            if not keys:
                return
            first, last = self._execute(f"SELECT min(start), max(start) FROM ({keys})").fetchall()[0]
            self._execute(f'CREATE OR REPLACE TEMP TABLE touched AS SELECT {listed(key)} FROM "{rollup.name}" AS present'
                          f" SEMI JOIN ({keys}) AS given ON {same('given', 'present', key)}"
                          " WHERE present.start BETWEEN ? AND ?", [first, last])
            if self._execute("SELECT count(*) FROM touched").fetchall() == [(0,)]:
                self._add(rollup, "")
            else:
                self._combine(rollup, key, (first, last))
            self._execute("DROP TABLE touched")

    def _add(self, rollup: Rollup, condition: str) -> None:
        for table, given in ((rollup.single, "given_single"), (rollup.merged, "given_merged")):
            if table:
                self._execute(f'INSERT INTO "{table.name}" BY NAME SELECT * FROM {given} {condition}')

    def _combine(self, rollup: Rollup, key: list[str], span: tuple) -> None:
        """Rows that are there and given: taken out, merged with those given, put back. Other given rows: added."""
        in_touched = f"SEMI JOIN touched ON {same('rows', 'touched', key)}"
        given = f"SELECT {listed(rollup.merged.names)} FROM given_merged"
        if rollup.single:
            given += f" UNION ALL {as_merged(rollup, 'given_single')}"
        self._execute(
            f"CREATE OR REPLACE TEMP TABLE combined AS SELECT {listed(key)}, {aggregates(rollup)} FROM ("
            f'SELECT * FROM (SELECT {listed(rollup.merged.names)} FROM "{rollup.name}" WHERE start BETWEEN ? AND ?) AS rows'
            f" {in_touched}"
            f" UNION ALL SELECT * FROM ({given}) AS rows {in_touched}) GROUP BY {listed(key)}", span)
        for table in (rollup.single, rollup.merged):
            if table:
                self._execute(f'DELETE FROM "{table.name}" AS present USING touched WHERE {same("present", "touched", key)}'
                              " AND present.start BETWEEN ? AND ?", span)
        self._add(rollup, f"AS rows ANTI JOIN touched ON {same('rows', 'touched', key)}")
        self._execute(f'INSERT INTO "{rollup.merged.name}" BY NAME SELECT * FROM combined')
        self._execute("DROP TABLE combined")

    @contextmanager
    def _staged(self, **frames: pl.DataFrame) -> Iterator[None]:
        for name, frame in frames.items():
            self._connection.register(name, _Arrow(frame))
        try:
            yield
        finally:
            for name in frames:
                self._connection.unregister(name)

    def _execute(self, sql: str, parameters: Sequence[Any] = ()) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(sql, list(parameters))
        except (RuntimeError, duckdb.InterruptException) as error:  # Ctrl-C within a statement, as DuckDB tells it
            if "interrupted" not in str(error).lower():
                raise
            raise KeyboardInterrupt from error
        except duckdb.Error as error:
            msg = f"{self._path}: {_first_line(error)}"
            raise StoreError(msg) from error


@contextmanager
def _making(path: Path) -> Iterator[None]:
    """The block opens a database; if it is not there yet, nobody else makes it meanwhile.

    A file of no length is all that a full disk has left of a database, and DuckDB would refuse it for ever: it is removed. But
    every database is one for a moment, and what its maker writes then would be lost with it.
    """
    if _begun(path):
        yield
        return
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield  # DuckDB says what is wrong
        return
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if path.exists() and not _begun(path):
            path.unlink()
        yield
    finally:
        os.close(folder)


def _begun(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


@cache
def _dialect() -> Dialect:
    """DuckDB speaks the SQL of PostgreSQL."""
    from sqlalchemy.dialects.postgresql.base import PGDialect

    return PGDialect(paramstyle="qmark")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
