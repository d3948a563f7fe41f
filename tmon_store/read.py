"""One spool file into a polars frame.

The quick way parses the whole file at once and checks what it can for all rows together. Whatever it finds wrong or unusual
(quotes, a short row, a value out of range or bounds) sends the file the careful way, row by row, which tells good rows from bad
ones.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, field

import polars as pl

from tmon_common.observations import SOURCE_COLUMNS, Column, Kind, Merge, Type
from tmon_store.bounds import Bounds
from tmon_store.careful import address, read_rows
from tmon_store.schema import SAMPLE_LIMIT, is_counted
from tmon_store.spool import Rejection, SpoolFile

_BOM = b"\xef\xbb\xbf"
_TIME = r"^-?[0-9]{1,10}\.[0-9]{9}$"


@dataclass
class FileContent:
    """What a file held. frame: one row per good row, the columns of `loaded_columns`; times and durations in ns.

    octets: its length when it was read, which need not be that when it was found
    extra: columns of the file that the kind does not have.
    """

    frame: pl.DataFrame
    sha256: str
    octets: int
    rejections: list[Rejection] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)


def loaded_columns(kind: Kind) -> tuple[Column, ...]:
    """Columns of a kind that the database keeps, in the order of files."""
    columns = (*SOURCE_COLUMNS, *kind.expanded)
    return tuple(c for c in columns if c.merge is not Merge.ATTRIBUTE) if is_counted(kind) else columns


def read_file(file: SpoolFile, kind: Kind, now_ns: int | None) -> FileContent:
    """Rows of a file; those that cannot be used are in `rejections`. OSError if it cannot be read at all.

    now_ns      time of loading (UTC): rows far after it, or before anybody measured, are refused; None: none are
    """
    data = file.path.read_bytes()
    content = FileContent(_frame(kind, []), hashlib.sha256(data).hexdigest(), len(data))
    data = data.removeprefix(_BOM)
    columns = loaded_columns(kind)
    try:
        names = next(csv.reader([data[: data.find(b"\n") + 1].decode()]), [])
    except (UnicodeDecodeError, csv.Error):
        names = []
    bounds = Bounds(kind, columns, now_ns)
    required = [c.name for c in columns if c.merge is Merge.KEY or c.name == bounds.time]
    lost = [name for name in required if name not in names]
    if lost or len(set(names)) < len(names):
        reason = f"the header has no column {', '.join(lost)}" if lost else "the header names a column twice"
        content.rejections.append(Rejection(0, reason))
        return content
    content.extra = [name for name in names if name not in kind.header]
    frame = _read_quickly(data, names, columns)
    if frame is None or not bounds.hold(frame):
        rows, content.rejections = read_rows(data, names, columns, bounds)
        frame = _frame(kind, rows)
    content.frame = frame
    return content


def _frame(kind: Kind, rows: list[tuple]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={c.name: _dtype(c) for c in loaded_columns(kind)}, orient="row")


def _dtype(column: Column) -> type[pl.DataType]:
    return pl.String if column.type in (Type.STRING, Type.ADDRESS) else pl.Int64


def _read_quickly(data: bytes, names: list[str], columns: tuple[Column, ...]) -> pl.DataFrame | None:
    """The frame, or None if any row is not plainly good."""
    if b'"' in data or b"\r" in data or not data.endswith(b"\n"):
        return None
    present = {c.name: c for c in columns if c.name in names}
    # Columns that are not wanted get names that no kind has and stay text.
    schema = {name if name in present else f"#{i}": pl.Int64 if name in present and present[name].type is Type.INTEGER
              else pl.String for i, name in enumerate(names)}
    try:
        frame = pl.read_csv(io.BytesIO(data), schema=schema, has_header=False, skip_lines=1, quote_char=None)
        if frame.height * (len(names) - 1) + len(names) - 1 != data.count(b","):
            return None
        if not frame.is_empty() and not _is_good(frame, present):
            return None
        frame = frame.with_columns(_nanoseconds(c.name) for c in present.values() if c.type.fractional)
        frame = frame.with_columns(_canonical(frame[c.name]) for c in present.values() if c.type is Type.ADDRESS)
    except (pl.exceptions.PolarsError, ValueError, OSError):
        return None
    return frame.select(pl.col(c.name) if c.name in present else pl.lit(None, _dtype(c)).alias(c.name) for c in columns)


def _is_good(frame: pl.DataFrame, present: dict[str, Column]) -> bool:
    """Whether nothing is empty that must not be, times have nine decimals and samples are within their limit."""
    conditions = []
    for name, column in present.items():
        if not column.nullable:
            conditions.append(pl.col(name).null_count() == 0)
        if column.type.fractional:
            conditions.append(pl.col(name).str.contains(_TIME).all())
        if column.merge is Merge.SAMPLE:
            value = _nanoseconds(name) if column.type.fractional else pl.col(name)
            conditions.append(((value.max() <= SAMPLE_LIMIT) & (value.min() >= -SAMPLE_LIMIT)).fill_null(value=True))
    return all(frame.select(c.alias(str(i)) for i, c in enumerate(conditions)).row(0))


def _nanoseconds(name: str) -> pl.Expr:
    return pl.col(name).str.replace(".", "", literal=True).cast(pl.Int64)


def _canonical(series: pl.Series) -> pl.Series:
    """Addresses as RFC 5952 and dotted quads write them. ValueError or OSError if one is none."""
    distinct = series.drop_nulls().unique().to_list()
    canonical = [address(text) for text in distinct]
    return series if canonical == distinct else series.replace_strict(distinct, canonical, default=None)


