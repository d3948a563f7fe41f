"""Publisher and collector together over a bad network, on simulated time; and the collector alone under mutated datagrams."""

import heapq
import itertools
import random

import google_crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.keys import collector_sessions, probe_session
from tests.unit.collector.make import pdu_of
from tests.unit.publish.playbook import DEFAULT, MS, SECOND, counters, definitions
from tmon_collector.decode import Decoding
from tmon_common.observations import FLOW_DEFINITION, IP_SIZES
from tmon_probe.publish import Publisher


class Lines:
    """A spool in memory that sometimes cannot be written."""

    def __init__(self, chance=0.0, seed=0):
        self.flows = {}
        self.chance = chance
        self.random = random.Random(seed)

    def append(self, kind, lines):
        if self.random.random() < self.chance:
            return False
        self.flows.setdefault(kind.name, []).extend(int(line.split(b",")[2]) for line in bytes(lines).splitlines())
        return True


def exchange(publisher, decoding, feed, loss, duplication, delay_ns, seed, until_ns):
    """Runs both until the publisher is idle. feed: (when, rows). Returns when each datagram was sent."""
    network, order, chance = [], 0, random.Random(seed)
    feed = sorted(feed, key=lambda f: f[0])
    sent, now = [], 0

    def carry(to, datagram):
        nonlocal order
        copies = 0 if chance.random() < loss else 2 if chance.random() < duplication else 1
        for _ in range(copies):
            order += 1
            heapq.heappush(network, (now + 1 + chance.randrange(delay_ns), order, to, datagram))

    while True:
        while feed and feed[0][0] <= now:
            publisher.add(feed.pop(0)[1], now)
        arrived = []
        while network and network[0][0] <= now:
            _, _, to, datagram = heapq.heappop(network)
            if to == "probe":
                publisher.receive(datagram, now, now)
            else:
                arrived.append((datagram, "probe"))
        for answer, to in decoding.handle(arrived, now, now) if arrived else ():
            carry(to, answer)
        while datagrams := publisher.datagrams_to_send(now, now):
            for datagram in datagrams:
                sent.append(now)
                carry("collector", datagram)
        if not feed and publisher.idle:
            return sent
        timer = publisher.next_timer()
        times = [timer] if timer is not None else []
        now = max(now, min(times + [n[0] for n in network[:1]] + [f[0] for f in feed[:1]]))
        assert now < until_ns, "not delivered in time"


@settings(deadline=None, max_examples=25)
@given(st.floats(0, 0.5), st.floats(0, 0.5), st.integers(1, 2 * SECOND), st.sampled_from([0, 1, 10 * MS]), st.floats(0, 0.3),
       st.integers(0, 2**32))
def test_everything_arrives_exactly_once(loss, duplication, delay_ns, gap_ns, full, seed):
    """Loss, duplication, reordering, delay beyond the timeout, a disk full now and then: each row is written once."""
    parameters = DEFAULT.__class__(**{**DEFAULT.__dict__, "min_gap_ns": gap_ns, "window": 100, "max_retries": 3,
                                      "final_timeout_ns": 10**6 * SECOND})
    publisher = Publisher(parameters, probe_session())
    spool = Lines(full, seed)
    decoding = Decoding(["probe"], collector_sessions(), spool)
    feed = [(i * SECOND // 3, counters(50 * i, 50)) for i in range(10)]
    feed += [(i * SECOND // 2, definitions(5 * i, 5)) for i in range(6)]
    sent = exchange(publisher, decoding, feed, loss, duplication, delay_ns, seed, 10**5 * SECOND)
    assert sorted(spool.flows["ip_counters"]) == list(range(500))
    assert sorted(spool.flows["flow_definition"]) == list(range(30))
    assert not publisher.losses.rows
    if gap_ns:
        assert all(b - a >= gap_ns for a, b in itertools.pairwise(sent))


SOUND = [pdu_of(0, [1, 2, 3]), pdu_of(1, [4], FLOW_DEFINITION, strings=["all"]), pdu_of(2, range(20), IP_SIZES, strings=["s"])]


@settings(deadline=None, max_examples=500)
@given(st.sampled_from(SOUND), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=4), st.integers(0, 300),
       st.binary(max_size=4), st.booleans())
def test_mutated_datagrams(datagram, changes, cut, tail, sealed):
    """Changed, cut, prolonged, sealed anew or not: no crash; without a seal that fits, no row and no answer."""
    octets = bytearray(datagram)
    for at, value in changes:
        octets[at % len(octets)] = value
    mutated = bytes(octets[:cut]) + tail
    if sealed:
        mutated += google_crc32c.value(mutated).to_bytes(4, "big")
    spool = Lines()
    decoding = Decoding(["probe"], collector_sessions(keys=None), spool)
    answers = decoding.handle([(mutated, "probe")], 0, 0)
    if not sealed and mutated != datagram:
        assert not spool.flows
        assert not answers
    assert sum(len(a) for a, _ in answers) <= len(mutated)
    counted = decoding.statistics
    taken = counted.pdus + counted.heartbeats + counted.duplicates
    assert sum(counted.rejected.values()) + sum(counted.refused.values()) + taken == 1
