"""Volumes of days, beside the same computed slowly: by the script's way and by the procedures of a server."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from tests.oracles.volume_twin import DAY
from tests.unit.store.volume_world import MIDNIGHT, PLACES, PORTS, made
from tmon_common.config.store_model import Store
from tmon_store import tables
from tmon_store.load import load_spool
from tmon_store.mysql.procedures import built_in
from tmon_store.open import open_store
from tmon_store.volumes.aggregate import ensure, sum_up
from tmon_store.volumes.known import ip_info, protocol_port
from tmon_store.volumes.procedures import procedures
from tmon_store.volumes.schema import VOLUMES

DAYS = [date(2023, 11, 14), date(2023, 11, 15), date(2023, 11, 16)]
LENGTHS = {"1h": 3600, "1day": DAY}


@pytest.fixture(params=["duckdb", "mysql"])
def where(request, tmp_path):
    """<store> of a database that does not exist yet."""
    if request.param == "duckdb":
        return Store(database=tmp_path / "t.duckdb")
    return request.getfixturevalue("mariadb").store()


@pytest.fixture
def opened(where, tmp_path):
    """A way to open the database with what a world has."""
    stores = []

    def opened(world):
        world.write(tmp_path / "spool")
        assert load_spool(tmp_path / "spool", where).rejected == 0
        store = open_store(where)
        stores.append(store)
        ensure(store)
        know(store)
        return store

    yield opened
    for store in stores:
        store.close()


def know(store, places=PLACES):
    """Ports and places, instead of those that are known."""
    store.begin()
    store.execute(sa.delete(protocol_port))
    store.execute(sa.delete(ip_info))
    for (protocol, port), (service, precedence) in PORTS.items():
        store.execute(sa.insert(protocol_port).values(protocol=protocol, port=port, service=service, precedence=precedence))
    for address, (activity, location, country) in places.items():
        store.execute(sa.insert(ip_info).values(address=address, activity=activity, location=location, country=country))
    store.commit()


def kept(store, granularity: str, source: str = "probe") -> dict[tuple, tuple]:
    """Volumes as the twin gives them."""
    c = tables.sql(VOLUMES[granularity]).c
    rows = store.query(sa.select(
        c.start, c.probe, c.flow_class, c.interface, c.host, c.peer, c.host_role, c.protocol, c.service, c.host_activity,
        c.host_location, c.host_country, c.peer_activity, c.peer_location, c.peer_country, c.relation,
        c.octets_out, c.octets_in, c.packets_out, c.packets_in, c.flows).where(c.source == source))
    epoch = date(1970, 1, 1)
    found = {((row[0].date() - epoch) // timedelta(seconds=1) + row[0].hour * 3600, *row[1:16]): row[16:] for row in rows}
    assert len(found) == len(rows), "a row occurs twice"
    return found


@pytest.mark.parametrize("seed", range(6))
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
