r"""Rows as LOAD DATA reads them by default: fields with tabs between, rows with newlines, \N for NULL, escapes by backslash.

[MariaDB, LOAD DATA INFILE: FIELDS ESCAPED BY]
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import polars as pl

PIECE_ROWS = 20_000
"""Rows that are made into text at once: while the server takes them, the next ones are made."""

_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\0": "\\0"}
NS_SUFFIX = "_ns"
"""Of the column beside a time that has its last three digits, 0 to 999 ns."""


def text_of(frame: pl.DataFrame) -> Iterator[bytes]:
    """The rows, a piece at a time. Datetime("ns") must have been split, see `split_times`."""
    for piece in frame.iter_slices(PIECE_ROWS):
        out = io.BytesIO()
        piece.with_columns(_columns(piece)).write_csv(out, include_header=False, separator="\t", quote_style="never",
                                                      null_value="\\N")
        yield out.getvalue()


def split_times(frame: pl.DataFrame) -> pl.DataFrame:
    """Each Datetime("ns") column as one in microseconds and a column with the rest in ns."""
    times = [name for name, kind in frame.schema.items() if kind == pl.Datetime("ns")]
    columns: list[pl.Expr] = []
    for name in times:
        ns = pl.col(name).cast(pl.Int64)
        columns += [(ns // 1000).cast(pl.Datetime("us")).alias(name), (ns % 1000).cast(pl.Int16).alias(name + NS_SUFFIX)]
    return frame.with_columns(columns) if times else frame


def _columns(frame: pl.DataFrame) -> list[pl.Expr]:
    columns = []
    for name, kind in frame.schema.items():
        if kind == pl.String:
            value = pl.col(name)
            if frame.select(value.str.contains(r"[\\\t\n\x00]").any()).item():
                for raw, escaped in _ESCAPES.items():
                    value = value.str.replace_all(raw, escaped, literal=True)
            columns.append(value)
        elif kind == pl.Datetime("us"):
            fraction = "" if frame.select((pl.col(name).dt.microsecond() == 0).all()).item() else "%.6f"
            columns.append(pl.col(name).dt.strftime(f"%Y-%m-%d %H:%M:%S{fraction}"))
    return columns
