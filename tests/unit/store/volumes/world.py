"""A day of made-up traffic with all that makes volumes difficult, small enough to be summed up slowly."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from tests.oracles.volume_twin import DAY, volumes
from tests.unit.store.spool_files import row_of, write_file
from tmon_common.observations import NETFLOW_CLASS

MIDNIGHT = 1_700_006_400  # 2023-11-15 00:00 UTC
NS = 10**9
RUN = 1_699_000_000_000
HOSTS = ("10.0.0.1", "10.0.0.2", "10.1.0.1", "10.9.0.9", "198.51.100.7", "2001:db8::1", "fd00::1")
PLACES = {  # 10.9.0.9 has not been looked up yet
    "10.0.0.1": ("science", "north", None), "10.0.0.2": ("science", "south", None), "10.1.0.1": ("finance", "north", None),
    "198.51.100.7": ("Internet", "Internet", "FR"), "2001:db8::1": ("Internet", "Internet", None),
    "fd00::1": ("unknown", "unknown", None)}
PORTS = {(6, 80): ("http", 10), (6, 443): ("https", 10), (6, 21): ("ftp", 5), (6, 20): ("ftp-data", 90), (17, 53): ("domain", 5),
         (17, 123): ("ntp", 20), (6, 50000): ("odd", 500)}
PORT_CHOICES = (None, 20, 21, 53, 80, 123, 443, 8081, 40000, 40001, 50000, 50001)
CLASSES = {"both": 1, "single": 0, "bare": 1}
"""Flow classes: whether both directions are one flow; `bare` has no ports."""


@dataclass
class World:
    """flows: (probe, run, flow) -> row of flow_definition; counters, netflow: (flow, start in s, octets, octets_rev, packets,
    packets_rev); transfers: rows of ftp_transfer."""

    flows: dict = field(default_factory=dict)
    counters: list = field(default_factory=list)
    netflow: list = field(default_factory=list)
    transfers: list = field(default_factory=list)

    def write(self, spool: Path) -> None:
        """All of it, as the collector writes it."""
        write_file(spool, "flow_definition", self.flows.values())
        write_file(spool, "ftp_transfer", self.transfers)
        write_file(spool, "ip_counters", [
            row_of("ip_counters", probe=key[0], run=key[1], flow=key[2], start=start * NS, end=(start + 60) * NS, octets=octets,
                   octets_rev=octets_rev, packets=packets, packets_rev=packets_rev)
            for key, start, octets, octets_rev, packets, packets_rev in self.counters])
        write_file(spool, "netflow", [
            row_of("netflow", probe=key[0], run=key[1], flow=key[2], start=start * NS, end=(start + 60) * NS, octets=octets,
                   packets=packets, records=1)
            for key, start, octets, _, packets, _ in self.netflow])

    def expected(self, day: int, length: int, source: str = "probe", classes: tuple[str, ...] = (),
                 places: dict = PLACES) -> dict[tuple, tuple]:
        """Volumes of the day that begins at `day` (s)."""
        counters = self.counters if source == "probe" else self.netflow
        counters = [c for c in counters if not classes or self.flows[c[0]]["flow_class"] in classes]
        return volumes(self.flows, counters, self.transfers, PORTS, places, day, length)


def made(seed: int) -> World:
    """Flows of three classes at two probes and of an exporter, before, on and after the day; FTP sessions with their transfers."""
    rng, world = random.Random(seed), World()
    for number in range(1, 60):
        flow_class = rng.choice((*CLASSES, NETFLOW_CLASS))
        protocol = rng.choice((6, 6, 6, 17, 17, 1, 47, 132, 200, None))
        ports = flow_class != "bare" and protocol in (6, 17, 132)
        _flow(world, rng, number, flow_class, protocol, rng.choice((*HOSTS, None)) if number % 9 == 0 else rng.choice(HOSTS),
              rng.choice(HOSTS), *(rng.choice(PORT_CHOICES) if ports else None for _ in range(2)))
    for number in range(1, 16):
        _session(world, rng, number)
    return world


def _flow(world: World, rng: random.Random, number: int, flow_class: str, protocol, src, dst, sport, dport,
          seen: int | None = None) -> None:
    probe = "router" if flow_class == NETFLOW_CLASS else rng.choice(("p1", "p2"))
    key = probe, RUN, number
    seen = MIDNIGHT + rng.randrange(-7200, DAY + 3600) if seen is None else seen
    world.flows[key] = row_of(
        "flow_definition", probe=probe, run=RUN, flow=number, flow_class=flow_class, interface=rng.choice((None, "eth0", "eth1")),
        src_addr=src, dst_addr=dst, protocol=protocol, src_port=sport, dst_port=dport, bidirectional=CLASSES.get(flow_class, 0),
        first_seen=seen * NS + number)
    for _ in range(rng.randrange(1, 5)):
        start = max(seen, MIDNIGHT - 7200) // 60 * 60 + 60 * rng.choice((0, 1, 59, 60, 1439))
        counts = [rng.choice((0, 1, 40, 1500, 1 << 40)) for _ in range(4)]
        if flow_class == NETFLOW_CLASS:
            world.netflow.append((key, start, counts[0], 0, counts[2], 0))
        else:
            world.counters.append((key, start, *counts))


def _session(world: World, rng: random.Random, number: int) -> None:
    """A transfer, its data connection in several classes, its control connection in some of them, and what only looks like it."""
    client, server = rng.sample(HOSTS, 2)
    client_port, port, far = rng.choice((50001, 50002)), rng.choice((40000, 50000, 50003)), rng.choice((20, 80, 50005))
    mode = rng.choice(("passive", "extended_passive", "active", "long_active", "unknown"))
    start = MIDNIGHT + rng.choice((-4000, -59, 0, 30, 40000, 40010, DAY - 30, DAY + 59, DAY + 61))
    end = start + rng.choice((1, 100, 7000))
    world.transfers.append(row_of(
        "ftp_transfer", probe=rng.choice(("p1", "p2")), run=RUN, flow=number, session=number, transfer=number, client_addr=client,
        client_port=client_port, server_addr=server, server_port=21, mode=mode, data_port=None if mode == "unknown" else port,
        start=start * NS, end=end * NS))
    listener, opener = (server, client) if "passive" in mode else (client, server)
    to = port
    if mode == "unknown":
        to, far = port, 20
    for n, flow_class in enumerate(rng.sample((*CLASSES, NETFLOW_CLASS), 3)):
        ends = (opener, listener, far, to) if rng.random() < 0.7 else (listener, opener, to, far)
        _flow(world, rng, 1000 * number + 10 * n, flow_class, 6, *ends, start + rng.choice((-61, -60, -59, 0, 1, 7059, 7061)))
        if rng.random() < 0.7:
            ends = (client, server, client_port, 21) if rng.random() < 0.7 else (server, client, 21, client_port)
            _flow(world, rng, 1000 * number + 10 * n + 1, flow_class, 6, *ends, start - rng.choice((-61, -59, 2, 3000)))
