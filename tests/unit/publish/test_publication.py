"""Several collectors at once, over real sockets on loopback and a clock that stands still."""

import select
import socket
from dataclasses import replace

import pytest

from tests.keys import KEY, RUN, collector_sessions
from tests.unit.publish.playbook import DEFAULT, PROBE, SECOND, counters, definitions
from tmon_common.clock import FakeClock
from tmon_common.pdu.ack import pack_acks
from tmon_common.pdu.contents import parse_observations
from tmon_common.pdu.header import ACK
from tmon_probe.publish import Publication

WAIT_S = 5


@pytest.fixture
def collectors():
    sockets = []
    for _ in range(2):
        sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sockets[-1].bind(("127.0.0.1", 0))
        sockets[-1].settimeout(WAIT_S)
    yield sockets
    for s in sockets:
        s.close()


@pytest.fixture
def publication(collectors):
    parameters = [replace(DEFAULT, port=s.getsockname()[1], min_gap_ns=0) for s in collectors]
    made = Publication(parameters, "probe", RUN, (KEY,), FakeClock(0, 0))
    yield made
    made.close()


def test_each_collector_gets_everything(publication, collectors):
    """Idle only when the last one has acknowledged; each socket wakes the caller up."""
    publication.add(counters(0, 1), 0)
    assert publication.next_timer(0) == 2 * SECOND
    publication.flush(0)
    publication.poll()
    for n, collector in enumerate(collectors):
        assert not publication.idle
        datagram, where = collector.recvfrom(2000)
        sessions = collector_sessions()
        assert parse_observations(sessions.open(datagram).content).pdu == 0
        collector.sendto(sessions.close(PROBE, RUN, ACK, pack_acks([0])[0]), where)
        ready, _, _ = select.select(publication.filenos(), [], [], WAIT_S)
        assert ready == [publication.filenos()[n]]
        publication.poll()
    assert publication.idle
    assert [p.statistics.acked for p in publication.publishers] == [1, 1]
    assert publication.next_timer(0) is None


def test_one_that_is_away_holds_up_nobody_else(publication, collectors):
    collectors[1].close()
    publication.add(counters(0, 1), 0)
    publication.flush(0)
    publication.poll()
    datagram, where = collectors[0].recvfrom(2000)
    sessions = collector_sessions()
    assert sessions.open(datagram)
    collectors[0].sendto(sessions.close(PROBE, RUN, ACK, pack_acks([0])[0]), where)
    select.select(publication.filenos()[:1], [], [], WAIT_S)
    publication.poll()
    assert [p.idle for p in publication.publishers] == [True, False]
    assert publication.next_timer(0) == SECOND
    assert publication.accepts()


def test_a_socket_without_room_holds_up_no_timers(publication):
    """What is too old is given up, and the link counts as broken, also while nothing can be sent."""
    publication.add(counters(0, 1), 0)
    publication.flush(0)
    publication.poll()
    [(publisher, sender), _] = publication._members
    sender._unsent, sender.send = [b"x"], lambda *_: None
    publication.add(counters(1, 1), 0)
    publication.flush(0)
    publication._clock.advance(100 * SECOND)
    publication.poll()
    assert publisher.losses.total == 2


def test_a_broken_link_gets_another_socket(publication, collectors):
    """And goes on over it."""
    publication.add(definitions(0, 1), 0)
    publication.flush(0)
    addresses = []
    sessions = collector_sessions()
    for _ in range(8):
        publication.poll()
        datagram, where = collectors[0].recvfrom(2000)
        assert sessions.open(datagram)
        addresses.append(where)
        publication._clock.advance(4 * SECOND)
    assert publication.publishers[0].broken
    assert len(set(addresses)) == 2
    collectors[0].sendto(sessions.close(PROBE, RUN, ACK, pack_acks([0])[0]), addresses[-1])
    select.select(publication.filenos()[:1], [], [], WAIT_S)
    publication.poll()
    assert publication.publishers[0].idle
