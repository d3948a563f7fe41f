"""Loading with an archive: what leaves the spool and when."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.store.spool_files import START, ask, expected_rollup, row_of, stored_rollup, write_file
from tests.unit.store.test_archive import listed
from tmon_common.config.store_model import Store
from tmon_store.load import load_spool


@pytest.fixture
def places(tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    return spool, Store(database=tmp_path / "t.duckdb", archive=tmp_path / "archive")


def counter(**values):
    return row_of("ip_counters", flow=1, start=START * 10**9, **values)


def names(directory: Path) -> set[str]:
    return {p.name for p in directory.iterdir() if not p.name.startswith(".")}


def test_what_is_loaded_leaves_the_spool(places):
    """Files go, what is not loaded stays, and the same rows are there once."""
    spool, store = places
    write_file(spool, "ip_counters", [counter(packets=3)], "20231114T221400Z")
    write_file(spool, "ip_counters", [counter(packets=4)], "20231115T001400Z", collector="c2")
    (spool / "odd.c1.20231114T000000Z.csv").write_text("x\n")
    (spool / "event.c1.20231114T000000Z.csv.part").write_text("x\n")
    report = load_spool(spool, store)
    assert (2, 2, 2) == (report.files, report.rows, report.archived)
    assert "2 files archived" in str(report)
    assert {"odd.c1.20231114T000000Z.csv", "event.c1.20231114T000000Z.csv.part"} == names(spool)
    assert {"c1.20231114.tar.gz", "c2.20231115.tar.gz"} == names(store.archive)
    again = load_spool(spool, store)
    assert (0, 0) == (again.files, again.archived)
    assert ask(store.database, "SELECT sum(packets_sum) FROM ip_counters_1day") == [(7,)]


def test_an_old_spool_goes_when_an_archive_is_configured(places):
    """Files that stayed while there was none are archived, and not loaded again."""
    spool, store = places
    paths = [write_file(spool, "ip_counters", [counter(packets=3)], f"20231114T22140{i}Z") for i in range(3)]
    assert load_spool(spool, store.database).files == 3
    assert len(names(spool)) == 3
    report = load_spool(spool, store)
    assert (0, 3) == (report.files, report.archived)
    assert sorted(p.name for p in paths) == sorted(listed(store.archive / "c1.20231114.tar.gz"))
    assert ask(store.database, "SELECT sum(packets_sum) FROM ip_counters_1day") == [(9,)]


@pytest.mark.parametrize("packets", [4, 4444])
def test_a_file_that_was_loaded_with_other_content(places, packets):
    """Of another length, or of the same: neither loaded nor archived, told at each run."""
    spool, store = places
    path = write_file(spool, "ip_counters", [counter(packets=3)])
    load_spool(spool, store.database)
    write_file(spool, "ip_counters", [counter(packets=packets)])
    for _ in range(2):
        report = load_spool(spool, store)
        assert (0, 0, 1) == (report.files, report.archived, len(report.warnings))
        assert path.name in report.warnings[0]
        assert {path.name} == names(spool)
    assert ask(store.database, "SELECT sum(packets_sum) FROM ip_counters_1day") == [(3,)]


def test_an_archive_that_cannot_be_made(places):
    """Loading goes on; files stay and are told; with a place for the archive they go."""
    spool, store = places
    store.archive.write_text("a file, no directory")
    write_file(spool, "ip_counters", [counter(packets=3)], "20231114T221400Z")
    report = load_spool(spool, store)
    assert (1, 0) == (report.files, report.archived)
    assert f"{store.archive}: cannot archive: File exists; loaded files stay in the spool" in report.warnings
    store.archive.unlink()
    assert (0, 1) == ((report := load_spool(spool, store)).files, report.archived)


def test_what_a_kill_left_is_mended_without_new_files(places):
    """An archive bears its name again at the next run, though nothing is loaded."""
    spool, store = places
    write_file(spool, "ip_counters", [counter(packets=3)], "20231114T221400Z")
    load_spool(spool, store)
    tar = store.archive / "c1.20231114.tar.gz"
    tar.rename(store.archive / f"c1.20231114.tar.gz.{tar.stat().st_size - 29}.part")
    load_spool(spool, store)
    assert ["ip_counters.c1.20231114T221400Z.csv"] == listed(tar)


def test_stopping_after_a_batch(places, monkeypatch):
    """What was begun is finished and archived, the rest waits."""
    spool, store = places
    monkeypatch.setattr("tmon_store.batch.BATCH_OCTETS", 1)
    rows = [counter(packets=10**i) for i in range(3)]
    for i, row in enumerate(rows):
        write_file(spool, "ip_counters", [row], f"20231114T22140{i}Z")
    answers = iter([False, False, True])
    report = load_spool(spool, store, stopping=lambda: next(answers))
    assert (2, 2) == (report.files, report.archived)
    assert {"ip_counters.c1.20231114T221402Z.csv"} == names(spool)
    assert expected_rollup("ip_counters", rows[:2], "1h") == stored_rollup(store.database, "ip_counters", "1h")
    load_spool(spool, store)
    assert expected_rollup("ip_counters", rows, "1h") == stored_rollup(store.database, "ip_counters", "1h")


def test_progress_reaches_what_there_is(places):
    """Octets of the files before, of all, and the file at hand."""
    spool, store = places
    paths = [write_file(spool, "ip_counters", [counter(packets=i)], f"20231114T22140{i}Z") for i in range(2)]
    octets, told = paths[0].stat().st_size, []
    load_spool(spool, store, lambda *values: told.append(values))
    assert [(0, 2 * octets, paths[0].name), (octets, 2 * octets, paths[1].name)] == told


def test_nothing_to_do_opens_nothing(places):
    """Neither DuckDB nor a server is asked when the spool is empty and the database exists."""
    spool, store = places
    load_spool(spool, store)
    store.database.write_bytes(b"not a database")
    assert load_spool(spool, store).files == 0


def test_a_file_that_is_replaced_before_it_is_read(places):
    """The manifest has what was read; that is what leaves the spool, and nothing is told of it."""
    spool, store = places
    write_file(spool, "ip_counters", [counter(packets=3)])

    def replaced(_done, _total, _name):
        write_file(spool, "ip_counters", [counter(packets=4444)])

    load_spool(spool, replace(store, archive=None), progress=replaced)
    report = load_spool(spool, store)
    assert (1, []) == (report.archived, report.warnings)
    assert ask(store.database, "SELECT sum(packets_sum) FROM ip_counters_1day") == [(4444,)]
