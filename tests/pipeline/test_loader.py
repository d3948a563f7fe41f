"""The loader as a program: exit statuses, two at a time, killed at any moment."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.store.spool_files import START, ask, expected_rollup, row_of, stored_rollup, write_file

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "trafmon_loader.py"

KILLED = """
import os, signal, sys
from pathlib import Path
from tmon_store.backends import duckdb
from tmon_store.load import load_spool
left = int(sys.argv[3])
real = duckdb.DuckDB._execute
def execute(self, sql, parameters=()):
    global left
    left -= 1
    if left == 0 and sys.argv[4] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    result = real(self, sql, parameters)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return result
duckdb.DuckDB._execute = execute
load_spool(Path(sys.argv[1]), Path(sys.argv[2]))
print("done", left)
"""


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


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_each_statement(tmp_path, moment):
    """kill -9 before or after any statement, then run again, again killed: every row counts once in the end."""
    statement = 1
    tried = 0
    while True:
        spool, database = tmp_path / f"spool{statement}", tmp_path / f"{statement}.duckdb"
        rows = some_files(spool, statement)
        result = subprocess.run([sys.executable, "-c", KILLED, spool, database, str(statement), moment], cwd=ROOT,
                                capture_output=True, text=True, timeout=60, check=False)
        if result.returncode == 0:
            break
        assert result.returncode == -signal.SIGKILL, result.stderr
        finish = loader("--spool", spool, "--database", database)
        assert finish.returncode == 0, finish.stderr
        check(database, rows)
        tried += 1
        statement = statement * 2 + 1
    assert tried >= 5
    check(database, rows)


def test_killed_at_random_moments(tmp_path):
    """Killed after a random time, several times over, with files arriving in between: nothing is lost or doubled."""
    r = random.Random(7)
    spool, database = tmp_path / "spool", tmp_path / "t.duckdb"
    rows = some_files(spool)
    for _ in range(4):
        process = subprocess.Popen([sys.executable, SCRIPT, "--spool", spool, "--database", database], cwd=ROOT,
                                   stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + r.uniform(0.2, 1.2)
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert loader("--spool", spool, "--database", database).returncode == 0
    check(database, rows)
