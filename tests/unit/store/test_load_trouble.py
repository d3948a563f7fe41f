"""Loading when the database is in trouble: nothing is lost, nothing comes twice, and others go on."""

from datetime import datetime

import pytest

from tests.pipeline.loader_site import Site
from tests.unit.store.spool_files import START, row_of, write_file
from tmon_common.config.store_model import Store
from tmon_store import batch
from tmon_store.errors import StoreConflictError, StoreError, StoreFullError
from tmon_store.load import load_spool

DAY_NS = 86_400_000_000_000


def counters(*days):
    return [row_of("ip_counters", flow=1 + d, start=START * 10**9 - d * DAY_NS, packets=d + 1) for d in days]


@pytest.fixture
def served(tmp_path, mariadb) -> Site:
    site = Site(tmp_path, mariadb.store(archive=tmp_path / "archive"))
    site.configure()
    return site


def test_rows_of_more_days_than_a_table_can_hold(served, monkeypatch):
    """Their file stays and is told; files before and after it, in the same batch, are loaded. Purged, there is room again."""
    monkeypatch.setattr("tmon_store.mysql.partitions.MAX_PARTITIONS", 12)
    few, many, last = counters(0, 1), counters(*range(0, 60, 2)), counters(1)
    for i, rows in enumerate((few, many, last)):
        write_file(served.spool, "ip_counters", rows, f"20231114T22140{i}Z")
    for _ in range(2):
        report = load_spool(served.spool, served.store)
        assert 1 == len(report.warnings)
        assert "ip_counters.c1.20231114T221401Z.csv: left in the spool: " in report.warnings[0]
        assert "at most 12 are kept" in report.warnings[0]
        assert {"ip_counters.c1.20231114T221401Z.csv"} == served.spooled()
    served.check_rollups("ip_counters", few + last)
    monkeypatch.setattr("tmon_store.mysql.partitions.MAX_PARTITIONS", 2000)
    assert load_spool(served.spool, served.store).warnings == []
    served.check_rollups("ip_counters", few + many + last)


def test_a_connection_that_is_lost(served, mariadb, monkeypatch):
    """In the middle of a transaction: told, undone, loaded by the next run."""
    rows = counters(0, 1)
    write_file(served.spool, "ip_counters", rows)
    real = batch.load_rows

    def cut(store, kind, frame):
        real(store, kind, frame)
        for (number,) in mariadb.sql(f"SELECT id FROM information_schema.processlist WHERE db = '{served.store.database}'"):
            mariadb.sql(f"KILL {number}")

    with monkeypatch.context() as patch:
        patch.setattr(batch, "load_rows", cut)
        with pytest.raises(StoreError, match="the connection is lost"):
            load_spool(served.spool, served.store)
    assert [(0, 0)] == served.ask("SELECT (SELECT count(*) FROM loaded_file), (SELECT count(*) FROM ip_counters_1h)")
    assert 1 == load_spool(served.spool, served.store).files
    served.check_rollups("ip_counters", rows)


@pytest.mark.parametrize("failures", [1, batch.ATTEMPTS - 1, batch.ATTEMPTS])
def test_a_transaction_that_met_another_one(tmp_path, monkeypatch, failures):
    """Is done again, a few times; then it is told, and left for the next run."""
    site = Site(tmp_path, Store(database=tmp_path / "t.duckdb"))
    site.configure()
    rows = counters(0, 1)
    write_file(site.spool, "ip_counters", rows)
    left, real = [failures], batch.load_rows

    def meet(store, kind, frame):
        real(store, kind, frame)
        if left[0]:
            left[0] -= 1
            msg = "deadlock"
            raise StoreConflictError(msg)

    monkeypatch.setattr(batch, "load_rows", meet)
    if failures == batch.ATTEMPTS:
        with pytest.raises(StoreConflictError):
            load_spool(site.spool, site.store)
    assert 1 == load_spool(site.spool, site.store).files
    site.check_rollups("ip_counters", rows)


def test_full_for_one_file(tmp_path, monkeypatch):
    """Whatever the engine: that file stays, the other is loaded."""
    from tmon_store.backends.duckdb import DuckDB

    def full(_self, days):
        if any(datetime(2023, 11, 13).date() in some for some in days.values()):  # noqa: DTZ001
            msg = "too many days"
            raise StoreFullError(msg)

    site = Site(tmp_path, Store(database=tmp_path / "t.duckdb"))
    site.configure()
    monkeypatch.setattr(DuckDB, "prepare", full)
    write_file(site.spool, "ip_counters", counters(0), "1")
    write_file(site.spool, "ip_counters", counters(1), "2")
    report = load_spool(site.spool, site.store)
    assert (1, ["ip_counters.c1.2.csv: left in the spool: too many days"]) == (report.files, report.warnings)
    site.check_rollups("ip_counters", counters(0))
