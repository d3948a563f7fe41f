"""What the loader and the reports ask of a database engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from tmon_store.schema import Rollup, Table

if TYPE_CHECKING:
    import polars as pl


class Backend(Protocol):
    """An open database. Every change happens between `begin` and `commit`, or not at all.

    Frames have the columns of their table, by name (some may be absent: they stay empty); TIME is Datetime("us") and TIME_NS
    Datetime("ns"), both UTC without a zone; WIDE is Int64 or Decimal(38, 0). Errors of the engine come as StoreError.
    """

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...

    def ensure(self, tables: Iterable[Table], rollups: Iterable[Rollup]) -> None:
        """Create the tables that do not exist, add the columns that they lack. Idempotent; in a transaction of its own."""

    def loaded(self, names: Sequence[str]) -> dict[str, int]:
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

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple]:
        """Rows of a question in the SQL that all engines understand."""
