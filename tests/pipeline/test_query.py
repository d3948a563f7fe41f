"""trafmon query as a program: arguments, formats, exit statuses, whole files, quiet ends; on both engines."""

import argparse
import csv
import io
import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from tests.pipeline.small_disk import small_disk
from tests.unit.store.questions.made import made
from tests.unit.store.spool_files import row_of, write_file
from tmon_common.config.store_model import Store
from tmon_common.observations import IP_COUNTERS
from tmon_store.load import load_spool
from tmon_store.open import open_store
from tmon_store.schema import rollups
from trafmon import query as trafmon_query

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "trafmon", "query"]


@dataclass
class Done:
    """What a run left."""

    returncode: int
    stdout: str
    stderr: str


def program(*arguments):
    """Run as a program."""
    return subprocess.run([*COMMAND, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def query(capfd):
    """Run within the test: much quicker."""
    parser = argparse.ArgumentParser()
    trafmon_query.add_arguments(parser)

    def query(*arguments):
        capfd.readouterr()
        status = trafmon_query.run(parser.parse_args([str(a) for a in arguments]))
        out = capfd.readouterr()
        return Done(status, out.out, out.err)
    return query


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("query")


@pytest.fixture(scope="module")
def database(folder):
    """A DuckDB file with a bit of everything."""
    made().write(folder / "spool")
    load_spool(folder / "spool", folder / "t.duckdb")
    return folder / "t.duckdb"


@pytest.fixture(scope="module")
def on_server(folder, database, mariadb):
    """Configuration of a MySQL database with the same."""
    store: Store = mariadb.store()
    load_spool(folder / "spool", store)
    minimal = (ROOT / "etc" / "xml" / "minimal.xml").read_text(encoding="utf-8")
    assert "</trafmon>" in minimal
    text = (f'<store backend="mysql" database="{store.database}"><server socket="{store.server.socket}"'
            f' option_file="{store.server.option_file}" group="{store.server.group}"/></store>')
    path = folder / "tmon.xml"
    path.write_text(minimal.replace("</trafmon>", f"{text}</trafmon>"), encoding="utf-8")
    return path


def test_the_same_from_both_engines(query, database, on_server):
    """Octet by octet, of every question, but for what a database numbers and dates itself."""
    from tmon_store.questions import QUESTIONS

    for name, question in QUESTIONS.items():
        more = ["--flow", 3] if question.needs_flow else []
        answers = [query(*which, name, *more, "--limit", "all", "--format", "csv") for which in ((database,), ("-c", on_server))]
        assert [0, 0] == [a.returncode for a in answers], answers
        rows = [list(csv.DictReader(io.StringIO(a.stdout, newline=""))) for a in answers]
        for row in (r for each in rows for r in each):
            row.pop("flow", None)
            row.pop("loaded", None)
            row.pop("age_ns", None)
        assert rows[0] == rows[1], name


@pytest.mark.parametrize("format_", ["csv", "json", "jsonl", "parquet"])
def test_formats_say_the_same(query, database, tmp_path, format_):
    """Whether to a file, by its name or by --format, or to standard output."""
    file = tmp_path / f"a.{format_}"
    assert query(database, "traffic", "-o", file).returncode == 0
    other = tmp_path / "b"
    assert query(database, "traffic", "--format", format_, "-o", other).returncode == 0
    printed = subprocess.run([*COMMAND, str(database), "traffic", "--format", format_], cwd=ROOT, capture_output=True, check=True)
    out = printed.stdout
    assert file.read_bytes() == other.read_bytes() == out
    rows = {"csv": lambda: list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))), "json": lambda: json.loads(out),
            "jsonl": lambda: [json.loads(line) for line in out.splitlines()],
            "parquet": lambda: pl.read_parquet(io.BytesIO(out)).to_dicts()}[format_]()
    expected = json.loads(query(database, "traffic", "--format", "json").stdout)
    assert [r["probe"] for r in expected] == [r["probe"] for r in rows]
    assert [str(r["octets"]) for r in expected] == [str(r["octets"]) for r in rows]
    assert {"a." + format_, "b"} == {p.name for p in tmp_path.iterdir()}


def test_table(query, database):
    """Units, endpoints, the time that is asked for; no line is folded, none has a control character."""
    page = query(database, "conversations", "--limit", 3, "--since", "2023-11-14", "--until", "2023-11-15")
    assert (0, "") == (page.returncode, page.stderr)
    lines = page.stdout.splitlines()
    assert lines[1].startswith("Top conversations, from 2023-11-14 00:00 until 2023-11-15 00:00 UTC, by 1day")
    assert "and more; --limit all gives all, the first 3 are here" in lines
    assert len(lines) == 7
    assert any(f"{host}:" in page.stdout for host in ("10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.9"))
    story = query(database, "story", "--flow", 1).stdout
    assert "Zero windows" in story


@pytest.mark.parametrize(("arguments", "told"), [
    ((), "expected [DATABASE] QUESTION; --list tells the questions"),
    (("a", "b", "c"), "expected [DATABASE] QUESTION"),
    (("DB", "nope"), "no question 'nope'; there is classes, "),
    (("DB", "talkers", "--since", "yester"), "--since yester: expected a day or a moment such as"),
    (("DB", "talkers", "--last", "7"), "--last 7: expected a length of time"),
    (("DB", "talkers", "--since", "2023-11-15", "--until", "2023-11-14"), "ends before it begins"),
    (("DB", "talkers", "--address", "x"), "--address x: expected an IPv4 or IPv6 address"),
    (("DB", "talkers", "--limit", "0"), "--limit 0: expected a number from 1 on, or all"),
    (("DB", "talkers", "--limit", "-1"), "--limit -1: expected a number"),
    (("DB", "talkers", "--activity", "x"), "talkers cannot be narrowed by --activity; by --since"),
    (("DB", "events", "--by", "1h"), "events cannot be narrowed by --by; by --since, --until, --last, --probe"),
    (("DB", "volumes", "--by", "1min"), "--by 1min: volumes has 1h, 1day"),
    (("DB", "volumes", "--address", "::1", "--address", "::2"), "volumes knows one --address"),
    (("DB", "story"), "story is about one flow; expected --flow N"),
    (("-c", "/nonexistent.xml", "talkers"), "/nonexistent.xml: "),
])
def test_what_is_misused(query, database, arguments, told):
    """One line: what is wrong, what was expected; status 2."""
    done = query(*(database if a == "DB" else a for a in arguments))
    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n")), done.stderr
    assert told in done.stderr


@pytest.mark.parametrize(("arguments", "told"), [
    (("/nonexistent.duckdb", "talkers"), "no such database"),
    (("DB", "story", "--flow", "999999"), "no flow 999999; expected the number of one"),
    (("DB", "talkers", "--host", "www"), "trafmon_update_ip_info.py finds them"),
    (("DB", "talkers", "-o", "/proc/none/a.csv"), "/proc/none/a.csv: cannot be written: No such file or directory"),
    (("DB", "talkers", "-o", "/"), "/: cannot be written: Is a directory"),
])
def test_what_cannot_be(query, database, arguments, told):
    """Status 1, one line."""
    done = query(*(database if a == "DB" else a for a in arguments))
    assert (1, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n")), done.stderr
    assert told in done.stderr


def test_a_database_that_is_none(query, tmp_path):
    """Neither a file of rubbish nor a server that is not there makes a traceback."""
    (tmp_path / "t.duckdb").write_text("rubbish " * 1000)
    xml = (ROOT / "etc" / "xml" / "minimal.xml").read_text(encoding="utf-8")
    options = tmp_path / "my.cnf"
    options.touch(0o600)
    options.write_text("[g]\nuser=nobody\npassword=x\n")
    store = f'<store backend="mysql" database="trafMon"><server socket="{tmp_path}/s" option_file="{options}" group="g"/></store>'
    (tmp_path / "tmon.xml").write_text(xml.replace("</trafmon>", f"{store}</trafmon>"))
    for which in ((tmp_path / "t.duckdb",), ("-c", tmp_path / "tmon.xml")):
        done = query(*which, "talkers")
        assert (1, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n")), done.stderr


def test_why_there_is_nothing(query, database):
    """Rows elsewhere, or nothing loaded at all: stderr says so, the answer is empty."""
    done = query(database, "talkers", "--last", "1h", "--format", "csv")
    assert (0, 1) == (done.returncode, done.stdout.count("\n"))
    assert "ip_counters by 1min is held from 2023-11-14 22:14 until 2023-11-17 05:48 UTC" in done.stderr
    done = query(database, "volumes", "--format", "json")
    assert (0, "[]\n") == (done.returncode, done.stdout)
    assert "nothing of volume_1h, volume_1day has been loaded; scripts/trafmon_volumes.py" in done.stderr


def test_ends_that_move_are_told(query, database):
    """What was asked for is not quite what is answered."""
    done = query(database, "talkers", "--since", "2023-11-14T10:07", "--until", "2023-11-16T09:13", "--format", "csv")
    assert "by whole intervals of 1h: from 2023-11-14 10:00 until 2023-11-16 10:00 UTC" in done.stderr
    exact = query(database, "talkers", "--since", "2023-11-14T10:07", "--by", "1min", "--limit", "all", "--format", "csv")
    assert exact.stderr == ""


def test_a_limit_that_cuts_is_told(query, database):
    """Unless it was asked for."""
    assert "only the first 20 rows; --limit all" in query(database, "flow-errors", "--format", "csv").stderr
    assert query(database, "flow-errors", "--format", "csv", "--limit", 20).stderr == ""


def test_hosts_by_name(query, database, tmp_path):
    """Names that were found for addresses stand for them."""
    import shutil

    import duckdb

    copy = tmp_path / "t.duckdb"
    shutil.copy(database, copy)
    with duckdb.connect(copy) as connection:
        connection.execute("CREATE TABLE ip_info (address VARCHAR, name VARCHAR)")
        connection.execute("INSERT INTO ip_info VALUES ('10.0.0.1', 'www.example.org'), ('10.0.0.2', 'WWW.example.org')")
    by_name = query(copy, "talkers", "--host", "www.Example.org.", "--format", "csv")
    by_address = query(copy, "talkers", "--address", "10.0.0.1", "--address", "10.0.0.2", "--format", "csv")
    assert by_name.stdout == by_address.stdout
    assert by_name.stdout.count("\n") > 1
    assert "no address has the name \"' OR 1=1\"" in query(copy, "talkers", "--host", "' OR 1=1").stderr


def test_a_loader_is_waited_for(query, database, monkeypatch):
    """Until it has done; one that goes on for long is told."""
    holding = f"import duckdb; c = duckdb.connect({str(database)!r}); print(flush=True); input()"
    held = subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    held.stdout.readline()
    monkeypatch.setattr(trafmon_query, "BUSY_WAIT_S", 0)
    done = query(database, "classes")
    assert (1, "") == (done.returncode, done.stdout)
    assert "another program has the database open" in done.stderr
    monkeypatch.setattr(trafmon_query, "BUSY_WAIT_S", 60)
    monkeypatch.setattr("tmon_store.access.time.sleep", lambda _: held.poll() is None and held.communicate(b"\n"))
    assert query(database, "classes").returncode == 0
    assert held.returncode == 0


def test_head_ends_quietly(database):
    """A reader that has enough is no error."""
    asked = f"{' '.join(COMMAND)} {database} flow-errors --limit all --format csv | head -1"
    done = subprocess.run(asked, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ("", 1) == (done.stderr, done.stdout.count("\n"))


def test_a_full_disk(query, database, tmp_path):
    """Told, and nothing is left; to standard output, too."""
    with small_disk(tmp_path, "8k") as disk:
        done = query(database, "flow-errors", "--limit", "all", "-o", disk / "a.csv")
        assert (1, []) == (done.returncode, list(disk.iterdir()))
        assert "a.csv: cannot be written: No space left on device" in done.stderr
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, str(database), "flow-errors", "--format", "csv"], cwd=ROOT, stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def on_terminal(*arguments) -> tuple[int, str]:
    """Status and output of a query whose output is a terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen([*COMMAND, *map(str, arguments)], cwd=ROOT, stdout=follower, stderr=subprocess.STDOUT)
    os.close(follower)
    out = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # all has been read
            break
        if not piece:
            break
        out += piece
    os.close(leader)
    return process.wait(60), out.decode()


def test_names_do_not_drive_the_terminal(tmp_path):
    """Neither in tables nor in any other format; files get them as they are."""
    name = "x\x1b]0;y\x07\x9b2J"
    write_file(tmp_path / "spool", "flow_definition", [row_of("flow_definition", flow=1, flow_class=name)])
    write_file(tmp_path / "spool", "ip_counters", [row_of("ip_counters", flow=1, packets=1, octets=50)])
    load_spool(tmp_path / "spool", tmp_path / "t.duckdb")
    for format_ in ("table", "csv", "json", "jsonl"):
        status, out = on_terminal(tmp_path / "t.duckdb", "classes", "--format", format_)
        assert status == 0
        assert "\x1b]" not in out
        assert "\x07" not in out
        assert "\x9b" not in out
    assert name in program(tmp_path / "t.duckdb", "classes", "--format", "csv").stdout
    status, out = on_terminal(tmp_path / "t.duckdb", "classes", "--format", "parquet")
    assert status == 2
    assert "nothing for a terminal" in out


def test_the_list():
    """All questions, by the program itself."""
    from tmon_store.questions import QUESTIONS

    done = program("--list")
    assert done.returncode == 0
    assert all(name in done.stdout for name in QUESTIONS)


def test_why_nothing_fits_is_told(query, database):
    """No row without a reason: what the answer was narrowed by is named."""
    done = query(database, "classes", "--probe", "nowhere", "--address", "203.0.113.99", "--format", "csv")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1)
    assert done.stderr == "trafmon query: nothing fits --probe nowhere, --address 203.0.113.99\n"
    assert query(database, "classes", "--probe", "nowhere").stdout.splitlines()[-1] == "none", "no zeros that nobody measured"


def test_what_was_purged_is_told(query, tmp_path):
    """Minutes are gone, hours are there."""
    made().write(tmp_path / "spool")
    load_spool(tmp_path / "spool", tmp_path / "t.duckdb")
    store = open_store(Store(database=tmp_path / "t.duckdb"))
    for level in rollups(IP_COUNTERS)[:1]:
        store.drop_before(level, datetime(2100, 1, 1))  # noqa: DTZ001 as databases have it
    store.close()
    done = query(tmp_path / "t.duckdb", "classes", "--by", "1min", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, "trafmon query: nothing of ip_counters by 1min is held\n")
    assert query(tmp_path / "t.duckdb", "classes", "--by", "1h", "--format", "csv").stderr == ""


def test_full_standard_output_is_told(database):
    """What cannot be written to is named."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, str(database), "classes", "--format", "csv"], cwd=ROOT, stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr == "trafmon query: standard output cannot be written: No space left on device\n"
