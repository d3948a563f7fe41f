"""Answers as files: CSV, JSON, JSON lines, Parquet. A file appears whole under its name, or not at all.

The same names and values in all of them: whole numbers, lengths of time in ns, shares from 0 to 1, times in UTC, nothing where a
value is not known. docs/queries.md.
"""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmon_store.errors import StoreError
from tmon_store.questions.question import Answer, Column, Form

if TYPE_CHECKING:
    import polars as pl

TEXTS: dict[str, Callable[[Answer], Iterator[str]]] = {}
"""Format: what gives its lines."""
PARQUET = "parquet"
_MODE = 0o666  # less the umask, as of any file that a person makes


def value_of(value: Any, form: Form) -> Any:
    """As it stands in CSV and JSON: times as ISO 8601 with a Z, all else as it is."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds" if form is Form.MOMENT else "seconds") + "Z"
    return value


def csv_lines(answer: Answer) -> Iterator[str]:
    """RFC 4180 with LF: a header, then the rows. Empty: not known; "": a text of no characters."""
    columns = answer.question.columns
    yield ",".join(c.name for c in columns) + "\n"
    for row in answer.rows:
        yield ",".join(_field(value_of(v, c.form)) for v, c in zip(row, columns, strict=True)) + "\n"


def _field(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    if not text or any(c in text for c in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def json_lines(answer: Answer) -> Iterator[str]:
    """An object a line."""
    columns = answer.question.columns
    for row in answer.rows:
        yield json.dumps({c.name: value_of(v, c.form) for v, c in zip(row, columns, strict=True)}, ensure_ascii=False) + "\n"


def json_document(answer: Answer) -> Iterator[str]:
    """One array, an object a line."""
    before = "["
    for line in json_lines(answer):
        yield before + "\n" + line.rstrip("\n")
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


TEXTS |= {"csv": csv_lines, "json": json_document, "jsonl": json_lines}


def parquet(answer: Answer) -> bytes:
    """A Parquet file: strings, 64-bit numbers, doubles, time stamps in UTC (microseconds)."""
    import polars as pl

    columns = answer.question.columns
    frame = pl.DataFrame([_series(c, [row[i] for row in answer.rows]) for i, c in enumerate(columns)])
    out = io.BytesIO()
    frame.write_parquet(out)
    return out.getvalue()


def _series(column: Column, values: list[Any]) -> pl.Series:
    import polars as pl

    kinds = {Form.TEXT: pl.String(), Form.SHARE: pl.Float64(), Form.TIME: pl.Datetime("us"), Form.MOMENT: pl.Datetime("us")}
    kind = kinds.get(column.form, pl.Int64())
    if kind == pl.Int64() and any(v is not None and not -(1 << 63) <= v < 1 << 63 for v in values):
        kind = pl.Decimal(38, 0)
    made = pl.Series(column.name, values, kind)
    return made.dt.replace_time_zone("UTC") if isinstance(kind, pl.Datetime) else made


def write_file(pieces: Iterable[str | bytes], file: Path) -> None:
    """Write a file whole: under a name that ends in .part, then under its own. What is no regular file (a pipe, a device) is
    written as it is. StoreError if that cannot be: then a file of that name stays what it was.
    """
    try:
        place = file.resolve()
        if place.exists() and not stat.S_ISREG(place.stat().st_mode):
            with place.open("wb") as out:
                _write(out, pieces)
        else:
            _write_whole(place, pieces)
    except OSError as error:
        msg = f"{file}: cannot be written: {error.strerror}; choose another place with -o, or make room"
        raise StoreError(msg) from error


def _write_whole(place: Path, pieces: Iterable[str | bytes]) -> None:
    part = place.with_name(f"{place.name}.{os.getpid()}.part")
    with suppress(FileNotFoundError):
        part.unlink()  # of a process of that number, long gone
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _MODE), "wb") as out:  # noqa: PTH123
            _write(out, pieces)
            out.flush()
            os.fsync(out.fileno())
        part.replace(place)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def _write(out: io.BufferedIOBase | io.RawIOBase, pieces: Iterable[str | bytes]) -> None:
    for piece in pieces:
        out.write(piece if isinstance(piece, bytes) else piece.encode("utf-8", "replace"))
