"""Volumes of days, beside the same computed slowly: by the script's way and by the procedures of a server."""

import subprocess
from datetime import date, datetime, timedelta

import pytest

from tests.oracles.volume_twin import DAY
from tests.unit.store.spool_files import row_of, write_file
from tests.unit.store.volumes.contents import kept, know
from tests.unit.store.volumes.world import MIDNIGHT, PLACES, made
from tmon_common.observations import IP_COUNTERS
from tmon_store.errors import StoreError
from tmon_store.load import load_spool
from tmon_store.mysql.procedures import built_in
from tmon_store.open import open_store
from tmon_store.schema import rollups
from tmon_store.volumes.aggregate import CountersGoneError, ensure, outdated, sum_up
from tmon_store.volumes.procedures import procedures

DAYS = [date(2023, 11, 14), date(2023, 11, 15), date(2023, 11, 16)]
LENGTHS = {"1h": 3600, "1day": DAY}


@pytest.mark.parametrize("seed", range(4))
def test_volumes_equal_the_twin(opened, seed):
    """Every row, of both sources, by hour and by day, on the day and its neighbours; whichever day is summed up first."""
    world = made(seed)
    store = opened(world)
    for source in ("probe", "netflow"):
        for n in (1, 0, 2, 1):
            sum_up(store, DAYS[n], source)
        for granularity, length in LENGTHS.items():
            expected: dict = {}
            for n in (-1, 0, 1):
                expected |= world.expected(MIDNIGHT + n * DAY, length, source)
            assert expected == kept(store, granularity, source)


@pytest.mark.parametrize("seed", range(2))
def test_procedures_equal_the_twin(mariadb, tmp_path, seed):
    """What a person calls at a client does what the script does; a class, or all of them."""
    world, where = made(100 + seed), mariadb.store()
    world.write(tmp_path)
    load_spool(tmp_path, where)
    store = open_store(where)
    ensure(store)
    know(store)
    for statement in (*built_in(), *procedures()):
        store.run(statement)
    store.close()
    name = where.database
    for day in ("2023-11-15", "2023-11-14", "2023-11-15"):
        mariadb.sql(f"CALL Update_ftp_data_in_ipcttable('{name}', '{day}');"
                    f"CALL Aggr_activityvolumetable_first_level('{name}', '{day}', '');"
                    f"CALL Aggr_activityvolumetable_first_level('{name}', '{day}', 'both');"
                    f"CALL Aggr_activityvolumetable_netflow_first_level('{name}', '{day}')", name)
    store = open_store(where, read_only=True)
    try:
        for source in ("probe", "netflow"):
            for granularity, length in LENGTHS.items():
                expected = world.expected(MIDNIGHT, length, source) | world.expected(MIDNIGHT - DAY, length, source)
                assert expected == kept(store, granularity, source)
    finally:
        store.close()


def test_a_procedure_waits_for_nobody_who_writes(mariadb, tmp_path):
    """A loader has the database: refused, and told so; then done."""
    where = mariadb.store()
    made(0).write(tmp_path)
    load_spool(tmp_path, where)
    store = open_store(where)
    ensure(store)
    for statement in (*built_in(), *procedures()):
        store.run(statement)
    call = f"CALL Aggr_activityvolumetable_netflow_first_level('{where.database}', '2023-11-15')"
    with pytest.raises(AssertionError, match="a loader has the database open"):
        mariadb.sql(call, where.database)
    store.close()
    assert mariadb.sql(f"{call}; {call}", where.database) == []


def test_a_procedure_gives_nobody_more_rights(mariadb, tmp_path):
    """An account that may read and call changes nothing, and does not keep the loader out afterwards."""
    where = mariadb.store()
    made(0).write(tmp_path)
    load_spool(tmp_path, where)
    store = open_store(where)
    ensure(store)
    know(store)
    sum_up(store, DAYS[1], "netflow")
    for statement in (*built_in(), *procedures()):
        store.run(statement)
    store.close()
    name = where.database
    mariadb.sql(f"CREATE OR REPLACE USER reader IDENTIFIED BY 'x'; GRANT SELECT, EXECUTE ON {name}.* TO reader")
    for call in (f"Update_ftp_data_in_ipcttable('{name}', '2023-11-15')",
                 f"Aggr_activityvolumetable_netflow_first_level('{name}', '2023-11-15')"):
        done = subprocess.run(["mariadb", "--no-defaults", "-u", "reader", "-px", "-S", mariadb.socket, name, "-e",
                               f"CALL {call}"], capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "command denied" in done.stderr
    store = open_store(where)
    assert made(0).expected(MIDNIGHT, 3600, "netflow") == kept(store, "1h", "netflow")
    store.close()


def test_a_day_is_replaced_whole(opened):
    """The organisation has changed: everything of that day is as it is now, nothing of another day or source is touched."""
    world = made(7)
    store = opened(world)
    for source in ("probe", "netflow"):
        for day in DAYS[:2]:
            sum_up(store, day, source)
    others = {**PLACES, "10.0.0.1": ("finance", "south", None), "198.51.100.7": ("finance", "attic", None)}
    know(store, others)
    sum_up(store, DAYS[1], "probe")
    for granularity, length in LENGTHS.items():
        expected = world.expected(MIDNIGHT, length, places=others) | world.expected(MIDNIGHT - DAY, length)
        assert expected == kept(store, granularity)
        expected = world.expected(MIDNIGHT, length, "netflow") | world.expected(MIDNIGHT - DAY, length, "netflow")
        assert expected == kept(store, granularity, "netflow")


def test_of_some_classes(opened):
    """Those that were asked for, and what there was of others goes; a class that nobody has is none."""
    world = made(8)
    store = opened(world)
    sum_up(store, DAYS[1], "probe")
    made_of = sum_up(store, DAYS[1], "probe", ("both", "none", "bare"))
    expected = world.expected(MIDNIGHT, 3600, classes=("both", "bare"))
    assert expected == kept(store, "1h")
    assert made_of.rows == len(expected)
    assert made_of.octets == sum(row[0] + row[1] for row in expected.values())
    assert made_of.packets == sum(row[2] + row[3] for row in expected.values())


def test_outdated_days(opened, where, tmp_path):
    """Days never summed up, days for which files came late; none twice."""
    def due(source="probe", classes=()):
        return outdated(store, DAYS[0], DAYS[0] + timedelta(days=4), source, classes)

    definitions = [row_of("flow_definition", flow=n, flow_class=c) for n, c in ((1, "a"), (2, "b"))]
    write_file(tmp_path / "spool", "flow_definition", definitions)
    write_file(tmp_path / "spool", "ip_counters", [
        row_of("ip_counters", flow=flow, start=(MIDNIGHT + n * DAY) * 10**9, octets=5, octets_rev=6, packets=1)
        for flow, days in ((1, (-1, 0, 1, 9)), (2, (0,))) for n in days])
    load_spool(tmp_path / "spool", where)
    store = opened()
    assert due() == DAYS
    assert due(classes=["b"]) == [DAYS[1]]
    assert due("netflow") == []
    for day in (DAYS[0], DAYS[1]):
        sum_up(store, day, "probe")
    assert due() == [DAYS[2]]
    store.close()
    write_file(tmp_path / "spool", "ip_counters", [row_of("ip_counters", flow=1, start=MIDNIGHT * 10**9, octets=1)], "late")
    load_spool(tmp_path / "spool", where)
    store = opened()
    assert due() == DAYS[1:]
    for day in due():
        sum_up(store, day, "probe")
    assert due() == []


def test_days_of_a_transfer_that_ended_later(opened, where, tmp_path):
    """Its row came when the first days had been summed up: they are due again, though no counter has changed."""
    first = MIDNIGHT - 3600
    write_file(tmp_path / "spool", "ftp_transfer", [
        row_of("ftp_transfer", flow=1, start=first * 10**9, end=(MIDNIGHT + DAY + 5) * 10**9, mode="passive", data_port=50000)])
    write_file(tmp_path / "spool", "flow_definition", [row_of("flow_definition", flow=1)])
    write_file(tmp_path / "spool", "ip_counters", [
        row_of("ip_counters", flow=1, start=(first + n * DAY) * 10**9, octets=5) for n in range(3)])
    load_spool(tmp_path / "spool", where)
    store = opened()
    for day in DAYS:
        sum_up(store, day, "probe")
    assert outdated(store, DAYS[0], DAYS[2] + timedelta(days=1), "probe") == DAYS[:2]
    assert outdated(store, DAYS[0], DAYS[2] + timedelta(days=2), "probe") == []


def test_a_failure_leaves_the_day_as_it_was(opened, monkeypatch):
    """Whatever statement fails."""
    world = made(9)
    store = opened(world)
    sum_up(store, DAYS[1], "probe")
    know(store, {})
    real, left = type(store).execute, 0

    def execute(self, statement):
        nonlocal left
        left -= 1
        if left < 0:
            raise StoreError("full")
        return real(self, statement)

    monkeypatch.setattr(type(store), "execute", execute)
    for n in range(8):
        left = n
        with pytest.raises(StoreError, match="full"):
            sum_up(store, DAYS[1], "probe")
    assert world.expected(MIDNIGHT, 3600) == kept(store, "1h")
    left = 100
    sum_up(store, DAYS[1], "probe")
    assert world.expected(MIDNIGHT, 3600, places={}) == kept(store, "1h")


HOSTS = {"10.0.0.1": ("a", "x"), "10.0.0.2": ("a", "x"), "10.0.0.3": ("a", "y"), "10.0.0.4": ("b", "x"), "10.0.0.5": ("b", "y"),
         "192.0.2.1": ("Internet", "Internet"), "10.0.0.8": ("unknown", "x"), "10.0.0.9": ("unknown", "unknown")}
"""10.0.0.7 is not there."""


RELATIONS = {
    "10.0.0.2": "same activity, same location", "10.0.0.3": "same activity, other location",
    "10.0.0.4": "other activity, same location", "10.0.0.5": "other activity, other location", "192.0.2.1": "Internet",
    "10.0.0.7": "unknown", "10.0.0.8": "unknown", "10.0.0.9": "unknown"}
"""Of 10.0.0.1 to others."""


def test_relations(opened, where, tmp_path):
    """Whoever began; the own host is `host`; of two own ones, the client."""
    pairs = [pair for peer in RELATIONS for pair in (("10.0.0.1", peer), (peer, "10.0.0.1"))]
    write_file(tmp_path / "spool", "flow_definition", [
        row_of("flow_definition", flow=n, protocol=6, src_addr=src, dst_addr=dst, src_port=40000, dst_port=80, bidirectional=1)
        for n, (src, dst) in enumerate(pairs)])
    counters = [row_of("ip_counters", flow=n, octets=10, octets_rev=20) for n in range(len(pairs))]
    write_file(tmp_path / "spool", "ip_counters", counters)
    load_spool(tmp_path / "spool", where)
    store = opened()
    know(store, {address: (*place, None) for address, place in HOSTS.items()})
    sum_up(store, DAYS[0], "probe")
    expected = set()
    for client, server in pairs:
        peer = server if client == "10.0.0.1" else client
        turned = peer in ("192.0.2.1", "10.0.0.7", "10.0.0.9") and client == peer
        ends = (server, client, "server", 20) if turned else (client, server, "client", 10)
        expected.add((*ends[:3], "http", RELATIONS[peer], ends[3]))
    found = store.query("SELECT host, peer, host_role, service, relation, octets_out FROM volume_1day")
    assert expected == set(found)
    assert len(expected) == len(found)


def test_volumes_outlive_their_counters(opened):
    """Counters have been purged, at one granularity or both: volumes are not made from what is left, and stay."""
    world = made(5)
    store = opened(world)
    sum_up(store, DAYS[1], "probe")
    before = {g: kept(store, g) for g in LENGTHS}
    hours, days = rollups(IP_COUNTERS)[1:]
    for purged in (hours, days):
        store.drop_before(purged, datetime(2023, 12, 1))  # noqa: DTZ001 as the database has it
        with pytest.raises(CountersGoneError, match="2023-11-15"):
            sum_up(store, DAYS[1], "probe")
        assert before == {g: kept(store, g) for g in LENGTHS}
    assert outdated(store, DAYS[0], DAYS[2], "probe") == []
    assert sum_up(store, DAYS[0], "probe").rows == 0
