"""Bounds of the tracker: connections, holes, what waits; and what a connection takes."""

import numpy as np

from tests.unit.child.tcp.segments import SYN, Told, handshake, segment
from tmon_probe.child.tcp import layout
from tmon_probe.child.tcp.layout import EVICTED, HEAD, MAX_HOLES, MAX_WAITING, REST, WAY


def ports(first: int, count: int) -> list[tuple[int, int]]:
    return [(0xFFFF0A000000 + n, 40_000) for n in range(first, first + count)]


def test_half_open_ones_make_room_first():
    """A flood of SYNs costs no established connection; the oldest go first; they are counted and told."""
    told = Told(max_connections=1024)
    good = [segment(10 + i, 0, 5, 5, 10, client=c) for i, c in enumerate(ports(0, 500))]
    flood = [segment(1000 + i, 0, 7, flags=SYN, client=c) for i, c in enumerate(ports(10_000, 3000))]
    told.process(good).process(flood[:1500]).process(flood[1500:]).flush(4_001)
    assert len(told.connections) <= 1024
    counters = told.connections.counters()
    evicted = 3500 - len(told.connections)
    assert (evicted, evicted) == (counters["tcp_connections_evicted"], counters["tcp_half_open_evicted"])
    assert evicted == len(told.rows)
    assert {EVICTED} == set(told.rows["ended_by"].tolist())
    assert told.rows["client_lo"].max() < 0xFFFF0A000000 + 13_000 - (len(told.connections) - 500)
    assert told.rows["client_lo"].min() >= 0xFFFF0A000000 + 10_000


def test_then_those_silent_for_longest():
    told = Told(max_connections=1024)
    told.process([segment(i, 0, 5, 5, 10, client=c) for i, c in enumerate(ports(0, 1000))])
    told.process([segment(2000 + i, 0, 15, 5, 10, client=c) for i, c in enumerate(ports(0, 300))])  # these speak again
    told.process([segment(3000 + i, 0, 5, 5, 10, client=c) for i, c in enumerate(ports(5000, 100))])
    told.flush(3_200)
    gone = sorted((told.rows["client_lo"] - 0xFFFF0A000000).tolist())
    assert list(range(300, 300 + len(gone))) == gone
    assert (len(gone), 0) == (76 + 128, told.connections.counters()["tcp_half_open_evicted"])


def test_a_batch_of_nothing_but_new_connections_fits():
    """More than max_connections at once: each has its slot until the batch is done."""
    told = Told(max_connections=1024)
    told.process([segment(i, 0, 5, flags=SYN, client=c) for i, c in enumerate(ports(0, 8000))])
    assert 8000 == len(set(told.connections.of_record.tolist())) == len(told.connections.opened)
    told.flush(9_000)
    assert 896 == len(told.connections)


def test_growth_keeps_every_connection():
    told = Told()
    for at in range(0, 20_000, 1000):
        told.process([segment(at, 0, 5, 5, 10, client=c) for c in ports(at, 1000)])
    told.process(np.concatenate([segment(30_000, 1, 5, 15, 7, client=c) for c in ports(0, 20_000)]))
    told.finish()
    assert (20_000, {10}, {7}) == (len(told.rows), set(told.rows["octets"][:, 0].tolist()), set(told.rows["octets"][:, 1].tolist()))


def test_holes_of_a_direction_are_bounded():
    """The lowest is given up: its octets stay missing, and count as seen when they come after all."""
    count = MAX_HOLES + 5
    records = [*handshake(), *(segment(100 + i, 0, 111 + 20 * i, 501, 10) for i in range(count))]
    told = Told().process(records)
    slot = int(told.connections.opened[0])
    state = told.connections.peek([slot])[0]
    assert (10 * count, 10 * count) == (state["missing_octets"][0], state["unique_octets"][0])
    assert 5 == told.connections.counters()["tcp_holes_dropped"]
    told.process([segment(9000, 0, 101, 501, 10), segment(9001, 0, 101 + 20 * (count - 1), 501, 10)])
    state = told.connections.peek([slot])[0]
    assert (10, 1) == (state["retransmitted_octets"][0], state["out_of_order_segments"][0])


def test_what_waits_is_bounded():
    """Of one direction; a sampled connection goes on being sampled."""
    records = [*handshake(), *(segment(100 + i, 0, 101 + 10 * i, 501, 10) for i in range(MAX_WAITING + 45))]
    told = Told().process(records)
    assert 45 == told.connections.counters()["tcp_samples_dropped"]
    end = 101 + 10 * (MAX_WAITING + 45)
    told.process([segment(900, 1, 501, end), segment(910, 0, end, 501, 10), segment(930, 1, 501, end + 10)]).finish()
    assert 1 == told.only["rtt_samples"][0]


def test_nothing_leaks():
    """After everything has ended all nodes and slots are free again, holes and waiting segments included."""
    told = Told()
    for n, client in enumerate(ports(0, 300)):
        told.process([segment(n, 0, 100, flags=SYN, client=client, ts=(5, 0)),
                      segment(n, 1, 500, 101, flags=SYN, client=client, ts=(9, 5)),
                      segment(n, 0, 111, 501, 10, client=client, ts=(6, 9)), segment(n, 0, 141, 501, 10, client=client, ts=(7, 9)),
                      segment(n, 0, 77_777, flags=SYN, client=client)])
    told.finish()
    connections = told.connections
    assert 600 == len(told.rows)
    assert (len(connections._heads), len(connections._pool)) == (
        connections._counts[layout.FREE_SLOTS], connections._counts[layout.FREE_NODES])
    assert 0 == np.count_nonzero(connections._table)


def test_a_connection_takes_less_than_512_octets():
    """State, its share of the table at full load, of free slots and of chains."""
    told = Told(max_connections=1 << 16)
    for at in range(0, 1 << 16, 8192):
        told.process(np.concatenate([segment(at, 0, 5, 5, 10, client=c) for c in ports(at, 8192)]))
    assert 448 == HEAD.itemsize + 2 * WAY.itemsize + REST.itemsize
    assert told.connections.octets() / len(told.connections) < 512


def test_counters_have_their_names_from_the_beginning():
    connections = Told().connections
    assert set(connections.alerts) < set(connections.counters())
    assert {0} == set(connections.counters().values())
