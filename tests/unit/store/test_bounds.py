"""Rows that no database should have: from impossible times, of too many days, with names that no key can hold."""

import csv
import os
import time

import pytest

from tests.unit.store.spool_files import START, ask, expected_rollup, row_of, stored_rollup, write_file
from tmon_common.observations import KINDS
from tmon_store.bounds import EARLIEST_NS, MAX_AHEAD_NS, MAX_DAYS
from tmon_store.load import load_spool
from tmon_store.read import read_file
from tmon_store.schema import KEY_TEXT_LIMIT
from tmon_store.spool import complete_files

DAY_NS = 86_400_000_000_000


def read(spool, kind, rows, now_ns=START * 10**9):
    path = write_file(spool, kind, rows)
    content = read_file(next(f for f in complete_files(spool) if f.path == path), KINDS[kind], now_ns)
    return content.frame, [(r.line, r.reason) for r in content.rejections]


@pytest.mark.parametrize(("kind", "column"), [("ip_counters", "start"), ("event", "time"), ("tcp_connection", "start")])
def test_times(tmp_path, kind, column):
    """From 2000 to two days after loading, to the ns; the years 1678 and 2261 are refused, recordings of 2001 load."""
    now_ns = START * 10**9
    good = [EARLIEST_NS, 978_307_200 * 10**9, now_ns, now_ns + MAX_AHEAD_NS]
    bad = [EARLIEST_NS - 1, now_ns + MAX_AHEAD_NS + 1, -(1 << 63) + 10**9, (1 << 63) - 1, 0, -1]
    frame, rejections = read(tmp_path, kind, [row_of(kind, **{column: t}) for t in good], now_ns)
    assert (good, []) == (frame[column].to_list(), rejections)
    frame, rejections = read(tmp_path, kind, [row_of(kind, **{column: t}) for t in [*good, *bad]], now_ns)
    assert good == frame[column].to_list()
    assert list(range(6, 12)) == [line for line, _ in rejections]
    before = f"{column}: before 2000; a clock was not set"
    after = f"{column}: more than 2 days after it was loaded; a clock is wrong"
    assert [before, after, before, after, before, before] == [reason for _, reason in rejections]


def test_other_times_are_free(tmp_path):
    """Only the time by which a table is kept in order counts: the end of an interval may be anything."""
    frame, rejections = read(tmp_path, "flow_definition", [row_of("flow_definition", first_seen=0)])
    assert (1, []) == (frame.height, rejections)


def test_days_of_a_file(tmp_path):
    """As many as a probe may have kept; rows of further days are refused, in whatever order they come."""
    first = START * 10**9 - MAX_DAYS * DAY_NS
    rows = [row_of("ip_counters", flow=d % 3, start=first + d * DAY_NS // 2) for d in range(2 * MAX_DAYS)]
    frame, rejections = read(tmp_path, "ip_counters", rows)
    assert (2 * MAX_DAYS - 1, 1) == (frame.height, len(rejections))
    frame, rejections = read(tmp_path, "ip_counters", rows[1:])
    assert (2 * MAX_DAYS - 1, []) == (frame.height, rejections)
    far = [*rows[1:], row_of("ip_counters", start=EARLIEST_NS), row_of("ip_counters", start=START * 10**9)]
    frame, rejections = read(tmp_path, "ip_counters", far)
    assert [(2 * MAX_DAYS + 1, f"start: the file has rows of more than {MAX_DAYS} days")] == rejections
    few = [row_of("ip_counters", start=t) for t in (EARLIEST_NS, START * 10**9)]
    assert read(tmp_path, "ip_counters", few)[1] == []


@pytest.mark.parametrize("column", ["probe", "histogram"])
def test_names_in_keys(tmp_path, column):
    """Characters count, not octets; the first too many is refused."""
    rows = [row_of("ip_sizes", **({"probe": "p"} | {column: "ü" * n})) for n in (KEY_TEXT_LIMIT, KEY_TEXT_LIMIT + 1)]
    frame, rejections = read(tmp_path, "ip_sizes", rows)
    assert ["ü" * KEY_TEXT_LIMIT] == frame[column].to_list()
    assert [(3, f"{column}: {KEY_TEXT_LIMIT + 1} characters; {KEY_TEXT_LIMIT} is the most")] == rejections


def test_other_text_is_of_any_length(tmp_path):
    """What is in no key may be long."""
    frame, rejections = read(tmp_path, "flow_definition", [row_of("flow_definition", flow_class="x" * 1000)])
    assert (1, []) == (frame.height, rejections)


def test_a_header_without_the_time(tmp_path):
    """Rows that nobody could purge are refused as a whole, though the column is in no key."""
    path = write_file(tmp_path, "event", [row_of("event", code="x")])
    text = path.read_text().replace("time", "tyme", 1)
    path.write_text(text)
    content = read_file(complete_files(tmp_path)[0], KINDS["event"], START * 10**9)
    assert [(0, "the header has no column time")] == [(r.line, r.reason) for r in content.rejections]


def test_refused_rows_do_not_stop_the_rest(tmp_path):
    """They are in the reject file with their line, and nowhere else."""
    spool, database = tmp_path / "spool", tmp_path / "t.duckdb"
    rows = [row_of("ip_counters", flow=1, start=t, packets=5) for t in (START * 10**9, 10**9, time.time_ns() + 5 * DAY_NS)]
    path = write_file(spool, "ip_counters", rows)
    report = load_spool(spool, database)
    assert (1, 2, 1) == (report.rows, report.rejected, report.files)
    with (spool / "rejected" / f"{path.name}.reject").open(newline="") as file:
        assert ["3", "4"] == [row["line"] for row in csv.DictReader(file)]
    for suffix in ("1min", "1h", "1day"):
        assert expected_rollup("ip_counters", rows[:1], suffix) == stored_rollup(database, "ip_counters", suffix)


def test_a_loader_without_a_clock(tmp_path, monkeypatch):
    """Its files tell of a later time than it believes in: nothing of theirs is refused."""
    spool, database = tmp_path / "spool", tmp_path / "t.duckdb"
    path = write_file(spool, "ip_counters", [row_of("ip_counters", packets=5)])
    os.utime(path, (START, START))
    monkeypatch.setattr("tmon_store.load.time.time_ns", lambda: 10**9)
    assert load_spool(spool, database).rejected == 0
    assert ask(database, "SELECT sum(packets_sum) FROM ip_counters_1day") == [(5,)]


def test_recordings_are_of_any_time(tmp_path):
    """Clocks at 0 are common in them; names in keys have their limit all the same."""
    spool, database = tmp_path / "spool", tmp_path / "t.duckdb"
    rows = [row_of("ip_counters", flow=1, start=t, packets=5) for t in (0, 10**9, START * 10**9, 4_000_000_000 * 10**9)]
    write_file(spool, "ip_counters", [*rows, row_of("ip_counters", probe="x" * 191, start=0)])
    report = load_spool(spool, database, recorded=True)
    assert (4, 1) == (report.rows, report.rejected)
    for suffix in ("1min", "1h", "1day"):
        assert expected_rollup("ip_counters", rows, suffix) == stored_rollup(database, "ip_counters", suffix)


def test_file_names_that_the_manifest_cannot_hold(tmp_path):
    """Such files stay, and are told."""
    spool, database = tmp_path / "spool", tmp_path / "t.duckdb"
    path = write_file(spool, "event", [row_of("event", code="x")])
    names = [f"event.c1.{'x' * 180}.csv", "event.c1.a\nb.csv", f"event.{'é' * 120}.csv"]
    for name in names:
        (spool / name).write_bytes(path.read_bytes())
    (spool / os.fsdecode(b"event.c1.\xff.csv")).write_bytes(path.read_bytes())
    report = load_spool(spool, database)
    assert (1, 4) == (report.files, len(report.warnings))
    assert all("left in the spool: a name has at most 190 characters" in w for w in report.warnings)
    assert all(w.isprintable() for w in report.warnings)
