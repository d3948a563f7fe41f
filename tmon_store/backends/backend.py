"""What the loader and the reports ask of a database engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from tmon_store.schema import Rollup, Table

if TYPE_CHECKING:
    import polars as pl
    import sqlalchemy as sa


class Backend(Protocol):
    """An open database. Every change of rows happens between `begin` and `commit`, or not at all.

    Frames have the columns of their table, by name (some may be absent: they stay empty); TIME is Datetime("us") and TIME_NS
    Datetime("ns"), both UTC without a zone; WIDE is Int64 or Decimal(38, 0). Errors of the engine come as StoreError.

    name        what messages call the database
    """

    name: str

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...

    def ensure(self, tables: Iterable[Table], rollups: Iterable[Rollup] = ()) -> None:
        """Create the tables that do not exist, add the columns that they lack. Idempotent; not within a transaction."""

    def prepare(self, days: Mapping[Table | Rollup, Iterable[date]]) -> None:
        """Make room for rows of these days (UTC), where the engine keeps days apart. Idempotent; not within a transaction."""

    def loaded(self, names: Iterable[str]) -> dict[str, int]:
        """Which of these spool files the manifest has, and their lengths in octets."""

    def flow_keys(self, identities: pl.DataFrame) -> pl.Series:
        """flow_key (Int64) of each distinct (probe, run, flow), in their order; new ones get a number and an empty row."""

    def describe_flows(self, definitions: pl.DataFrame) -> None:
        """Fill in the flows (by flow_key) that are not described yet."""

    def append(self, table: Table, frame: pl.DataFrame) -> None:
        """Add rows."""

    def add_missing(self, table: Table, frame: pl.DataFrame) -> None:
        """Add the rows whose key the table does not have; keys within the frame are distinct."""

    def merge(self, rollup: Rollup, single: pl.DataFrame, merged: pl.DataFrame) -> None:
        """Merge rows, of distinct keys over both frames, into a rollup: add, or take minimum or maximum, as the fields say."""

    def query(self, statement: str | sa.Executable) -> list[tuple]:
        """Rows of a question in the SQL that all engines understand (a text without values), or in SQLAlchemy's form.

        Whole numbers are int, whatever the engine calls them; times naive datetimes, UTC; fractions float.
        """

    def execute(self, statement: sa.Executable) -> int:
        """INSERT ... SELECT, UPDATE or DELETE; gives the number of rows."""

    def drop_before(self, what: Table | Rollup, until: datetime) -> int:
        """Forget rows older than `until` (UTC, midnight), by whole pieces that lie before it; gives how many, as far as known.

        Not within a transaction.
        """
