"""Volumes of days, beside the same computed slowly."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from tests.oracles.volume_twin import DAY
from tests.unit.store.volume_world import MIDNIGHT, PLACES, PORTS, World, made
from tmon_store import tables
from tmon_store.load import load_spool
from tmon_store.open import open_store
from tmon_store.volumes.aggregate import ensure, outdated, sum_up
from tmon_store.volumes.known import ip_info, protocol_port
from tmon_store.volumes.schema import VOLUMES

DAYS = [date(2023, 11, 14), date(2023, 11, 15), date(2023, 11, 16)]
LENGTHS = {"1h": 3600, "1day": DAY}


def know(store):
    """Ports and places."""
    for (protocol, port), (service, precedence) in PORTS.items():
        store.execute(sa.insert(protocol_port).values(protocol=protocol, port=port, service=service, precedence=precedence))
    for address, (activity, location, country) in PLACES.items():
        store.execute(sa.insert(ip_info).values(address=address, activity=activity, location=location, country=country))


@pytest.fixture
def opened(tmp_path):
    """A way to open a database of a world."""
    stores = []

    def opened(world: World):
        world.write(tmp_path / "spool")
        load_spool(tmp_path / "spool", tmp_path / "t.duckdb")
        store = open_store(tmp_path / "t.duckdb")
        store._connection.execute("create table protocol_port(protocol bigint,port bigint,service varchar,precedence bigint)")
        store._connection.execute("create table ip_info(address varchar,activity varchar,location varchar,country varchar)")
        stores.append(store)
        ensure(store)
        know(store)
        return store

    yield opened
    for store in stores:
        store.close()


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


@pytest.mark.parametrize("seed", range(12))
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
