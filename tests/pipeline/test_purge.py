"""Months pass: what is left in database and archive at any time is what a slow twin says, on both engines."""

import os
import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.pipeline.loader_site import LEVELS, ROOT, Site, run_script
from tests.unit.store.spool_files import expected_rollup, row_of, stored_rollup, write_file
from tmon_common.config.store_model import DAY_NS, Retention, Server, Store
from tmon_store import load
from tmon_store.access import Access
from tmon_store.errors import StoreBusyError
from tmon_store.ip_info.schema import IP_INFO
from tmon_store.load import load_spool
from tmon_store.open import open_store
from tmon_store.purge import purge
from tmon_store.unreferenced import REST

SCRIPT = ROOT / "scripts" / "trafmon_purge.py"
FIRST = datetime(2023, 10, 20, tzinfo=UTC)
DAYS = 66
RUN_DAYS = 20
KEPT = {("ip_counters", "1min"): 10, ("ip_counters", "1h"): 30, ("ip_counters", "1day"): 50, ("event", "record"): 20}
ARCHIVE_DAYS = 25
RULES = (Retention("ip_counters", "1min", 10 * DAY_NS), Retention("", "1day", 50 * DAY_NS), Retention("", "", 30 * DAY_NS),
         Retention("event", "", 20 * DAY_NS))


@pytest.fixture(params=["duckdb", "mysql"])
def site(request, tmp_path) -> Site:
    store = (request.getfixturevalue("mariadb").store() if request.param == "mysql" else Store(database=tmp_path / "t.duckdb"))
    site = Site(tmp_path, store)
    site.configure(archive=tmp_path / "archive", archive_keep_ns=ARCHIVE_DAYS * DAY_NS, retention=RULES)
    return site


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * 10**9


class Life:
    """A site whose days pass: each brings files, and ends with a purge now and then."""

    def __init__(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        self.site = site
        self.counters: list[dict] = []
        self.events: list[dict] = []
        self.flows: dict[tuple[int, int], datetime] = {}
        self.files: dict[str, tuple[str, datetime]] = {}
        self.now = FIRST
        monkeypatch.setattr(load.time, "time_ns", lambda: ns(self.now))

    def day(self, number: int) -> None:
        day = FIRST + timedelta(days=number)
        self.now = day + timedelta(hours=23, minutes=59)
        run = ns(FIRST + timedelta(days=number // RUN_DAYS * RUN_DAYS)) // 10**6
        flows = {4 * number + i: 3600 * (8 * i) for i in range(3)}
        rows = [row_of("ip_counters", run=run, flow=f, start=ns(day) + s * 10**9, packets=f + 1) for f, s in flows.items()]
        rows += [row_of("ip_counters", run=run, flow=4 * number - 1, start=ns(self.now), packets=1)] if number % RUN_DAYS else []
        self.counters += rows
        events = [row_of("event", run=run, code=f"day{number}", time=ns(day) + 5)]
        self.events += events
        self.flows |= {(run, f): day for f in flows}
        definitions = [row_of("flow_definition", run=run, flow=f, flow_class="all", first_seen=ns(day), src_addr=address(f))
                       for f in flows]
        histograms = [row_of("histogram_definition", run=run, histogram="h", slice=1, lower=0)]
        for kind, content in (("ip_counters", rows), ("event", events), ("flow_definition", definitions),
                              ("histogram_definition", histograms)):
            path = write_file(self.site.spool, kind, content, f"{day:%Y%m%d}T235900Z")
            self.files[path.name] = kind, self.now
        assert load_spool(self.site.spool, self.site.store).warnings == []
        store = open_store(self.site.store)
        store.ensure([IP_INFO])
        naive = day.replace(tzinfo=None)
        store.append(IP_INFO, pl.DataFrame([{"address": address(f), "activity": "a", "location": "l", "first_seen": naive}
                                            for f in flows]))
        store.close()

    def purge(self) -> None:
        result = purge(Access(self.site.store).opened, self.site.store, [self.site.spool], ns(self.now))
        assert result.warnings == []

    def limit(self, kind: str, granularity: str) -> datetime:
        midnight = (self.now - timedelta(days=KEPT[kind, granularity])).replace(hour=0, minute=0)
        return midnight.replace(day=1) if granularity == "1day" else midnight

    def check(self) -> None:
        """Right after a purge."""
        site, referred = self.site, set()
        for level in LEVELS:
            rows = [r for r in self.counters if r["start"] >= ns(self.limit("ip_counters", level))]
            assert expected_rollup("ip_counters", rows, level) == stored_rollup(site.store, "ip_counters", level), (level, self.now)
            referred |= {(r["run"], r["flow"]) for r in rows}
        events = sorted(r["code"] for r in self.events if r["time"] >= ns(self.limit("event", "record")))
        assert events == sorted(code for code, in site.ask("SELECT code FROM event"))
        young = {f for f, seen in self.flows.items() if seen >= self.now - REST}
        assert sorted(referred | young) == sorted(site.ask("SELECT run, flow FROM flow"))
        runs = {run for run, _ in referred | young}
        assert sorted(runs) == sorted(run for run, in site.ask("SELECT run FROM histogram_definition"))
        addresses = {address(flow) for run, flow in referred | young if (run, flow) in self.flows}
        assert sorted(addresses) == sorted(a for a, in site.ask("SELECT address FROM ip_info"))
        keep = {"ip_counters": 50, "event": 20, "flow_definition": 50, "histogram_definition": 50}
        gone = {kind: (self.now - timedelta(days=days)).replace(day=1, hour=0, minute=0) - timedelta(days=2)
                for kind, days in keep.items()}  # rows of days go with their month, and may be two days ahead
        files = [n for n, (kind, loaded) in self.files.items() if loaded >= gone[kind]]
        assert sorted(files) == sorted(name for name, in site.ask("SELECT name FROM loaded_file"))
        days = {f"c1.{loaded:%Y%m%d}.tar.gz" for _, loaded in self.files.values()
                if loaded.replace(hour=0, minute=0) + timedelta(days=ARCHIVE_DAYS + 1) > self.now}
        assert days == {p.name for p in site.store.archive.glob("*.tar.gz")}


def address(flow: int) -> str:
    return f"10.0.{flow // 250}.{flow % 250 + 1}"


def test_months_pass(site, monkeypatch):
    """Rows, flows, definitions, addresses, manifest and archives, after each of many purges; late files after them."""
    life = Life(site, monkeypatch)
    for number in range(DAYS):
        life.day(number)
        if number % 9 == 8:
            life.purge()
            life.check()
    late = [row_of("ip_counters", run=1, flow=1, start=ns(FIRST), packets=7)]
    write_file(site.spool, "ip_counters", late, "20231020T000000Z-1")
    load_spool(site.spool, site.store)
    assert expected_rollup("ip_counters", late, "1min").items() <= stored_rollup(site.store, "ip_counters", "1min").items()
    if site.store.backend == "mysql":
        check_partitions(site, life)


def test_killed_at_steps(site, monkeypatch):
    """kill -9 before or after random statements: the next purge ends what was begun, and loading goes on meanwhile."""
    r, life = random.Random(3), Life(site, monkeypatch)
    for number in range(60):
        if number < 2 or number > 50:  # nearly all of it is old
            life.day(number)
    life.purge()
    for number in range(60, 65):
        life.day(number)
    steps = 0
    for place in ("before", "after", "before", "after", "before"):
        step = r.randint(1, 60 if site.store.backend == "mysql" else 40)
        result = subprocess.run([sys.executable, "-m", "tests.pipeline.killed_loader", site.config, str(step), place,
                                 str(ns(life.now))], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert result.returncode in (0, -signal.SIGKILL), result.stderr
        steps += result.returncode != 0
        life.day(65 + steps)
    life.purge()
    life.check()
    assert steps >= 3


def check_partitions(site: Site, life: Life) -> None:
    """As many as there are days, some empty ones, and at the end pFuture, always empty."""
    life.purge()
    for table, most in (("ip_counters_1min_rows", 14), ("ip_counters_1h_rows", 34), ("ip_counters_1day_rows", 6), ("event", 24)):
        names = [name for name, in site.ask(
            f"SELECT partition_name FROM information_schema.partitions WHERE table_schema = '{site.store.database}'"
            f" AND table_name = '{table}' ORDER BY partition_ordinal_position")]
        assert 3 <= len(names) <= most, names
        assert "pFuture" == names[-1]
        assert [(0,)] == site.ask(f'SELECT count(*) FROM "{table}" PARTITION ("pFuture")')


def test_the_space_of_old_rows_is_used_again(tmp_path, monkeypatch):
    """DuckDB: once as many days come as go, the file does not grow any more, and others than the first go, too."""
    site = Site(tmp_path, Store(database=tmp_path / "t.duckdb"))
    site.configure(retention=(Retention("", "", 5 * DAY_NS),))
    sizes, now = [], [0]
    monkeypatch.setattr(load.time, "time_ns", lambda: now[0])
    for number in range(22):
        day = ns(FIRST) // 10**9 + 86400 * number
        now[0] = (day + 86400) * 10**9
        rows = [row_of("ip_counters", flow=i % 200, start=(day + i) * 10**9, packets=i * 7919 % 10007) for i in range(0, 40_000, 5)]
        write_file(site.spool, "ip_counters", rows, f"{number}")
        load_spool(site.spool, site.store)
        purge(Access(site.store).opened, site.store, [site.spool], now[0])
        sizes.append(site.store.database.stat().st_size)
    assert max(sizes[15:]) <= 1.15 * max(sizes[5:12]), sizes
    assert [(5 * 8000,)] <= site.ask("SELECT sum(population) FROM ip_counters_1min") <= [(6 * 8000,)]


def test_flows_of_the_newest_number_stay(site, monkeypatch):
    """When all is gone, numbers are not given again."""
    life = Life(site, monkeypatch)
    life.day(0)
    [(before,)] = site.ask("SELECT max(flow_key) FROM flow")
    life.now += timedelta(days=1000)
    life.purge()
    assert [(1,)] == site.ask("SELECT count(*) FROM flow")
    life.day(1)
    assert [(1, before + 4)] == site.ask("SELECT count(CASE WHEN flow_key = 3 THEN 1 END), max(flow_key) FROM flow")


def test_files_that_are_still_in_the_spool_stay_in_the_manifest(site, monkeypatch):
    """Or they would be loaded again."""
    site.configure(archive=None)
    life = Life(site, monkeypatch)
    life.day(0)
    life.now += timedelta(days=1000)
    life.purge()
    assert [(4,)] == site.ask("SELECT count(*) FROM loaded_file")
    assert load_spool(site.spool, site.store).files == 0
    for path in site.spool.glob("event*"):
        path.unlink()
    life.purge()
    assert [(3,)] == site.ask("SELECT count(*) FROM loaded_file")


def test_files_of_which_rows_are_left_are_not_loaded_again(site, monkeypatch):
    """Files that come back, as from a backup: the rows of their days go with the month, so they are known until then."""
    site.configure(archive=None, retention=(Retention("", "", 30 * DAY_NS),))
    life = Life(site, monkeypatch)
    life.day(3)
    before = stored_rollup(site.store, "ip_counters", "1day")
    away = {path.name: path.read_bytes() for path in site.spool.glob("*.csv")}
    for name in away:
        (site.spool / name).unlink()
    life.now += timedelta(days=36)
    life.purge()
    for name, data in away.items():
        (site.spool / name).write_bytes(data)
    load_spool(site.spool, site.store)
    assert before == stored_rollup(site.store, "ip_counters", "1day")


def test_files_in_the_spool_of_another_machine_stay_in_the_manifest(site, monkeypatch, tmp_path):
    """Which are in a spool that is not here, nobody here knows."""
    life = Life(site, monkeypatch)
    life.day(0)
    life.now += timedelta(days=1000)
    purge(Access(site.store).opened, site.store, [site.spool, tmp_path / "elsewhere"], ns(life.now))
    assert [(4,)] == site.ask("SELECT count(*) FROM loaded_file")
    life.purge()
    assert [(0,)] == site.ask("SELECT count(*) FROM loaded_file")


def test_the_program(site, monkeypatch):
    """One line, none with -q if nothing went; without rules nothing goes; old reject files go with the archives."""
    life = Life(site, monkeypatch)
    life.day(0)
    rejected = site.spool / "rejected"
    rejected.mkdir()
    for name, age in (("old.csv.reject", 0), ("other.txt", 0), ("new.csv.reject", None)):
        (rejected / name).touch()
        if age is not None:
            os.utime(rejected / name, (age, age))
    rules = site.store.retention
    site.configure(retention=(), archive_keep_ns=None)
    nothing = run_script(SCRIPT, "-c", site.config, "-q")
    assert (0, "", "") == (nothing.returncode, nothing.stdout, nothing.stderr)
    site.configure(retention=rules, archive_keep_ns=ARCHIVE_DAYS * DAY_NS)
    result = run_script(SCRIPT, "-c", site.config)
    assert (0, "") == (result.returncode, result.stderr)
    assert 1 == result.stdout.count("\n")
    assert "2 flows, 0 definitions" in result.stdout
    assert "1 archives, 1 reject files" in result.stdout
    assert {"other.txt", "new.csv.reject"} == {p.name for p in rejected.iterdir()}
    assert [(0,)] == site.ask("SELECT count(*) FROM ip_counters_1day")
    assert (0, "") == ((again := run_script(SCRIPT, "-c", site.config, "-q")).returncode, again.stdout)


def test_what_is_not_there(tmp_path, mariadb):
    """No database, no server, no configuration: one line each, nothing is made."""
    (options := tmp_path / "o.cnf").touch(0o600)
    options.write_text("[g]\nuser=u\npassword=p\n")
    stores = {1: [Store(database=tmp_path / "none.duckdb"), mariadb.store(),
                  Store("mysql", "trafMon", Server(socket=tmp_path / "none.sock", option_file=options, group="g"))]}
    for status, all_stores in stores.items():
        for store in all_stores:
            site = Site(tmp_path, store)
            site.configure(retention=RULES)
            result = run_script(SCRIPT, "-c", site.config)
            assert (status, "", 1) == (result.returncode, result.stdout, result.stderr.count("\n")), result.stderr
    assert not (tmp_path / "none.duckdb").exists()
    assert 2 == run_script(SCRIPT, "-c", tmp_path / "none.xml").returncode


def test_a_loader_has_the_database(tmp_path):
    """The purge waits for it, and gives up; nothing has gone."""
    store = Store(database=tmp_path / "t.duckdb", retention=RULES)
    load_spool(tmp_path, store)
    holding = "import duckdb, sys\nwith duckdb.connect(sys.argv[1]): print(flush=True), sys.stdin.read()"
    waited = []
    with subprocess.Popen([sys.executable, "-c", holding, store.database], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        with pytest.raises(StoreBusyError):
            purge(Access(store, wait_s=0.3, sleep=waited.append).opened, store, [], ns(FIRST))
        holder.stdin.close()
    assert waited
