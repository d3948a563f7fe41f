"""Rows with a number in them and contents that follow from it: found again in the spool, once, unaltered, or missed."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from tmon_common.events import event
from tmon_common.events.rows import rows_of
from tmon_common.observations import EVENT, FLOW_DEFINITION, FTP_TRANSFER, IP_COUNTERS, Kind, Rows
from tmon_common.observations.column import Type

NUMBER_COLUMN = {IP_COUNTERS: "flow", FLOW_DEFINITION: "flow", FTP_TRANSFER: "transfer"}
KINDS = (IP_COUNTERS, FLOW_DEFINITION, FTP_TRANSFER, EVENT)
EVERY = {IP_COUNTERS: 1, FLOW_DEFINITION: 10, FTP_TRANSFER: 20, EVENT: 25}
"""One row of each kind for so many of ip_counters."""
_TEXTS = ["chaos", "a \"quoted\", text"]
_SUBJECT = "numbered"
_WARNING, _INFO = "datagrams_incomplete", "kernel_drops_ended"
_START_S = 1_700_000_000


def numbered(kind: Kind, first: int, count: int) -> Rows:
    """Rows first, first + 1, ... of a kind. Of events, even numbers are warnings, odd ones are for information."""
    numbers = range(first, first + count)
    if kind is EVENT:
        return rows_of([_event(n) for n in numbers], "chaos", "child")
    words = np.zeros((count, kind.words), np.int64)
    column_of = np.array(numbers, np.int64)
    for column in kind.expanded:
        at = kind.word_of(column.name)
        if column.type is Type.ADDRESS:
            words[:, at + 1] = 0xFFFF << 32 | 10 << 24 | column_of
        elif column.type is Type.STRING:
            words[:, at] = column_of % len(_TEXTS)
        elif column.type is Type.INTEGER:
            words[:, at] = [_value(kind, column.name, n) for n in numbers]
        else:
            words[:, at] = (_START_S + column_of) * 1_000_000_000
    return Rows.from_words(kind, words, list(_TEXTS))


def number_of(kind: Kind, row: Mapping[str, str]) -> int | None:
    """Number of a row read from a CSV file; None: it is none of ours (an event of the program itself)."""
    if kind is not EVENT:
        return int(row[NUMBER_COLUMN[kind]])
    if row["subject"] != _SUBJECT:
        return None
    return json.loads(row["details"])["count" if row["code"] == _WARNING else "packets"]


def unaltered(kind: Kind, row: Mapping[str, str], number: int) -> bool:
    """Whether it holds what `numbered` made of that number."""
    if kind is EVENT:
        told = _event(number)
        return (row["code"], row["text"], row["host"]) == (told.code, told.text, "chaos")
    for column in kind.expanded:
        if column.type is Type.INTEGER:
            expected = str(_value(kind, column.name, number))
        elif column.type is Type.STRING:
            expected = _TEXTS[number % len(_TEXTS)]
        elif column.type is Type.ADDRESS:
            expected = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        else:
            expected = f"{_START_S + number}.000000000"
        if row[column.name] != expected:
            return False
    return True


def _value(kind: Kind, column: str, number: int) -> int:
    """Of an integer column: some bits more or less, as counters have."""
    return number if column == NUMBER_COLUMN[kind] else number * (len(column) * 37 + 1) % (1 << (len(column) + 8))


def _event(number: int):
    if number % 2:
        return event(_INFO, number, _SUBJECT, packets=number, seconds=1)
    return event(_WARNING, number, _SUBJECT, count=number)
