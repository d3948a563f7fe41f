"""Runs of the update on both backends, without the DNS: what is new, what changes, what is left alone."""

import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from subprocess import PIPE

import pytest
import sqlalchemy as sa

from tests.mmdb import write_mmdb
from tests.unit.store.spool_files import START
from tmon_store.access import Access
from tmon_store.backends import mysql
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.ip_info import update as module
from tmon_store.ip_info.alone import alone
from tmon_store.ip_info.describe import Describer
from tmon_store.ip_info.geoip import GeoIP
from tmon_store.ip_info.rows import INFO
from tmon_store.ip_info.update import Update
from tmon_store.open import open_store
from tmon_store.organisation import Declaration, Organisation
from tmon_store.tables import flow

NOW = datetime(2026, 11, 26, 7, tzinfo=UTC).replace(tzinfo=None)
LATER = NOW + timedelta(hours=1)
SITE = Organisation([Declaration("10.1.0.0/16", "ADM", "Site 1"), Declaration("10.1.0.2", name="two"),
                     Declaration("2001:db8::/32", "ENG", "DMZ")])
ADDRESSES = {"10.1.0.1", "10.1.0.2", "198.51.100.1", "2001:db8::1", "224.0.0.5", "8.8.8.8", "192.0.2.53"}


def run(where, organisation=SITE, geoip=(), now=NOW, everything=False):
    return Update(Access(where, 0), Describer(organisation, GeoIP(geoip)), None, lambda: now, everything).run()


def ask(where, *columns, statement=None):
    store = open_store(where, read_only=True)
    try:
        if statement is None:
            statement = sa.select(*(INFO.c[c] for c in columns)).order_by(INFO.c.address)
        return store.query(statement)
    finally:
        store.close()


def test_new_addresses(where, some):
    """Of flows, records and counters; each with its place; names where they are declared, no question where it has no sense."""
    report = run(where)
    assert (7, 0) == (report.new, report.changed)
    columns = "activity", "location", "name", "name_status", "country", "asn", "first_seen", "updated"
    expected = {
        "10.1.0.1": ("ADM", "Site 1", None, None), "10.1.0.2": ("ADM", "Site 1", "two", "declared"),
        "192.0.2.53": ("Internet", "Internet", None, None), "198.51.100.1": ("Internet", "Internet", None, None),
        "2001:db8::1": ("ENG", "DMZ", None, None), "224.0.0.5": ("unknown", "unknown", None, "skipped"),
        "8.8.8.8": ("Internet", "Internet", None, None)}
    assert [(a, *v, None, None, NOW, NOW) for a, v in sorted(expected.items())] == ask(where, "address", *columns)


def test_again_nothing(where, some):
    """A second run finds nothing to do, and later flows are found; first_seen stays."""
    run(where)
    report = run(where, now=LATER)
    assert report.nothing
    some.flows(20, ("10.1.0.1", "10.1.0.9"), ("10.1.0.9", "198.51.100.1"))
    assert 1 == run(where, now=LATER).new
    assert {(NOW,), (LATER,)} == set(ask(where, "first_seen"))
    assert {(a,) for a in ADDRESSES | {"10.1.0.9"}} == set(ask(where, "address"))


def test_a_description_that_comes_late(where, some):
    """Flow 7 was counted before it was described, and flows were described after it."""
    run(where)
    some.flows(8, ("10.1.0.1", "10.1.0.8"))
    assert 1 == run(where).new
    some.flows(7, ("10.1.0.7", "10.1.0.1"))
    assert 1 == run(where).new


def test_flows_that_have_gone(where, some):
    """Where the newest flows were purged, their numbers come again: they are looked at again."""
    some.flows(7, *((f"10.1.0.{i}", "10.1.0.1") for i in range(7, 20)))  # with 7, all are described
    run(where)
    store = open_store(where)
    highest = store.query(sa.select(sa.func.max(flow.c.flow_key)))[0][0]
    store.begin()
    store.execute(sa.delete(flow).where(flow.c.flow_key > highest - 10))
    store.commit()
    store.close()
    some.flows(40, ("10.1.0.40", "10.1.0.1"))
    assert 1 == run(where).new
    assert run(where).nothing


def test_records_that_come_late(where, some):
    """Those of yesterday are found at once, those of long ago by a full update."""
    run(where)
    connection = {"flow": 1, "client_addr": "10.1.0.31", "server_addr": "10.1.0.1", "start": (START - 86_400) * 10**9}
    some.load("tcp_connection", connection)
    assert 1 == run(where).new
    some.load("tcp_connection", connection | {"client_addr": "10.1.0.32", "start": (START - 30 * 86_400) * 10**9})
    assert 0 == run(where).new
    assert 1 == run(where, everything=True).new


def test_more_addresses_than_are_taken_at_once(where, some, monkeypatch):
    """Piece by piece, and every page of a changed organisation."""
    some.flows(100, *((f"10.1.1.{i}", f"10.1.2.{i}") for i in range(20)))
    monkeypatch.setattr(module, "NEW_AT_ONCE", 3)
    monkeypatch.setattr(module, "PAGE", 5)
    assert 47 == run(where).new
    assert 43 == run(where, Organisation([Declaration("10.0.0.0/8", "HR", "Site 9")]), now=LATER).changed
    assert {("HR", "Site 9", 42), ("Internet", "Internet", 4), ("unknown", "unknown", 1)} == set(ask(where, statement=sa.select(
        INFO.c.activity, INFO.c.location, sa.func.count()).group_by(INFO.c.activity, INFO.c.location)))


def test_a_changed_organisation(where, some):
    """Rows follow at the next run; names that are declared no longer go; what did not change keeps its time."""
    run(where)
    changed = Organisation([Declaration("10.1.0.0/24", "ADM", "Site 1"), Declaration("198.51.100.0/24", "ADM", "Site 2"),
                            Declaration("2001:db8::/32", "ENG", "DMZ")])
    report = run(where, changed, now=LATER)
    assert (0, 2) == (report.new, report.changed)
    rows = {r[0]: r[1:] for r in ask(where, "address", "activity", "location", "name", "name_status", "first_seen", "updated")}
    assert ("ADM", "Site 1", None, None, NOW, LATER) == rows["10.1.0.2"]
    assert ("ADM", "Site 2", None, None, NOW, LATER) == rows["198.51.100.1"]
    assert ("ADM", "Site 1", None, None, NOW, NOW) == rows["10.1.0.1"]
    assert run(where, changed).nothing


def test_geography(where, some, tmp_path):
    """Comes with a file, changes with it, stays when it is broken, and goes when it is not configured any more."""
    path = tmp_path / "city.mmdb"
    run(where)
    write_mmdb(path, {"198.51.100.0/24": {"country": {"iso_code": "BE"}, "city": {"names": {"en": "Liège"}},
                                          "autonomous_system_number": 64500, "autonomous_system_organization": "a\tb\\"}})
    columns = "country", "city", "asn", "as_organisation"
    assert 1 == run(where, geoip=[path]).changed
    assert ("BE", "Liège", 64500, "a\tb\\") == ask(where, *columns)[3]
    write_mmdb(path, {"198.51.100.0/24": {"country": {"iso_code": "LU"}}})
    assert 1 == run(where, geoip=[path]).changed
    assert ("LU", None, None, None) == ask(where, *columns)[3]
    path.write_bytes(b"broken")
    assert run(where, geoip=[path]).nothing
    assert ("LU", None, None, None) == ask(where, *columns)[3]
    assert 1 == run(where).changed
    assert {(None,) * 4} == set(ask(where, *columns))


def test_all_is_idempotent(where, some):
    """A full update of what is up to date changes nothing."""
    run(where)
    before = ask(where, *INFO.c.keys())
    assert run(where, everything=True, now=LATER).nothing
    assert before == ask(where, *INFO.c.keys())


def test_no_database_yet(where):
    """The loader makes it, not the update."""
    with pytest.raises(StoreError):
        run(where)


def test_one_at_a_time(where, some):
    """A second update is told to come later; loaders get in meanwhile; after the first has ended, it does its work."""
    with alone(Access(where, 0)):
        with pytest.raises(StoreBusyError, match="another update of addresses is at work"), alone(Access(where, 0)):
            pytest.fail("two at once")
        some.flows(30, ("10.1.0.30", "10.1.0.1"))
    with alone(Access(where, 0)):
        assert 8 == run(where).new


@contextmanager
def another_program_writes(where):
    """It has the database open until the block ends, or `close` is called."""
    if where.backend == "mysql":
        store = open_store(where)
        yield store.close
        store.close()
        return
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code, where.database], stdin=PIPE, stdout=PIPE) as program:
        program.stdout.readline()
        yield program.communicate
        program.stdin.close()


def test_while_a_loader_has_the_database(where, some, monkeypatch):
    """The update waits as long as it may, then the next run has to do; once the loader lets go, it goes on."""
    monkeypatch.setattr(mysql, "BUSY_WAIT_S", 0)
    with another_program_writes(where) as let_go:
        now = [100.0]
        with pytest.raises(StoreBusyError), Access(where, 0.5, lambda s: now.append(now[-1] + s), lambda: now[-1]).opened():
            pytest.fail("two at once")
        assert 0.5 <= now[-1] - 100 <= 0.7

        with Access(where, 60.0, lambda _: let_go()).opened() as store:
            assert [(2,)] == store.query("SELECT count(*) FROM flow WHERE src_addr IS NOT NULL")
