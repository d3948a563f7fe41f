"""What the backend says when things go wrong, and which settings of a server it can do with."""

import tempfile
import threading
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from tests.mariadb import running
from tests.unit.store.spool_files import START, row_of, stored_rollup, write_file
from tmon_common.config.store_model import Server
from tmon_store.backends import mysql_connection
from tmon_store.backends.mysql import MySQL
from tmon_store.errors import StoreConflictError, StoreError, StoreLockedError
from tmon_store.load import load_spool
from tmon_store.mysql.template import loaders_tables
from tmon_store.open import open_store
from tmon_store.schema import Field, Storage, Table


def server_with(mariadb, tmp_path, text, mode=0o600, **more):
    file = tmp_path / f"o{len(text)}.cnf"
    file.touch(mode)
    file.write_text(f"[g]\n{text}\n")
    return Server(socket=more.pop("socket", mariadb.socket), option_file=file, group="g", **more)


def test_what_goes_wrong_is_told(mariadb, tmp_path, shared, store, monkeypatch):
    """Whose fault, and what to do; no password in it."""
    cases = [
        (server_with(mariadb, tmp_path, "user=root\npassword=geheim"), "does not let 'root' in.*\\[g\\] in .*o25.cnf"),
        (server_with(mariadb, tmp_path, "user=root", socket=tmp_path / "none"), "no MySQL server answers there.*is it running"),
    ]
    for server, reason in cases:
        with pytest.raises(StoreError, match=reason) as caught:
            MySQL(server, "trafMon_x")
        assert "geheim" not in str(caught.value)
    closed = Server(host="127.0.0.1", port=1, option_file=mariadb.options, group=mariadb.root.group)
    with pytest.raises(StoreError, match=r"127.0.0.1:1: no MySQL server answers"):
        MySQL(closed, "trafMon_x")
    with pytest.raises(StoreError, match=r"trafMon_none at .*no such database yet: the loader creates it"):
        MySQL(mariadb.root, "trafMon_none", read_only=True)
    with pytest.raises(StoreError, match="syntax"):
        store.query("SELECT FROM")


def test_local_infile_off(mariadb, store):
    """Told with its cure; the transaction can be undone."""
    mariadb.sql("SET GLOBAL local_infile = 0")
    try:
        store.begin()
        with pytest.raises(StoreError, match="set local_infile=ON"):
            store.append(loaders_tables()[0][1], pl.DataFrame({"name": ["x"]}))
        store.rollback()
    finally:
        mariadb.sql("SET GLOBAL local_infile = 1")


def test_a_connection_lost_within_a_load(mariadb, store, shared, tmp_path):
    """What was under way is undone, and told as such; the next run goes on."""
    manifest = loaders_tables()[0][1]
    store.begin()
    store.append(manifest, pl.DataFrame({"name": ["lost"]}))
    mariadb.sql(f"KILL {store.query('SELECT connection_id()')[0][0]}")
    for _ in range(2):
        with pytest.raises(StoreError, match=r"the connection is lost.*the next run goes on"):
            store.append(manifest, pl.DataFrame({"name": ["never"]}))
    with pytest.raises(StoreError, match="the connection is lost"):
        store.rollback()
    store.close()
    again = open_store(shared)
    assert {} == again.loaded(["lost", "never"])
    again.close()


def test_a_deadlock_is_a_conflict(mariadb, store):
    """The transaction that the server gives up may be tried again; a wait that lasts too long ends with what it waited for."""
    table = Table("deadlock", (Field("a", Storage.INTEGER), Field("b", Storage.INTEGER)), ("a",))
    store.ensure([table])
    store.append(table, pl.DataFrame({"a": [1, 2], "b": [0, 0]}))
    rows = sa.table("deadlock", sa.column("a"), sa.column("b"))
    other = mysql_connection.Connection(mariadb.root)
    other.rows("USE trafMon_shared")
    other.begin()
    # More rows changed make the other one dearer, so ours is given up.
    other.rows("INSERT INTO deadlock (a) SELECT seq FROM seq_1000_to_1500")
    other.rows("UPDATE deadlock SET b = 1 WHERE a = 1")
    store.begin()
    store.execute(sa.update(rows).where(rows.c.a == 2).values(b=2))
    waiting = threading.Thread(target=lambda: other.rows("UPDATE deadlock SET b = 1 WHERE a = 2"))
    waiting.start()
    with pytest.raises(StoreConflictError, match=r"trafMon_shared at"):
        store.execute(sa.update(rows).where(rows.c.a == 1).values(b=2))
    waiting.join(60)
    store.rollback()
    store.query("SET SESSION innodb_lock_wait_timeout = 1")
    with pytest.raises(StoreLockedError, match="another program holds rows"):
        store.execute(sa.update(rows).where(rows.c.a == 1).values(b=2))
    other.rollback()
    other.close()


@pytest.fixture
def folder():
    """Of a server: its socket's path must not be long."""
    with tempfile.TemporaryDirectory(prefix="tmdb-") as folder:
        yield Path(folder)


def test_settings_of_the_server_do_not_stop_the_loader(folder, tmp_path):
    """Packets of 1 MiB at most, connections that may be idle for a second, no warnings kept: set by an administrator for others."""
    settings = ("--max-allowed-packet=1M", "--wait-timeout=1", "--net-read-timeout=1", "--max-error-count=0", "--sql-mode=",
                "--autocommit=0", "--default-time-zone=+05:30", "--transaction-isolation=SERIALIZABLE",
                "--lower-case-table-names=1")
    folder.chmod(0o755)  # the server runs as another user
    with running(folder / "m", *settings) as server:
        where = server.store("trafMon_Strict")
        write_file(tmp_path, "event", [row_of("event", details="x" * 3_000_000)])
        write_file(tmp_path, "ip_counters", [row_of("ip_counters", octets=4)])
        assert not load_spool(tmp_path, where).warnings
        assert {START} == {key[3] for key in stored_rollup(where, "ip_counters", "1min")}
        store = open_store(where)
        assert [(3600, 3600, 64)] == store.query("SELECT @@wait_timeout, @@net_read_timeout, @@max_error_count")
        store.ensure(*loaders_tables())
        with pytest.raises(StoreError, match=r"not taken as they are.*Out of range"):
            store.append(Table("loaded_file", (Field("rows", Storage.TEXT),)), pl.DataFrame({"name": ["x"], "rows": ["9" * 30]}))
        store.close()
