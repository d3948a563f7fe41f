"""Loading against slow oracles: any rows, in any files, in any order, at any run."""

import csv
import io
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.store.spool_files import START, expected_rollup, row_of, stored_rollup, text_of, write_file
from tmon_common.observations import KINDS
from tmon_store import read
from tmon_store.load import load_spool

SLOW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

VALUES = st.one_of(st.integers(0, 9), st.integers(0, 1 << 32), st.sampled_from([1 << 53, (1 << 53) - 1]))
# Two days, times clustered so that intervals hold several samples.
SECONDS = st.one_of(st.integers(0, 300), st.integers(0, 200_000), st.sampled_from([0, 59, 60, 2759, 2760, 6360]))


@st.composite
def samples(draw):
    """A row of ip_counters; the same interval may come twice."""
    return row_of("ip_counters", probe=draw(st.sampled_from(["a", "b'\"\n,"])), run=draw(st.integers(1, 2)),
                  flow=draw(st.integers(1, 3)), start=(START + draw(SECONDS)) * 10**9 + draw(st.sampled_from([0, 1, 999_999_999])),
                  packets=draw(VALUES), octets=draw(VALUES), octets_rev=draw(VALUES))


@SLOW
@given(files=st.lists(st.lists(samples(), max_size=12), min_size=1, max_size=6), runs=st.integers(1, 4), order=st.randoms())
def test_all_levels_equal_the_files(files, runs, order):
    """However rows are spread over files and files over runs, each level holds each sample once."""
    with tempfile.TemporaryDirectory() as folder:
        spool, database = Path(folder, "spool"), Path(folder, "t.duckdb")
        spool.mkdir()
        numbered = list(enumerate(files))
        order.shuffle(numbered)
        for run in range(runs):
            for number, rows in numbered[run::runs]:
                write_file(spool, "ip_counters", rows, str(number))
            load_spool(spool, database)
        rows = [row for file in files for row in file]
        for suffix in ("1min", "1h", "1day"):
            assert expected_rollup("ip_counters", rows, suffix) == stored_rollup(database, "ip_counters", suffix)


ODD = ["", " 1", "+1", "1 ", "-0", "1.0", "1700000040.000000001", "p", "::1"]
FIELDS = st.one_of(st.integers(-5, 1 << 64).map(str), st.sampled_from(ODD))
ROWS = st.lists(FIELDS, min_size=1, max_size=13).map(",".join)


@settings(max_examples=300, deadline=None)
@given(lines=st.lists(ROWS, max_size=6), good=st.integers(0, 3), ending=st.sampled_from(["\n", ""]))
def test_quick_and_careful_reading_agree(lines, good, ending):
    """Where the quick way takes a file, the careful one finds the same rows and nothing to refuse."""
    kind = KINDS["ip_counters"]
    row = row_of("ip_counters", flow=7, packets=3)
    text = ",".join(text_of("ip_counters", n, row[n]) for n in kind.header)
    data = ("\n".join([",".join(kind.header), *lines, *[text] * good]) + ending).encode()
    columns = read.loaded_columns(kind)
    quick = read._read_quickly(data, list(kind.header), columns)
    rows, rejections = read.read_rows(data, list(kind.header), columns)
    if quick is not None:
        assert not rejections
        assert rows == quick.rows()


@settings(max_examples=200, deadline=None)
@given(data=st.one_of(st.binary(max_size=300), st.text(alphabet='a1,"\n\r\0é', max_size=200).map(str.encode)))
def test_any_bytes_can_be_read(data):
    """Whatever is in a file: rows or refusals, no exception; every refusal names a line of the file."""
    kind = KINDS["histogram_definition"]
    whole = ",".join(kind.header).encode() + b"\n" + data
    rows, rejections = read.read_rows(whole, list(kind.header), read.loaded_columns(kind))
    assert all(1 < r.line <= whole.count(b"\n") + whole.count(b"\r") + 1 for r in rejections)
    assert rows == [] or all(len(r) == len(kind.header) for r in rows)


TEXT = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20)


@settings(max_examples=100, deadline=None)
@given(names=st.lists(st.tuples(TEXT, TEXT), max_size=5))
def test_any_names_are_read_back(names):
    """Names of any characters come back as they were written."""
    kind = KINDS["histogram_definition"]
    rows = [row_of("histogram_definition", probe=p, histogram=h, unit="octets", slice=1, lower=0) for p, h in names]
    out = io.StringIO()
    carriage_return = any("\r" in p + h for p, h in names)  # csv.writer of Python 3.11 forgets to quote it
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL if carriage_return else csv.QUOTE_MINIMAL)
    writer.writerows([kind.header, *([text_of(kind.name, n, r[n]) for n in kind.header] for r in rows)])
    columns = read.loaded_columns(kind)
    got, rejections = read.read_rows(out.getvalue().encode(), list(kind.header), columns)
    assert not rejections
    assert [(p, h) for p, h in names] == [(r[0], r[2]) for r in got]
    quick = read._read_quickly(out.getvalue().encode(), list(kind.header), columns)
    assert quick is None or isinstance(quick, pl.DataFrame)
    assert quick is None or quick.rows() == got
