"""Partitions of the tables of a database, as the server has them and as it is told to change them."""

# ruff: noqa: S608  what is put into statements are marks for values

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from tmon_store.errors import StoreError, StoreFullError
from tmon_store.mysql.partitions import Partition, TooManyPartitionsError, covered, span_of, to_drop, to_prepare
from tmon_store.schema import Table

if TYPE_CHECKING:
    from tmon_store.backends.mysql_connection import Connection


class Partitions:
    """Of the database that the connection uses. What was looked up once is remembered: one loader at a time changes them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._covered: dict[str, set[date]] = {}

    def prepare(self, days: Mapping[Table, Iterable[date]]) -> None:
        """Give each of these days (of each table) a partition; those that have one cost nothing."""
        lacking = {table: set(wanted) for table, wanted in days.items() if table.time}
        self._look_up([t for t in lacking if t.name not in self._covered])
        for table, wanted in lacking.items():
            if all(span_of(day, table.span)[0] in self._covered[table.name] for day in wanted):
                continue
            present = self._present([table.name])[table.name]
            try:
                statements = to_prepare(table.name, present, wanted, table.span)
            except TooManyPartitionsError as error:
                msg = f"{self._connection.name}: {error}"
                raise StoreFullError(msg) from None
            for statement in statements:
                self._connection.rows(statement)
            self._covered[table.name] = covered(self._present([table.name])[table.name], table.span)

    def check(self, table: Table, days: Iterable[date]) -> None:
        """StoreError if there is a day without a partition: its rows would end up in one that has to stay empty."""
        if not table.time:
            return
        if table.name not in self._covered:
            self._look_up([table])
        lacking = [day for day in days if span_of(day, table.span)[0] not in self._covered[table.name]]
        if lacking:
            msg = f"{self._connection.name}: table {table.name} was not prepared for rows of {min(lacking)}"
            raise StoreError(msg)

    def drop_before(self, table: Table, until: datetime) -> int:
        """Drop the partitions before a day; gives how many rows they had, as the server estimates it."""
        names, statements = to_drop(table.name, self._present([table.name]).get(table.name, []), until.date())
        if not statements:
            return 0
        marks = ", ".join(["%s"] * len(names))
        gone = self._connection.rows(
            "SELECT COALESCE(SUM(table_rows), 0) FROM information_schema.partitions WHERE table_schema = DATABASE()"
            f" AND table_name = %s AND partition_name IN ({marks})", [table.name, *names])[0][0]
        for statement in statements:
            self._connection.rows(statement)
        self._covered.pop(table.name, None)
        return int(gone)

    def _look_up(self, tables: Iterable[Table]) -> None:
        spans = {t.name: t.span for t in tables}
        present = self._present(list(spans))
        for name, span in spans.items():
            self._covered[name] = covered(present.get(name, []), span)

    def _present(self, tables: list[str]) -> dict[str, list[Partition]]:
        """Partitions of each table, in order."""
        found: dict[str, list[Partition]] = {}
        if not tables:
            return found
        marks = ", ".join(["%s"] * len(tables))
        for table, name, bound in self._connection.rows(
                "SELECT table_name, partition_name, partition_description FROM information_schema.partitions"
                f" WHERE table_schema = DATABASE() AND table_name IN ({marks}) AND partition_name IS NOT NULL"
                " ORDER BY table_name, partition_ordinal_position", tables):
            until = None if bound == "MAXVALUE" else date.fromisoformat(bound.strip("'")[:10])
            found.setdefault(table, []).append(Partition(name, until))
        return found
