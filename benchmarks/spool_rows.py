"""Rows out of CSV files, as the probe had them."""

from __future__ import annotations

import csv
import ipaddress
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np

from tmon_common.observations import ABSENT, Column, Kind, Rows, Type

BILLION = 10**9


def rows_of(files: list[Path], kind: Kind) -> Rows:
    """All rows of these files of a kind, in their order."""
    strings: dict[str, int] = {}
    words = [_words(record, kind, strings) for path in files for record in _records(path)]
    return Rows.from_words(kind, np.array(words, np.int64).reshape(len(words), kind.words), list(strings))


def _records(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as lines:
        yield from csv.DictReader(lines)


def _words(record: dict[str, str], kind: Kind, strings: dict[str, int]) -> list[int]:
    return [word for column in kind.expanded for word in _value(record[column.name], column, strings)]


def _value(text: str, column: Column, strings: dict[str, int]) -> tuple[int, ...]:
    if not text:
        return (ABSENT,) * column.type.words
    if column.type is Type.STRING:
        return (strings.setdefault(text, len(strings)),)
    if column.type is Type.ADDRESS:
        address = ipaddress.ip_address(text)
        number = int(address) if address.version == 6 else 0xFFFF << 32 | int(address)
        return tuple(w - (1 << 64) if w >> 63 else w for w in (number >> 64, number & (1 << 64) - 1))
    return (int(Decimal(text) * BILLION),) if column.type.fractional else (int(text),)
