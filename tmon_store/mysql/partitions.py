"""Which partitions a table needs: one for each day (or month) that has rows, empty ones between them.

A table is partitioned by RANGE COLUMNS on its time. Every partition that holds rows covers exactly one span; what lies between
them, before the first and after the last (`pFuture`), is covered by partitions that are always empty. So room for any further
span is made by splitting an empty partition, which costs nothing however many rows the table has, and whole days go by dropping.

Nothing here talks to a server.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

MAX_PARTITIONS = 2000
"""Of a table, empty ones included: five years of days. A server opens a file for each."""
FUTURE, PAST = "pFuture", "pPast"
_FIRST = date(2000, 1, 1)
"""Before it there are no observations: where the first empty partition ends."""


class TooManyPartitionsError(ValueError):
    """A table would have more than MAX_PARTITIONS."""


@dataclass(frozen=True)
class Partition:
    """until: the first day after it, None: it has no end. It begins where the one before it ends."""

    name: str
    until: date | None


def first_partitions() -> str:
    """Of a table without rows."""
    return _defined([Partition(PAST, _FIRST), Partition(FUTURE, None)])


def span_of(day: date, span: str) -> tuple[date, date]:
    """First day of the span, "day" or "month", that a day is in, and the first day after it."""
    if span == "month":
        first = day.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    return day, day + timedelta(days=1)


def covered(partitions: Iterable[Partition], span: str) -> set[date]:
    """First days of the spans that have a partition of their own."""
    found, begin = set(), None
    for partition in partitions:
        if begin and partition.until == span_of(begin, span)[1] and span_of(begin, span)[0] == begin:
            found.add(begin)
        begin = partition.until
    return found


def to_prepare(table: str, partitions: list[Partition], days: Iterable[date], span: str) -> list[str]:
    """Statements after which each of the days has a partition of its span. TooManyPartitionsError if there is no room.

    partitions: those that the table has, in order, the last one without end.
    """
    wanted = sorted({span_of(day, span)[0] for day in days} - covered(partitions, span))
    statements, begin, total = [], None, len(partitions)
    for partition in partitions:
        inside = [w for w in wanted if (begin is None or w >= begin) and (partition.until is None or w < partition.until)]
        if inside:
            pieces = _split(begin, partition.until, inside, span)
            total += len(pieces) - 1
            statements.append(_reorganised(table, partition.name, pieces))
        begin = partition.until
    if total > MAX_PARTITIONS:
        msg = (f"table {table} would have {total} partitions ({len(wanted)} more days or months, from {wanted[0]} to {wanted[-1]}),"
               f" at most {MAX_PARTITIONS} are kept: purge old rows, or let them go sooner (<retention>)")
        raise TooManyPartitionsError(msg)
    return statements


def to_drop(table: str, partitions: list[Partition], until: date) -> tuple[list[str], list[str]]:
    """Names of the partitions that lie before `until`, and statements after which an empty one is in their place.

    Each statement leaves a table that is whole, so being stopped between them does no harm.
    """
    old = [p for p in partitions if p.until and p.until <= until]
    if not old or [p.name for p in old] == [PAST]:
        return [], []
    last = old[-1]
    statements = [f'ALTER TABLE "{table}" DROP PARTITION {", ".join(_quoted(p.name) for p in old[:-1])}'] if old[:-1] else []
    statements += [f'ALTER TABLE "{table}" TRUNCATE PARTITION {_quoted(last.name)}',
                   _reorganised(table, last.name, [Partition(PAST, last.until)])]
    return [p.name for p in old], statements


def _split(begin: date | None, until: date | None, firsts: list[date], span: str) -> list[Partition]:
    """Partitions of [begin, until): one for each span, empty ones for what is left between them."""
    pieces, at = [], begin
    for first in firsts:
        if at is None or at < first:
            pieces.append(Partition(PAST if at is None else f"g{first:%Y%m%d}", first))
        at = span_of(first, span)[1]
        pieces.append(Partition(f"p{first:%Y%m}" if span == "month" else f"p{first:%Y%m%d}", at))
    if until is None or at < until:
        pieces.append(Partition(FUTURE if until is None else f"g{until:%Y%m%d}", until))
    return pieces


def _reorganised(table: str, name: str, pieces: list[Partition]) -> str:
    return f'ALTER TABLE "{table}" REORGANIZE PARTITION {_quoted(name)} INTO ({_defined(pieces)})'


def _defined(partitions: list[Partition]) -> str:
    return ", ".join(f"PARTITION {_quoted(p.name)} VALUES LESS THAN ({_bound(p.until)})" for p in partitions)


def _bound(until: date | None) -> str:
    return f"'{until:%Y-%m-%d}'" if until else "MAXVALUE"


def _quoted(name: str) -> str:
    return f'"{name}"'
