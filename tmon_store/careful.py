"""A spool file row by row: slow, and says of each bad row what is wrong with it."""

from __future__ import annotations

import csv
import re
import socket
from collections.abc import Callable, Iterator

from tmon_common.observations import Column, Merge, Type
from tmon_store.bounds import Bounds
from tmon_store.schema import SAMPLE_LIMIT
from tmon_store.spool import Rejection

MAX_REJECTED_TEXT = 1000
"""Characters of a refused row that are kept."""

_INTEGER = re.compile(r" *[+-]?[0-9]{1,25}", re.ASCII)
_SECONDS = re.compile(r"(-?)([0-9]{1,10})(?:\.([0-9]{1,9}))?", re.ASCII)
_INT64 = range(-(1 << 63), 1 << 63)


def read_rows(data: bytes, names: list[str], columns: tuple[Column, ...],
              bounds: Bounds | None = None) -> tuple[list[tuple], list[Rejection]]:
    """Good rows as tuples of the given columns (times and durations in ns, empty as None), and the others.

    data        the file, header included
    names       its header
    bounds      what rows must keep to, too
    """
    whole, _, cut = data.decode("utf-8", "surrogateescape").rpartition("\n")
    lines = [line + "\n" for line in whole.split("\n")]
    cells = [(c, names.index(c.name) if c.name in names else None) for c in columns]
    rows: list[tuple] = []
    rejections: list[Rejection] = []
    for line, text, row in _records(lines):
        try:
            values = _parse(row, len(names), cells)
            if bounds:
                bounds.check(values)
            rows.append(values)
        except ValueError as error:
            rejections.append(Rejection(line, str(error), text[:MAX_REJECTED_TEXT].rstrip("\n")))
    if cut:
        rejections.append(Rejection(len(lines) + 1, "the file ends within this row", cut[:MAX_REJECTED_TEXT]))
    return rows, rejections


def _records(lines: list[str]) -> Iterator[tuple[int, str, list[str] | csv.Error]]:
    """(number of its first line, its text, its fields) of each record after the header.

    Where quotes are wrong, the error stands for the fields of one line, and reading goes on with the next line: a quote that
    is never closed does not swallow the rest of the file.
    """
    at = 1  # lines behind us
    while at < len(lines):
        first, last = at, at
        reader = csv.reader((lines[i] for i in range(first, len(lines))), strict=True)
        try:
            for row in reader:
                at, last = last, first + reader.line_num
                if row:
                    yield at + 1, "".join(lines[at:last]), row
            return
        except csv.Error as error:
            yield last + 1, lines[last], error
            at = last + 1


def _parse(row: list[str] | csv.Error, width: int, cells: list[tuple[Column, int | None]]) -> tuple:
    """Values of a row. ValueError says what is wrong with it."""
    if isinstance(row, csv.Error):
        msg = f"not a row of CSV: {row}"
        raise ValueError(msg)
    if len(row) != width:
        msg = f"{len(row)} fields instead of {width}"
        raise ValueError(msg)
    return tuple(None if at is None else _value(column, row[at]) for column, at in cells)


def _value(column: Column, text: str) -> int | str | None:
    if not text:
        if column.nullable:
            return None
        msg = f"{column.name} is empty"
        raise ValueError(msg)
    try:
        value = _PARSERS[column.type](text)
    except (ValueError, OSError):
        msg = f"{column.name}: {text[:60]!r} is not {_WANTED[column.type]}"
        raise ValueError(msg) from None
    if column.merge is Merge.SAMPLE and abs(value) > SAMPLE_LIMIT:
        msg = f"{column.name}: {text[:60]} is beyond what is measured (2^53)"
        raise ValueError(msg)
    return value


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or (value := int(text)) not in _INT64:
        raise ValueError(text)
    return value


def _seconds(text: str) -> int:
    match = _SECONDS.fullmatch(text)
    if not match:
        raise ValueError(text)
    sign, whole, fraction = match.groups()
    value = int(whole + (fraction or "").ljust(9, "0"))
    if value not in _INT64:
        raise ValueError(text)
    return -value if sign else value


def _string(text: str) -> str:
    text.encode()  # bytes that are not UTF-8 cannot be encoded again: UnicodeEncodeError is a ValueError
    return text


def address(text: str) -> str:
    """An address as RFC 5952 writes IPv6, dotted for IPv4. OSError or ValueError if it is none."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return socket.inet_ntop(family, socket.inet_pton(family, text))


_PARSERS: dict[Type, Callable[[str], int | str]] = {
    Type.INTEGER: _integer, Type.TIME: _seconds, Type.DURATION: _seconds, Type.RATIO: _seconds, Type.ADDRESS: address,
    Type.STRING: _string,
}
_WANTED = {
    Type.INTEGER: "an integer of 64 bits", Type.TIME: "a time in seconds since 1970", Type.DURATION: "a duration in seconds",
    Type.RATIO: "a ratio", Type.ADDRESS: "an IP address", Type.STRING: "UTF-8",
}
