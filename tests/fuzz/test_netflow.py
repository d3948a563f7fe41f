"""Hostile datagrams to the receiver of flow records: nothing but counters changes, whatever is in them, and memory is bounded."""

import random

import numpy as np

from tests.unit.collector.netflow.make import (
    NOW_NS,
    PLAIN,
    a_set,
    ipfix,
    options,
    plain,
    template,
    v5,
    v5_record,
    v9,
    v9_options,
)
from tmon_collector.netflow.bounds import EARLIEST_MS, LONGEST_MS, MAX_AHEAD_MS, MAX_COUNT
from tmon_collector.netflow.decoder import Decoder
from tmon_collector.netflow.output import Output
from tmon_collector.netflow.sessions import MAX_EXPORTERS, MAX_SESSIONS, MAX_TEMPLATES, Exporters
from tmon_collector.netflow.statistics import NetflowStatistics

DATAGRAMS = 12_000
BATCH = 60


def corpus():
    variable = (*PLAIN, (371, 0xFFFF))
    flows = a_set(256, plain(), plain(octets=1 << 40))
    return [
        v5(v5_record(), v5_record(first=0, last=4_000_000_000)), v5(*[v5_record()] * 30, sampling=0x4064), ipfix(flows),
        ipfix(a_set(2, template(256)), flows), ipfix(a_set(2, template(256, variable)), a_set(256, plain(), b"\3abc")),
        ipfix(a_set(256, plain(), b"\3abc", plain(), b"\xff\1\0" + bytes(256))),
        ipfix(a_set(3, options(257, ((302, 8),), ((305, 4), (306, 4), (160, 8)))), a_set(257, bytes(20), b"\xff" * 4)),
        ipfix(a_set(2, template(256, (*PLAIN, (1, 8, 29305), (2, 4, 29305)))), a_set(256, plain(), bytes(11), b"\1")),
        v9(a_set(0, template(256, (*PLAIN[:7], (22, 4), (21, 4)))), a_set(256, plain()[:-8])),
        v9(a_set(1, v9_options(257, ((1, 4),), ((34, 4), (35, 1)))), a_set(257, bytes(8), b"\x0a", padding=3)), v9(flows)]


def mutated(draw, sound):
    octets = bytearray(draw.choice(sound))
    for _ in range(draw.choice((0, 1, 1, 2, 5, 20))):
        where = draw.randrange(min(len(octets), draw.choice((24, 80, 2000)))) if octets else 0
        how = draw.randrange(5)
        if not octets:
            break
        if how == 0:
            octets[where] = draw.choice((0, 255, 1, draw.randrange(256)))
        elif how == 1:
            octets[where] ^= 1 << draw.randrange(8)
        elif how == 2:
            del octets[where:]
        elif how == 3:
            other = draw.choice(sound)
            octets[where:] = other[draw.randrange(len(other)) :]
        else:
            octets[where:where] = draw.randbytes(draw.randrange(9))
    return bytes(octets[:65535])


class Nowhere:
    def append(self, kind, lines):
        return True


def test_hostile_datagrams_change_nothing_but_counters():
    """No exception; what comes out is within all bounds."""
    draw, sound, statistics = random.Random(11), corpus(), NetflowStatistics()
    exporters = Exporters()
    decoder = Decoder(exporters, statistics)
    output = Output(Nowhere(), exporters.names, 1, statistics, 0, "both")
    now_ms = NOW_NS // 1_000_000
    for i in range(0, DATAGRAMS, BATCH):
        datagrams = [(mutated(draw, sound), f"10.0.{draw.randrange(6)}.1") for _ in range(BATCH)]
        flows = decoder.handle(datagrams, NOW_NS)
        assert (flows["octets"] >= 0).all()
        assert (flows["octets"] <= MAX_COUNT).all()
        assert (flows["packets"] <= MAX_COUNT).all()
        lived = flows["end_ms"] - flows["start_ms"]
        assert ((lived >= 0) & (lived <= LONGEST_MS)).all()
        assert ((flows["end_ms"] >= EARLIEST_MS) & (flows["end_ms"] <= now_ms + MAX_AHEAD_MS)).all()
        output.add(flows[lived < 3_600_000], NOW_NS)
        if i % (20 * BATCH) == 0:
            output.tick(NOW_NS + i * 10**10)
    assert {"version", "short", "length", "template", "no_template", "not_flows", "absurd"} <= set(statistics.not_understood)
    assert statistics.records > DATAGRAMS / 4
    assert {"future", "past", "long", "backwards", "untold"} <= set(+statistics.misdated)
    assert len(exporters.names) <= MAX_EXPORTERS
    assert len(decoder.sessions) <= MAX_SESSIONS
    assert max(len(s.templates) for s in decoder.sessions) <= MAX_TEMPLATES


def test_random_octets():
    """Behind each version's number."""
    draw, decoder = np.random.default_rng(5), Decoder(Exporters(), NetflowStatistics())
    for version in (5, 9, 10):
        for _ in range(1000):
            octets = version.to_bytes(2, "big") + draw.bytes(int(draw.integers(0, 200)))
            decoder.handle([(octets, "192.0.2.1")], NOW_NS)
    assert decoder.statistics.datagrams == 3000
