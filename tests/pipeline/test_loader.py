"""The loader as a program: exit statuses, lines, two at a time, going on as files appear. Killed: test_loader_killed.py."""

import os
import pty
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.notified import Notified
from tests.pipeline.loader_site import Site
from tests.unit.store.spool_files import START, ask, expected_rollup, row_of, stored_rollup, write_file
from tmon_common.config.store_model import Server, Store
from tmon_store.load import load_spool

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "trafmon_loader.py"


def loader(*arguments, **options):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False,
                          cwd=options.get("cwd", ROOT))


def some_files(spool, seed=0):
    """Three files of counters that meet in the same minutes and hours, and one of definitions; gives the counter rows."""
    r = random.Random(seed)
    rows = [row_of("ip_counters", flow=r.randint(1, 5), start=(START + r.randint(0, 10_000)) * 10**9, packets=r.randint(0, 1000),
                   octets=r.randint(0, 10**6)) for _ in range(60)]
    for i in range(3):
        write_file(spool, "ip_counters", rows[20 * i:20 * i + 20], str(i))
    write_file(spool, "flow_definition", [row_of("flow_definition", flow=f, flow_class="all") for f in range(1, 6)])
    return rows


def check(database, rows):
    for suffix in ("1min", "1h", "1day"):
        assert expected_rollup("ip_counters", rows, suffix) == stored_rollup(database, "ip_counters", suffix)
    assert ask(database, "SELECT count(*), count(DISTINCT name) FROM loaded_file") == [(4, 4)]
    assert ask(database, "SELECT count(*), count(flow_class), count(DISTINCT flow_key) FROM flow") == [(5, 5, 5)]


def test_one_line_by_cron_and_again(tmp_path):
    """Files, rows and seconds in one line; nothing on stderr; a second run loads nothing."""
    spool, database = tmp_path / "spool", tmp_path / "t.duckdb"
    rows = some_files(spool)
    result = loader("--spool", spool, "--database", database)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    assert "4 files, 65 rows" in result.stdout
    assert "0 files, 0 rows" in loader("--spool", spool, "--database", database).stdout
    check(database, rows)


def test_exit_statuses(tmp_path):
    """1: cannot be used, 2: wrong arguments or configuration; one clear line each, no traceback."""
    spool, database = tmp_path / "spool", tmp_path / "t.duckdb"
    missing = loader("--spool", spool, "--database", database)
    assert missing.returncode == 1
    assert str(spool) in missing.stderr
    some_files(spool)
    database.write_text("no database " * 1000)
    broken = loader("--spool", spool, "--database", database)
    assert broken.returncode == 1
    assert str(database) in broken.stderr
    unknown = loader("--nonsense")
    assert unknown.returncode == 2
    unread = loader("-c", tmp_path / "none.xml")
    assert unread.returncode == 2
    assert "none.xml" in unread.stderr
    for result in (missing, broken, unread):
        assert result.stderr.count("\n") == 1, result.stderr
        assert "Traceback" not in result.stderr


def test_second_loader_on_spool_or_database(tmp_path):
    """Both are refused with status 3 and a line that says why; nothing is loaded twice."""
    import duckdb

    from tmon_store.spool import spool_lock

    spool, database = tmp_path / "spool", tmp_path / "t.duckdb"
    rows = some_files(spool)
    with spool_lock(spool):
        result = loader("--spool", spool, "--database", database)
    assert result.returncode == 3
    assert f"another loader is at work on this spool (process {os.getpid()})" in result.stderr
    with duckdb.connect(database):
        result = loader("--spool", spool, "--database", database)
    assert result.returncode == 3
    assert "another program has the database open" in result.stderr
    assert result.stderr.count("\n") == 1
    assert loader("--spool", spool, "--database", database).returncode == 0
    check(database, rows)


def test_by_a_python_that_lacks_everything(tmp_path):
    """As cron starts it: the script goes on with the Python of the installation, arguments and all."""
    installed = ROOT / ".venv" / "bin" / "python"
    if not installed.exists():
        pytest.skip("there is no virtual environment .venv beside the sources")
    some_files(tmp_path / "spool")
    command = [sys.executable, "-I", "-S", SCRIPT, "--spool", tmp_path / "spool", "--database", tmp_path / "t.duckdb"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (0, "") == (result.returncode, result.stderr)
    assert (tmp_path / "t.duckdb").stat().st_size


def test_by_a_python_that_lacks_everything_where_nothing_was_set_up(tmp_path):
    """A fresh clone: a line that says how to set it up, no traceback."""
    shutil.copytree(ROOT / "tmon_common", tmp_path / "tmon_common")
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPT, tmp_path / "scripts")
    command = [sys.executable, "-I", "-S", tmp_path / "scripts" / "trafmon_loader.py", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (1, "") == (result.returncode, result.stdout)
    assert result.stderr.startswith("trafmon_loader: ")
    assert result.stderr.endswith(f": run {tmp_path}/scripts/setup\n")


def test_a_line_only_for_work(tmp_path):
    """-q: by cron every ten minutes, a line when files were loaded, none when there was nothing."""
    spool, database = tmp_path / "spool", tmp_path / "t.duckdb"
    spool.mkdir()
    assert loader("-q", "--spool", spool, "--database", database).stdout == ""
    rows = some_files(spool)
    assert "4 files, 65 rows" in loader("-q", "--spool", spool, "--database", database).stdout
    again = loader("-q", "--spool", spool, "--database", database)
    assert (0, "", "") == (again.returncode, again.stdout, again.stderr)
    check(database, rows)


def test_a_bar_for_whom_watches(tmp_path):
    """On a terminal: progress, gone at the end; the line as ever."""
    spool, database = tmp_path / "spool", tmp_path / "t.duckdb"
    some_files(spool)
    ours, theirs = pty.openpty()
    try:
        result = subprocess.run([sys.executable, SCRIPT, "--spool", spool, "--database", database], stdout=subprocess.PIPE,
                                stderr=theirs, timeout=60, check=False, cwd=ROOT, env=os.environ | {"TERM": "xterm"})
        shown = os.read(ours, 1 << 16)
    finally:
        os.close(ours)
        os.close(theirs)
    assert result.returncode == 0
    assert b"loading" in shown
    assert result.stdout.count(b"\n") == 1


@pytest.mark.parametrize("engine", ["duckdb", "mysql"])
def test_two_spools_into_one_database_at_once(engine, tmp_path, request):
    """Two loaders start together, several times: each loads, or says that another is at work; all arrives once."""
    site = site_of(engine, tmp_path, request)
    site.configure()
    spools = [site.spool, tmp_path / "other"]
    assert load_spool(site.spool, site.store).files == 0
    rows, busy = [], 0
    for turn in range(3):
        for i, spool in enumerate(spools):
            rows += [row_of("ip_counters", flow=f, start=(START + 3600 * turn + i) * 10**9, packets=f * 10**i) for f in (1, 2, 3)]
            write_file(spool, "ip_counters", rows[-3:], str(turn), collector=f"c{i}")
        loaders = [subprocess.Popen([sys.executable, SCRIPT, "-c", site.config, "--spool", spool], cwd=ROOT, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE) for spool in spools]
        for process in loaders:
            _, told = process.communicate(timeout=60)
            assert process.returncode in (0, 3), told
            assert (process.returncode == 3) == ("another" in told)
            busy += process.returncode == 3
    for spool in spools:
        load_spool(spool, site.store)
    site.check_rollups("ip_counters", rows)
    assert [(6,)] == site.ask("SELECT count(*) FROM loaded_file")
    assert busy <= 3


@pytest.fixture
def manager(tmp_path):
    with Notified(tmp_path, 0) as manager:
        yield manager


@pytest.mark.parametrize("engine", ["duckdb", "mysql"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_following(engine, number, tmp_path, request, manager):
    """Files are loaded as they appear; a spool that is not there yet and one that comes are told once; a signal ends it. A
    service manager hears of all of it."""
    site = site_of(engine, tmp_path, request)
    site.configure(archive=tmp_path / "archive")
    site.spool.rmdir()
    process = subprocess.Popen([sys.executable, SCRIPT, "-c", site.config, "--follow", "0.1"], cwd=ROOT, text=True,
                               env=os.environ | manager.variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert "cannot read the spool: No such file or directory" in process.stderr.readline()
        rows = []
        for turn in range(3):
            rows += [row_of("ip_counters", flow=f, start=(START + 60 * turn) * 10**9, packets=f) for f in (1, 2)]
            write_file(site.spool, "ip_counters", rows[-2:], f"20231114T00000{turn}Z")
            assert "1 files, 2 rows" in process.stdout.readline()
            assert site.spooled() == set()
            if turn == 0:
                assert "loading works again" in process.stderr.readline()
        process.send_signal(number)
        out, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert (0, "", "") == (process.returncode, out, told)
    site.check_rollups("ip_counters", rows)
    assert 3 == sum(site.archived().values())
    told = manager.values("STATUS")
    assert "READY" in manager.told[0]
    assert [f"following {site.spool}", f"{site.spool}: cannot read the spool: No such file or directory"] == told[:2]
    assert 3 == sum("1 files, 2 rows" in t for t in told)
    assert "stopping: asked to" == told[-1]


def test_following_while_another_has_the_database(tmp_path):
    """It is told once, and goes on when that one has gone."""
    import duckdb

    site = Site(tmp_path, Store(database=tmp_path / "t.duckdb"))
    site.configure()
    with duckdb.connect(site.store.database):
        write_file(site.spool, "ip_counters", [row_of("ip_counters", packets=3)], "1")
        process = subprocess.Popen([sys.executable, SCRIPT, "-c", site.config, "--follow", "0.1"], cwd=ROOT, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert "another program has the database open" in process.stderr.readline()
        write_file(site.spool, "event", [row_of("event", code="x")], "1")
    try:
        write_file(site.spool, "event", [row_of("event", code="y")], "2")
        done = 0
        while done < 3:
            done += int(process.stdout.readline().split()[1])
    finally:
        process.terminate()
        out, told = process.communicate(timeout=60)
    assert (0, "", ["trafmon_loader: loading works again"]) == (process.returncode, out, told.splitlines())


@pytest.mark.parametrize("seconds", ["x", "0", "1e9", "nan"])
def test_seconds_of_follow(seconds):
    """What is no sensible time is a wrong argument."""
    result = loader("--follow", seconds)
    assert result.returncode == 2
    assert "--follow" in result.stderr


def test_a_server_that_is_not_there(tmp_path):
    """One line that says where, why and what to do."""
    options = tmp_path / "o.cnf"
    options.touch(0o600)
    options.write_text("[trafmon_loader]\nuser=u\npassword=secret-word\n")
    site = Site(tmp_path, Store("mysql", "trafMon", Server(socket=tmp_path / "none.sock", option_file=options)))
    site.configure()
    some_files(site.spool)
    result = site.load()
    assert 1 == result.returncode
    assert 1 == result.stderr.count("\n")
    assert "no MySQL server answers there" in result.stderr
    assert "secret-word" not in result.stderr + result.stdout


def site_of(engine: str, folder: Path, request: pytest.FixtureRequest) -> Site:
    if engine == "mysql":
        return Site(folder, request.getfixturevalue("mariadb").store())
    return Site(folder, Store(database=folder / "t.duckdb"))
