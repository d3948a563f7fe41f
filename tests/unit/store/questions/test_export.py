"""Answers as files, read by other programs."""

import csv
import io
import json
import os
import stat
import threading
from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest

from tests.pipeline.small_disk import small_disk
from tmon_store import export
from tmon_store.errors import StoreError
from tmon_store.questions.question import Answer, Column, Form, Question, Scope

AT = datetime(2023, 11, 14, 22, 14, 5, 120)  # noqa: DTZ001
FORMS = list(Form)
ROWS = [
    ('a,"b"\n', 443, 6, 1 << 40, 10**12, 8000, 0.125, -1_500_000_000, AT.replace(second=0, microsecond=0), AT),
    ("", 0, 0, 0, 0, 0, 0.0, 0, AT.replace(second=0, microsecond=0), AT.replace(microsecond=0)),
    ("ü\x1b\r'; --", None, None, None, None, None, None, None, None, None),
    (None, 1, 1, 1, 1, 1, 1.0, 1, None, None),
]


def answer(rows=None, columns=None):
    columns = columns or tuple(Column(form.name.lower(), form, "") for form in FORMS)
    question = Question("q", "Q", "", columns, lambda _store, _scope: [], ("ip_counters",))
    return Answer(question, ROWS if rows is None else rows, Scope(AT))


def text(of, format_):
    return "".join(export.TEXTS[format_](of))


def written(value, form):
    """As it has to stand in JSON."""
    if value is None or not isinstance(value, datetime):
        return value
    return value.strftime("%Y-%m-%dT%H:%M:%SZ" if form is Form.TIME else "%Y-%m-%dT%H:%M:%S.%fZ")


EXPECTED = [{form.name.lower(): written(v, form) for v, form in zip(row, FORMS, strict=True)} for row in ROWS]


def test_csv():
    """Python's reader finds every value; nothing and an empty text are told apart."""
    lines = text(answer(), "csv")
    rows = list(csv.DictReader(io.StringIO(lines, newline="")))
    assert [{n: "" if v is None else str(v) for n, v in row.items()} for row in EXPECTED] == rows
    assert '\n"",0,' in lines
    assert lines.splitlines()[-1].startswith(",1,1,")


def test_csv_as_duckdb_reads_it(tmp_path):
    """Types are found, too."""
    (tmp_path / "a.csv").write_text(text(answer(ROWS[:2]), "csv"), encoding="utf-8")
    found = duckdb.execute("SELECT text, count, share, duration, moment AT TIME ZONE 'UTC' FROM read_csv(?)",
                           [str(tmp_path / "a.csv")]).fetchall()
    assert [(r[0], r[3], r[6], r[7], r[9]) for r in ROWS[:2]] == [(t or "", *rest) for t, *rest in found]


def test_json():
    """One array; line by line the same objects."""
    assert EXPECTED == json.loads(text(answer(), "json"))
    assert EXPECTED == [json.loads(line) for line in text(answer(), "jsonl").split("\n")[:-1]]
    assert [] == json.loads(text(answer([]), "json"))
    assert "" == text(answer([]), "jsonl")


def test_parquet():
    """Values and types, by polars and by DuckDB; without rows the same types."""
    data = export.parquet(answer())
    frame = pl.read_parquet(data)
    assert [tuple(v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for v in row) for row in ROWS] == frame.rows()
    assert frame.schema == pl.read_parquet(export.parquet(answer([]))).schema
    assert pl.Datetime("us", "UTC") == frame.schema["moment"]


def test_parquet_read_by_duckdb(tmp_path):
    (tmp_path / "a.parquet").write_bytes(export.parquet(answer()))
    found = duckdb.execute("SELECT text, octets, share, duration, epoch_us(moment) FROM read_parquet(?)",
                           [str(tmp_path / "a.parquet")]).fetchall()
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001
    assert [(r[0], r[4], r[6], r[7], None if r[9] is None else (r[9] - epoch).total_seconds() * 1e6) for r in ROWS] == found


def test_sums_beyond_64_bits():
    """Stay exact."""
    columns = (Column("octets", Form.OCTETS, ""),)
    assert [1 << 64, 1] == [int(v) for v in pl.read_parquet(export.parquet(answer([(1 << 64,), (1,)], columns)))["octets"]]


def test_a_file_is_written_whole(tmp_path):
    """Under its own name at the end only; what was there is replaced, its link stays one; nothing else is left."""
    target, link = tmp_path / "real.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)

    def pieces():
        yield "new"
        assert "old" == target.read_text()
        yield b"er\n"

    export.write_file(pieces(), link)
    assert "newer\n" == target.read_text()
    assert link.is_symlink()
    assert {"real.csv", "link.csv"} == {p.name for p in tmp_path.iterdir()}


def test_the_umask_holds(tmp_path):
    old = os.umask(0o027)
    try:
        export.write_file(["x"], tmp_path / "a")
    finally:
        os.umask(old)
    assert 0o640 == stat.S_IMODE((tmp_path / "a").stat().st_mode)


def test_a_full_disk(tmp_path):
    """Is told with its cure; the old file stays, the new one leaves nothing."""
    with small_disk(tmp_path, "64k") as disk:
        (disk / "a.csv").write_text("old")
        with pytest.raises(StoreError, match=r"a\.csv: cannot be written: No space left on device; .*make room"):
            export.write_file(["x" * 100_000] * 10, disk / "a.csv")
        assert ["a.csv"] == [p.name for p in disk.iterdir()]
        assert "old" == (disk / "a.csv").read_text()


def test_places_that_cannot_be(tmp_path):
    """A directory, or one that is not there: told."""
    for place in (tmp_path, tmp_path / "none" / "a.csv"):
        with pytest.raises(StoreError, match="cannot be written"):
            export.write_file(["x"], place)
    assert [] == list(tmp_path.iterdir())


def test_an_interrupted_writing_leaves_nothing(tmp_path):
    def pieces():
        yield "x"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export.write_file(pieces(), tmp_path / "a.csv")
    assert [] == list(tmp_path.iterdir())


def test_a_pipe_is_written_as_it_is(tmp_path):
    """And stays one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    export.write_file(["one ", "two"], pipe)
    reader.join()
    assert ["one two"] == found
    assert pipe.is_fifo()
