"""Rows as LOAD DATA reads them: any value comes back from a real server as it was."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmon_store.backends.mysql_connection import Connection
from tmon_store.backends.mysql_text import PIECE_ROWS, split_times, text_of
from tmon_store.errors import StoreError

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the database's are naive
TEXT = st.one_of(st.none(), st.text(st.characters(blacklist_categories=["Cs"]), max_size=12),
                 st.text(alphabet="\\\t\n\0\r'\"N,;%s\x1aé𝄞", max_size=8),
                 st.sampled_from(["", "\\N", "NULL", "\\", "\\\\N", "\n\\."]))
WHOLE = st.one_of(st.none(), st.integers(-(1 << 63), (1 << 63) - 1))
TIMES = st.one_of(st.none(), st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 the database's are naive
NS = st.one_of(st.none(), st.integers(0, 4_000_000_000_000_000_000))


@pytest.fixture(scope="module")
def table(mariadb):
    connection = Connection(mariadb.root)
    connection.rows("CREATE DATABASE text_of")
    connection.rows("USE text_of")
    connection.rows("CREATE TABLE t (n BIGINT, a MEDIUMTEXT, w BIGINT, d DECIMAL(38,0), t DATETIME(6), z DATETIME(6),"
                    f" z_ns SMALLINT) CHARACTER SET utf8mb4 COLLATE {connection.collation}")
    yield connection
    connection.close()


def load(connection, frame):
    frame = split_times(frame)
    return connection.load(f"LOAD DATA LOCAL INFILE 'x' INTO TABLE t CHARACTER SET utf8mb4 ({', '.join(frame.columns)})",
                           text_of(frame))


def ns_of(time, ns):
    """ns since 1970 of a time and its rest."""
    return None if time is None else (time - EPOCH) // timedelta(microseconds=1) * 1000 + ns


@settings(max_examples=60)
@given(rows=st.lists(st.tuples(TEXT, WHOLE, TIMES, NS), min_size=1, max_size=6))
def test_any_rows_come_back(table, rows):
    """Text with every character that the format gives a meaning, empty and absent values, times to the nanosecond."""
    table.rows("DELETE FROM t")
    frame = pl.DataFrame([(n, a, w, t, z) for n, (a, w, t, z) in enumerate(rows)], orient="row", schema={
        "n": pl.Int64, "a": pl.String, "w": pl.Int64, "t": pl.Datetime("us"), "z": pl.Int64}).with_columns(
        pl.col("w").cast(pl.Int128).cast(pl.Decimal(38, 0)).alias("d"), pl.col("z").cast(pl.Datetime("ns")))
    assert len(rows) == load(table, frame)
    got = [(a, w, None if d is None else int(d), t, ns_of(z, ns))
           for a, w, d, t, z, ns in table.rows("SELECT a, w, d, t, z, z_ns FROM t ORDER BY n")]
    assert [(a, w, w, t, z) for a, w, t, z in rows] == got


def test_many_rows_go_in_pieces(table):
    """More than one piece; none lost, none twice."""
    table.rows("DELETE FROM t")
    rows = PIECE_ROWS * 2 + 1
    assert rows == load(table, pl.DataFrame({"n": pl.int_range(rows, eager=True)}))
    assert [(rows, rows * (rows - 1) // 2)] == table.rows("SELECT count(DISTINCT n), sum(n) FROM t")


def test_long_rows_go_in_packets(mariadb, table):
    """However small a packet the server takes, and wherever a row is cut."""
    table.rows("DELETE FROM t")
    long = "0123456789é" * 150_000
    before = table.rows("SELECT @@global.max_allowed_packet")[0][0]
    mariadb.sql("SET GLOBAL max_allowed_packet = 4194304")
    try:
        other = Connection(mariadb.root)
        other.rows("USE text_of")
        assert 4 == load(other, pl.DataFrame({"n": [1, 2, 3, 4], "a": [long, "", long + "x", "\t" * 100_000]}))
        other.close()
    finally:
        mariadb.sql(f"SET GLOBAL max_allowed_packet = {before}")
    assert [(long,), ("",), (long + "x",), ("\t" * 100_000,)] == table.rows("SELECT a FROM t ORDER BY n")


@pytest.mark.parametrize(("text", "reason"), [
    (b"1x\n", "Data truncated for column 'n'"), (b"1\t2\n", "contained more data|truncated"),
    (b"9223372036854775808\n", "Out of range"),
])
def test_a_row_that_is_not_taken_as_it_is_is_an_error(table, text, reason):
    """The server only warns of it; the first warning is told."""
    with pytest.raises(StoreError, match=reason):
        table.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE t (n)", [b"1\n", text])
    assert [(1,)] == table.rows("SELECT 1")


def test_a_server_gets_no_file_of_ours(table):
    """A statement that nobody offered rows for ends with an error, whatever file it names; the connection lives on."""
    table.rows("DELETE FROM t")
    with pytest.raises(StoreError, match="nobody has offered"):
        table.rows("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t (a)")
    assert [(0,)] == table.rows("SELECT count(*) FROM t")


def test_rows_that_cannot_be_made_do_not_stop_the_connection(table):
    """The error comes through; the server is told that the file has ended."""
    def pieces():
        yield b"7\n"
        raise OverflowError("made up")

    with pytest.raises(OverflowError):
        table.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE t (n)", pieces())
    assert [(1,)] == table.rows("SELECT 1")
