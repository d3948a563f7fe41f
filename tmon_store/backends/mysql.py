"""MySQL or MariaDB: a server, several databases side by side, one loader at a time in each.

Rows arrive by LOAD DATA from memory. Those later than all that a table has go straight into it; others through a working table
that this connection alone sees. Keys begin with the time, so rows of a new minute are written at the end.
"""

# ruff: noqa: S608  every name in a statement comes from the declarations or is checked; values are parameters or rows

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING

from tmon_common.config.store_model import Server
from tmon_store.backends import mysql_sql as written
from tmon_store.backends.mysql_connection import Connection
from tmon_store.backends.mysql_sql import WORKING, listed, rows_table, same
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.mysql.partition_edge import Partitions
from tmon_store.schema import FLOW_IDENTITY, Rollup, Table, flow_table

if TYPE_CHECKING:
    import polars as pl
    import sqlalchemy as sa
    from sqlalchemy.engine.interfaces import Dialect

TEMPLATE = "trafMon_template"
"""The database whose tables are the patterns of new ones, if it is there."""
BUSY_WAIT_S = 3
"""How long a loader waits for another one: a server needs a moment to notice that one was killed."""
MAX_KNOWN_FLOWS = 2_000_000
"""Numbers of flows that are remembered from one question to the next."""
_NAMES_AT_ONCE = 1000
_PAIRS_AT_ONCE = 10_000
"""Of whole numbers in one text: at most 400,000 octets, less than half of group_concat_max_len."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_FLOW = flow_table()
_DESCRIBED = [n for n in _FLOW.names if n not in ("flow_key", *FLOW_IDENTITY)]


class MySQL:
    """A `Backend`. The database is created if it is to be written and not there.

    StoreBusyError if another loader has it open for writing, StoreError if it cannot be opened.
    """

    def __init__(self, server: Server, database: str, *, read_only: bool = False) -> None:
        if not _NAME.fullmatch(database):
            msg = f"{database!r}: not a name of a database: letters, digits and _"
            raise StoreError(msg)
        self._database = database
        self._connection = Connection(server)
        self.name = self._connection.name = f"{database} at {self._connection.name}"
        self._partitions = Partitions(self._connection)
        self._in_transaction = False
        self._flows: pl.DataFrame | None = None
        try:
            self._open(read_only=read_only)
        except BaseException:
            self.close()
            raise

    def _open(self, *, read_only: bool) -> None:
        if not read_only:
            if self._connection.rows("SELECT GET_LOCK(%s, %s)", [f"{self._database}.loader"[:64], BUSY_WAIT_S]) != [(1,)]:
                msg = f"{self.name}: another loader has it open for writing"
                raise StoreBusyError(msg)
            self._connection.rows(f'CREATE DATABASE IF NOT EXISTS "{self._database}" CHARACTER SET utf8mb4'
                                  f" COLLATE {self._connection.collation}")
        self._connection.rows(f'USE "{self._database}"')
        if read_only:
            self._connection.rows("SET SESSION TRANSACTION READ ONLY")

    def begin(self) -> None:
        self._connection.begin()
        self._in_transaction = True

    def commit(self) -> None:
        self._connection.commit()
        self._in_transaction = False

    def rollback(self) -> None:
        self._in_transaction = False
        self._flows = None  # the numbers given since `begin` are void
        self._connection.rollback()

    def close(self) -> None:
        self._connection.close()

    def query(self, statement: str | sa.Executable) -> list[tuple]:
        from tmon_store.backends.statements import compiled, plain

        text, values = (statement, []) if isinstance(statement, str) else compiled(statement, _dialect())
        return plain(self._connection.rows(text, values))

    def execute(self, statement: sa.Executable) -> int:
        from tmon_store.backends.statements import compiled

        return self._connection.change(*compiled(statement, _dialect()))

    def run(self, statement: str) -> None:
        """A statement of this engine alone, of ours; not within a transaction."""
        self._outside()
        self._connection.rows(statement)

    def ensure(self, tables: Iterable[Table], rollups: Iterable[Rollup] = ()) -> None:
        self._outside()
        rollups = list(rollups)
        existing = self._columns(self._database)
        patterns = self._columns(TEMPLATE) if self._database != TEMPLATE else {}
        changed = set()
        for table in [*tables, *map(rows_table, rollups)]:
            present = existing.get(table.name)
            if present is None:
                pattern = table.name in patterns
                self._connection.rows(f'CREATE TABLE IF NOT EXISTS "{table.name}" LIKE "{TEMPLATE}"."{table.name}"' if pattern
                                      else written.create(table, self._connection.collation))
                if pattern and not table.time:  # the ports and their services
                    self._connection.rows(f'INSERT INTO "{table.name}" SELECT * FROM "{TEMPLATE}"."{table.name}"')
                present = patterns[table.name] if pattern else set(table.names)
                changed.add(table.name)
            for statement in written.changes_to(table, present) if not set(table.names) <= present else ():
                self._connection.rows(statement)
                changed.add(table.name)
        for rollup in rollups:
            if rollup.single and (rollup.name not in existing or rows_table(rollup).name in changed):
                self._connection.rows(written.view_of(rollup))

    def prepare(self, days: Mapping[Table | Rollup, Iterable[date]]) -> None:
        self._outside()
        self._partitions.prepare({_table(what): wanted for what, wanted in days.items()})

    def drop_before(self, what: Table | Rollup, until: datetime) -> int:
        self._outside()
        return self._partitions.drop_before(_table(what), until)

    def loaded(self, names: Iterable[str]) -> dict[str, int]:
        names, found = list(names), {}
        for at in range(0, len(names), _NAMES_AT_ONCE):
            some = names[at : at + _NAMES_AT_ONCE]
            found |= dict(self._connection.rows(
                f"SELECT name, octets FROM loaded_file WHERE name IN ({', '.join(['%s'] * len(some))})", some))
        return found

    def flow_keys(self, identities: pl.DataFrame) -> pl.Series:
        import polars as pl

        known = self._flows
        if known is None or known.height > MAX_KNOWN_FLOWS:
            known = pl.DataFrame(schema=identities.schema | {"flow_key": pl.Int64})
        unknown = identities.join(known, on=FLOW_IDENTITY, how="anti", maintain_order="left")
        if not unknown.is_empty():
            found = self._numbered(unknown)
            known = pl.concat([known, found])
        self._flows = known
        return identities.join(known, on=FLOW_IDENTITY, how="left", maintain_order="left")["flow_key"]

    def _numbered(self, identities: pl.DataFrame) -> pl.DataFrame:
        """The identities with their numbers, new ones for those that the database does not have."""
        import polars as pl

        highest = self._connection.rows("SELECT COALESCE(MAX(flow_key), 0) FROM flow")[0][0]
        numbered = identities.clear().with_columns(pl.lit(None, pl.Int64).alias("flow_key"))
        if highest:
            # In the working table the key is the row of the frame. Answers come by thousands: taking apart a row costs a while.
            with self._working("identities", _FLOW, identities.with_row_index("flow_key")):
                found = self._connection.rows(
                    "SELECT GROUP_CONCAT(given.flow_key, ' ', flow.flow_key SEPARATOR ' ')"
                    f' FROM "{WORKING}identities" AS given STRAIGHT_JOIN flow ON {same("given", "flow", FLOW_IDENTITY)}'
                    f" GROUP BY given.flow_key DIV {_PAIRS_AT_ONCE}")
            pairs = [int(number) for (text,) in found for number in text.split()]
            numbered = identities[pairs[::2]].with_columns(pl.Series("flow_key", pairs[1::2], pl.Int64))
        fresh = identities.join(numbered, on=FLOW_IDENTITY, how="anti", maintain_order="left")
        fresh = fresh.with_columns((pl.int_range(pl.len(), dtype=pl.Int64) + highest + 1).alias("flow_key"))
        self._load("flow", fresh)
        return pl.concat([numbered, fresh])

    def describe_flows(self, definitions: pl.DataFrame) -> None:
        given = [n for n in _DESCRIBED if n in definitions.columns]
        with self._working("definitions", _FLOW, definitions.select("flow_key", *given)):
            assignments = ", ".join(f'flow."{n}" = given."{n}"' for n in given)
            self._connection.rows(f'UPDATE flow JOIN "{WORKING}definitions" AS given ON flow.flow_key = given.flow_key'
                                  f" SET {assignments} WHERE flow.flow_class IS NULL")

    def append(self, table: Table, frame: pl.DataFrame) -> None:
        self._partitions.check(table, _days(table, frame))
        self._load(table.name, frame)

    def add_missing(self, table: Table, frame: pl.DataFrame) -> None:
        self._partitions.check(table, _days(table, frame))
        with self._working("rows", table, frame) as columns:
            self._connection.rows(
                f'INSERT INTO "{table.name}" ({listed(columns)}) SELECT {listed(columns, "given")} FROM "{WORKING}rows" AS given'
                f' LEFT JOIN "{table.name}" AS present ON {same("given", "present", table.key)}'
                f' WHERE present."{table.key[0]}" IS NULL')

    def merge(self, rollup: Rollup, single: pl.DataFrame, merged: pl.DataFrame) -> None:
        import polars as pl

        from tmon_store.backends.mysql_rows import compact

        table = rows_table(rollup)
        frame = compact(rollup, single, merged) if rollup.single else merged
        if frame.is_empty():
            return
        self._partitions.check(table, _days(table, frame))
        key = written.primary_key(table)
        frame = frame.sort(key).select(n for n in table.names if n in frame.columns)
        first = frame["start"][0]
        last = self._connection.rows(f'SELECT MAX(start) FROM "{table.name}" WHERE start >= %s', [first])[0][0]
        if last is not None:
            with self._working("rows", table, frame.filter(pl.col("start") <= last)) as columns:
                self._connection.rows(written.merge_from("rows", rollup, columns))
            frame = frame.filter(pl.col("start") > last)
        self._load(table.name, frame)

    def _load(self, table: str, frame: pl.DataFrame) -> None:
        from tmon_store.backends.mysql_text import split_times, text_of

        if frame.is_empty():
            return
        frame = split_times(frame)
        frame = frame.select(n for n in frame.columns if frame[n].null_count() < frame.height)  # the others are NULL anyway
        rows = self._connection.load(f"LOAD DATA LOCAL INFILE 'rows' INTO TABLE \"{table}\" CHARACTER SET utf8mb4"
                                     f" ({listed(frame.columns)})", text_of(frame))
        if rows != frame.height:
            msg = f"{self.name}: table {table} took {rows} of {frame.height} rows"
            raise StoreError(msg)

    @contextmanager
    def _working(self, name: str, table: Table, frame: pl.DataFrame) -> Iterator[list[str]]:
        """A working table with these rows of a table; gives its columns.

        What it is joined with is looked up row by row: a load costs the same, however large that table is.
        """
        from tmon_store.backends.mysql_text import split_times

        columns = split_times(frame.clear()).columns
        self._connection.rows(f'DROP TEMPORARY TABLE IF EXISTS "{WORKING}{name}"')
        self._connection.rows(written.create_working(name, table, columns, self._connection.collation))
        self._load(f"{WORKING}{name}", frame)
        with self._connection.looking_up():
            yield columns
        self._connection.rows(f'DROP TEMPORARY TABLE "{WORKING}{name}"')

    def _columns(self, database: str) -> dict[str, set[str]]:
        """Table or view -> its columns."""
        found = {}
        for table, columns in self._connection.rows(
                "SELECT table_name, GROUP_CONCAT(column_name) FROM information_schema.columns WHERE table_schema = %s"
                " GROUP BY table_name", [database]):
            found[table] = set(columns.split(","))
        return found

    def _outside(self) -> None:
        """A server commits what is under way when tables are changed."""
        assert not self._in_transaction, "tables are changed outside of transactions"


def _table(what: Table | Rollup) -> Table:
    return what if isinstance(what, Table) else rows_table(what)


def _days(table: Table, frame: pl.DataFrame) -> list[date]:
    return frame[table.time].dt.date().unique().to_list() if table.time and not frame.is_empty() else []




@cache
def _dialect() -> Dialect:
    from sqlalchemy.dialects.mysql.mysqlconnector import MySQLDialect_mysqlconnector

    return MySQLDialect_mysqlconnector(paramstyle="format")
