"""scripts/trafmon_mysql.py on a real server: template, accounts, and what the one that only reads cannot do."""

import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from tests.mariadb import running
from tests.unit.store.spool_files import row_of, stored_rollup, write_file
from tmon_common.config.store_model import Server
from tmon_store.backends.mysql_connection import Connection
from tmon_store.errors import StoreError
from tmon_store.load import load_spool
from tmon_store.mysql.accounts import REPORTS, set_up
from tmon_store.mysql.option_file import credentials
from tmon_store.open import open_store
from tmon_store.protocol_port import TABLE, fill, rows

SCRIPT = Path(__file__).resolve().parents[4] / "scripts" / "trafmon_mysql.py"
DATABASE = "trafMon_accounts"


@contextmanager
def short_folder():
    """For a server: its socket's path must not be long, and it runs as another user."""
    with tempfile.TemporaryDirectory(prefix="tmdb-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder, "m")


class Place:
    """A server that has been set up, and the two option files."""

    def __init__(self, mariadb, folder):
        self.mariadb, self.loader, self.reports = mariadb, folder / "loader.cnf", folder / "reports.cnf"

    def run(self, action, *arguments):
        files = ["--loader-file", self.loader, "--reports-file", self.reports] if action == "setup" else []
        return subprocess.run([sys.executable, SCRIPT, action, "--socket", self.mariadb.socket, "--option-file",
                               self.mariadb.options, "--group", self.mariadb.root.group, *files, *arguments],
                              capture_output=True, text=True, check=False)

    def store(self, file, group):
        return self.mariadb.store(DATABASE, Server(socket=self.mariadb.socket, option_file=file, group=group))

    @property
    def by_loader(self):
        return self.store(self.loader, "trafmon_loader")

    @property
    def by_reports(self):
        return self.store(self.reports, "trafmon_reports")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A server of its own: it is filled with accounts, and looked at as a whole."""
    with short_folder() as folder, running(folder) as mariadb:
        place = Place(mariadb, tmp_path_factory.mktemp("accounts"))
        done = place.run("setup")
        assert (0, "") == (done.returncode, done.stderr)
        yield place


@pytest.fixture(scope="module")
def loaded(place, tmp_path_factory):
    """The database with a little in it, loaded by the loader's account."""
    spool = tmp_path_factory.mktemp("spool")
    write_file(spool, "flow_definition", [row_of("flow_definition", flow=1)])
    write_file(spool, "ip_counters", [row_of("ip_counters", flow=1, octets=7)])
    load_spool(spool, place.by_loader)
    return place


def test_the_loaders_account_loads_and_the_other_reads(loaded):
    """The database was made by it; both see the same."""
    assert [7] == [v["octets_sum"] for v in stored_rollup(loaded.by_reports, "ip_counters", "1day").values()]
    assert [7] == [v["octets_sum"] for v in stored_rollup(loaded.by_loader, "ip_counters", "1day").values()]


@pytest.mark.parametrize("statement", [
    "INSERT INTO flow (flow_key, probe, run, flow) VALUES (9, 'x', 1, 1)",
    "UPDATE flow SET flow_class = 'x'", "DELETE FROM flow", "REPLACE INTO flow (flow_key, probe, run, flow) VALUES (1, 'x', 1, 1)",
    "TRUNCATE flow", "DROP TABLE flow", "DROP VIEW ip_counters_1min", "CREATE TABLE x (a INT)", "CREATE TEMPORARY TABLE x (a INT)",
    "CREATE VIEW x AS SELECT 1", "ALTER TABLE flow ADD COLUMN x INT", "ALTER TABLE ip_counters_1min_rows TRUNCATE PARTITION pPast",
    "CREATE INDEX x ON flow (flow)", "RENAME TABLE flow TO x", "LOCK TABLES flow WRITE",
    "CREATE DATABASE trafMon_x", f"DROP DATABASE {DATABASE}",
    "INSERT INTO ip_counters_1min_rows (flow_key, start) VALUES (1, now())", "UPDATE ip_counters_1h SET flow_key = 2",
    "INSERT INTO trafMon_template.protocol_port VALUES (6, 1, 'x', 1)", "DROP PROCEDURE trafMon_template.Partition_drop",
    "CREATE PROCEDURE x() SELECT 1", "SELECT 1 INTO OUTFILE '/tmp/trafmon-x'", "GRANT SELECT ON trafMon.* TO tmon_birt@localhost",
    "SELECT * FROM mysql.user", "SET GLOBAL local_infile = 1", "CREATE TRIGGER t BEFORE INSERT ON flow FOR EACH ROW SET @x = 1",
    f"CALL trafMon_template.Partition_add('{DATABASE}', 'ip_counters_1min', '2024-01-01')",
    f"CALL trafMon_template.Partition_drop('{DATABASE}', 'ip_counters_1min', 1)",
])
def test_the_account_that_reads_cannot_write(loaded, statement):
    """Whatever is tried, as a client without our own precautions."""
    server = loaded.by_reports.server
    account = Connection(server)
    account.rows(f"USE {DATABASE}")
    with pytest.raises(StoreError, match=r"denied|no right to this"):
        account.rows(statement)
    account.close()


def test_the_account_that_reads_cannot_load(loaded):
    """Neither by LOAD DATA, nor by opening the database as a loader does."""
    account = Connection(loaded.by_reports.server)
    account.rows(f"USE {DATABASE}")
    with pytest.raises(StoreError, match="denied"):
        account.load("LOAD DATA LOCAL INFILE 'x' INTO TABLE flow (flow_key)", [b"1\n"])
    account.rows(f"CALL trafMon_template.Drop_working_tables('{DATABASE}')")  # there are none: nothing to be denied
    account.close()
    loader = Connection(loaded.by_loader.server)
    loader.rows(f"CREATE TABLE {DATABASE}.working_x (a INT)")
    account = Connection(loaded.by_reports.server)
    with pytest.raises(StoreError, match="denied"):
        account.rows(f"CALL trafMon_template.Drop_working_tables('{DATABASE}')")
    loader.rows(f"CALL trafMon_template.Drop_working_tables('{DATABASE}')")
    assert [] == loader.rows(f"SHOW TABLES FROM {DATABASE} LIKE 'working_x'")
    loader.close()
    account.close()


@pytest.mark.parametrize("statement", ["CREATE DATABASE other", "SELECT * FROM mysql.user", "SET GLOBAL local_infile = 1",
                                       "CREATE USER x@localhost"])
def test_the_loaders_account_is_no_administrator(loaded, statement):
    """All on trafMon%, nothing else."""
    account = Connection(loaded.by_loader.server)
    with pytest.raises(StoreError, match="denied"):
        account.rows(statement)
    account.close()


def test_again_and_again(place):
    """What is there stays; files are their owners' alone; passwords are in no output."""
    before = {f: f.read_bytes() for f in (place.loader, place.reports)}
    done = place.run("setup")
    assert 0 == done.returncode, done.stderr
    assert done.stdout.count("its password stays") == 2
    for file, text in before.items():
        assert text == file.read_bytes()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        password = credentials(file, "trafmon_loader" if file == place.loader else "client").password
        assert len(password) == 32
        assert password not in done.stdout + done.stderr


def test_a_lost_file_gets_a_new_password(place):
    """The account stays, the old password is void; rights that somebody added go."""
    old = credentials(place.reports, "client").password
    place.reports.unlink()
    place.mariadb.sql("GRANT DELETE ON *.* TO tmon_birt@localhost")
    done = place.run("setup")
    assert "a new password is in" in done.stdout
    new = credentials(place.reports, "client").password
    assert old != new
    Connection(place.by_reports.server).close()
    stale = place.reports.with_name("stale.cnf")
    stale.touch(0o600)
    stale.write_text(f"[g]\nuser=tmon_birt\npassword={old}\n")
    with pytest.raises(StoreError, match="does not let 'tmon_birt' in"):
        Connection(Server(socket=place.mariadb.socket, option_file=stale, group="g"))
    assert [f"GRANT {REPORTS.rights} ON `trafMon%`.* TO `tmon_birt`@`localhost`"] == [
        row[0] for row in place.mariadb.sql("SHOW GRANTS FOR tmon_birt@localhost")][1:]


def test_rights_to_pass_on_rights_go(place):
    """They look like those of the account, and are more."""
    place.mariadb.sql("GRANT SELECT, EXECUTE, SHOW VIEW ON `trafMon%`.* TO tmon_birt@localhost WITH GRANT OPTION")
    assert 0 == place.run("setup").returncode
    assert "GRANT OPTION" not in str(place.mariadb.sql("SHOW GRANTS FOR tmon_birt@localhost"))


def test_the_server_never_sees_a_password(tmp_path):
    """Not even in the log of all statements."""
    with short_folder() as folder:
        log = folder / "all.log"
        with running(folder, "--general-log=1", f"--general-log-file={log}") as mariadb:
            set_up(mariadb.root, REPORTS, "localhost", tmp_path / "r.cnf")
        log = log.read_bytes()
    assert b"tmon_birt" in log
    assert credentials(tmp_path / "r.cnf", "client").password.encode() not in log


@pytest.mark.parametrize(("arguments", "reason"), [
    (["--loader", "x'; DROP USER root; --"], "not a name of an account"),
    (["--reports", 'a"b'], "not a name of an account"),
    (["--reports", "a@b"], "not a name of an account"),
    (["--accounts-from", "%' IDENTIFIED BY 'x"], "not a name, address or pattern of a host"),
    (["--accounts-from", ""], "not a name, address or pattern of a host"),
    (["--group", "nobody"], "no group [nobody]"),
])
def test_names_are_checked(place, arguments, reason):
    """No statement is made of them; nobody new is there."""
    before = place.mariadb.sql("SELECT user, host FROM mysql.user ORDER BY 1, 2")
    done = place.run("setup", *arguments)
    assert 1 == done.returncode
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
    assert before == place.mariadb.sql("SELECT user, host FROM mysql.user ORDER BY 1, 2")


def test_a_file_with_more_in_it_is_not_written_over(place, tmp_path):
    """Somebody else's groups would be lost."""
    file = tmp_path / "my.cnf"
    file.touch(0o600)
    file.write_text("[client]\nuser=me\npassword=mine\n[mysqldump]\nquick\n")
    with pytest.raises(StoreError, match=r"holds more than the account tmon_birt \(\[mysqldump\]\)"):
        set_up(place.mariadb.root, REPORTS, "localhost", file)
    assert "mine" in file.read_text()


def test_a_file_that_cannot_be_written(place, tmp_path):
    """Told, and the account as it was."""
    with pytest.raises(StoreError, match=r"cannot write user and password"):
        set_up(place.mariadb.root, REPORTS, "localhost", Path("/dev/null/x"))
    with pytest.raises(StoreError, match="there is no user 'nobody_of_that_name'"):
        set_up(place.mariadb.root, REPORTS, "localhost", tmp_path / "f.cnf", "nobody_of_that_name")
    assert [] == list(tmp_path.iterdir())
    Connection(place.by_reports.server).close()


def test_check_tells_what_is_wrong(place):
    """Each thing on a line; the exit status says whether all is well."""
    good = place.run("check")
    assert 0 == good.returncode, good.stdout + good.stderr
    assert "BAD" not in good.stdout
    place.mariadb.sql("SET GLOBAL local_infile = 0; CREATE DATABASE trafMon_odd;"
                      " CREATE TABLE trafMon_odd.t (a DATE) PARTITION BY RANGE COLUMNS(a)"
                      " (PARTITION pFuture VALUES LESS THAN (MAXVALUE));"
                      " INSERT INTO trafMon_odd.t VALUES ('2024-05-01'); DROP PROCEDURE trafMon_template.Partition_drop")
    bad = place.run("check")
    place.mariadb.sql("SET GLOBAL local_infile = 1; DROP DATABASE trafMon_odd")
    assert 1 == bad.returncode
    for part in ("local_infile is OFF", "lacks Partition_drop", "trafMon_odd.t: rows in pFuture"):
        assert part in bad.stdout
    assert 0 == place.run("setup").returncode
    assert 0 == place.run("check").returncode


@pytest.mark.parametrize("evil", ['x" LIMIT 0;GRANT ALL ON *.* TO tmon_db@localhost;-- x', "50%s", 'a"b', "a`b"])
def test_check_is_not_led_by_names_of_tables(place, evil):
    """The loader's account names its tables as it likes; an administrator who looks at them does nothing else for it."""
    loader = Connection(place.by_loader.server)
    quoted = evil.replace('"', '""')
    loader.rows('CREATE DATABASE "trafMon_evil"')
    loader.rows('CREATE TABLE "trafMon_evil"."x" (a INT)')
    loader.rows('CREATE TABLE "trafMon_evil"."other" (a INT) PARTITION BY RANGE(a) (PARTITION p VALUES LESS THAN (7))')
    loader.rows(f'CREATE TABLE "trafMon_evil"."{quoted}" (a INT) PARTITION BY RANGE(a)'
                ' (PARTITION "pFuture" VALUES LESS THAN MAXVALUE)')
    loader.rows(f'INSERT INTO "trafMon_evil"."{quoted}" VALUES (1)')
    before = place.mariadb.sql("SHOW GRANTS FOR tmon_db@localhost")
    found = place.run("check")
    grants = place.mariadb.sql("SHOW GRANTS FOR tmon_db@localhost")
    loader.rows('DROP DATABASE "trafMon_evil"')
    loader.close()
    assert before == grants
    assert f"trafMon_evil.{evil}: rows in pFuture" in found.stdout
    assert not found.stderr


def test_one_statement_at_a_time(place):
    """Text that slips into a statement cannot add a second one."""
    loader = Connection(place.by_loader.server)
    with pytest.raises(StoreError, match="error in your SQL syntax"):
        loader.rows("SELECT 1; SELECT 2")
    loader.close()


def test_ports_are_those_of_the_template(place, tmp_path):
    """A port that was added there is in databases to come; filling again changes nothing."""
    place.mariadb.sql("INSERT INTO protocol_port VALUES (6, 65000, 'of the house', 5)", "trafMon_template")
    store = open_store(place.mariadb.store("trafMon_ports", place.by_loader.server))
    fill(store)
    fill(store)
    found = store.query("SELECT protocol, port, service, precedence FROM protocol_port ORDER BY 1, 2")
    store.close()
    assert sorted([*rows(), (6, 65000, "of the house", 5)]) == found


def test_ports_in_duckdb(tmp_path):
    """The same rows; what was changed by hand stays."""
    store = open_store(tmp_path / "t.duckdb")
    fill(store)
    store.begin()
    store.add_missing(TABLE, pl.DataFrame({"protocol": [6], "port": [65000], "service": ["mine"], "precedence": [5]}))
    store.commit()
    fill(store)
    assert sorted([*rows(), (6, 65000, "mine", 5)]) == store.query("SELECT * FROM protocol_port ORDER BY 1, 2")
    store.close()


def test_names_of_ports_are_those_of_the_system():
    """/etc/services (IANA's names), but for ports that are known for something else than what they are assigned to."""
    known = {(6, 3050), (6, 5061), (17, 5061), (6, 6667), (6, 7000), (6, 8081), (6, 10000)}
    numbers = {"tcp": 6, "udp": 17, "sctp": 132, "dccp": 33}
    system: dict[tuple[int, int], set[str]] = {}
    for line in Path("/etc/services").read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        port, _, protocol = words[1].partition("/") if len(words) > 1 else ("", "", "")
        if protocol in numbers:
            system.setdefault((numbers[protocol], int(port)), set()).update((words[0], *words[2:]))
    odd = {(protocol, port): (service, system[protocol, port]) for protocol, port, service, _ in rows()
           if (protocol, port) in system and service not in system[protocol, port]}
    assert known >= set(odd), odd
    assert len(system.keys() & {r[:2] for r in rows()}) > 100
