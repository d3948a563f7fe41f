"""What a database of a made-up world knows beside its counters, and the volumes that it has."""

from datetime import date, timedelta

import sqlalchemy as sa

from tests.unit.store.volumes.world import PLACES, PORTS
from tmon_store import tables
from tmon_store.volumes.known import ip_info, protocol_port
from tmon_store.volumes.schema import VOLUMES


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
