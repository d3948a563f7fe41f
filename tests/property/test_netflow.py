"""Random templates and records: what an obvious reader of one record after the other finds, in any division into datagrams."""

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.collector.netflow.make import EXPORT_S, NOW_NS, a_set, ipfix, template
from tmon_collector.netflow.decoder import Decoder
from tmon_collector.netflow.sessions import Exporters
from tmon_collector.netflow.statistics import NetflowStatistics

COUNTED = {1: (1, 8), 2: (1, 8), 4: (1, 1), 7: (1, 2), 11: (1, 2)}  # element: least and most octets
VARIABLE = 0xFFFF


@st.composite
def layouts(draw):
    """Fields of a template: addresses, some of COUNTED, others that nobody knows, in any order."""
    fields = [(8, 4), (12, 4)] if draw(st.booleans()) else [(27, 16), (28, 16)]
    fields += [(1, draw(st.integers(1, 6)))]
    fields += [(e, draw(st.integers(*COUNTED[e]))) for e in draw(st.sets(st.sampled_from((2, 4, 7, 11))))]
    fields += draw(st.lists(st.one_of(
        st.tuples(st.integers(400, 30000), st.one_of(st.integers(0, 9), st.just(VARIABLE))),
        st.tuples(st.sampled_from((1, 2, 8)), st.one_of(st.integers(0, 9), st.just(VARIABLE)), st.integers(1, 20000))), max_size=5))
    return tuple(draw(st.permutations(fields)))


@st.composite
def exports(draw):
    """(fields, records as lists of values, how many records each set has)."""
    fields = draw(layouts())
    value = [st.binary(max_size=300) if f[1] == VARIABLE else st.binary(min_size=f[1], max_size=f[1]) for f in fields]
    rows = draw(st.lists(st.tuples(*value), min_size=1, max_size=12))
    return fields, rows, draw(st.lists(st.integers(1, 5), min_size=12, max_size=12))


def content(fields, row):
    out = b""
    for field, value in zip(fields, row, strict=True):
        if field[1] == VARIABLE:
            out += bytes([len(value)]) if len(value) < 255 else struct.pack("!BH", 255, len(value))
        out += value
    return out


def obvious(fields, row):
    """(octets, packets, protocol, ports, low word of the source) of a record."""
    told = {f[0]: v for f, v in zip(fields, row, strict=True) if len(f) == 2}
    number = {e: int.from_bytes(told[e], "big") if e in told else None for e in COUNTED}
    has_ports = number[4] in (6, 17, 33, 132, 136)
    source = 0xFFFF << 32 | int.from_bytes(told[8], "big") if 8 in told else int.from_bytes(told[27][8:], "big")
    ports = [number[p] if has_ports and number[p] is not None else -1 for p in (7, 11)]
    if ports[0] == -1:
        ports[1] = -1
    return number[1], number[2] or 0, -1 if number[4] is None else number[4], *ports, source


@given(exports())
def test_records_are_those_of_an_obvious_reader(export):
    fields, rows, sizes = export
    decoder = Decoder(Exporters(), NetflowStatistics())
    datagrams, at = [ipfix(a_set(2, template(256, fields)))], 0
    for size in sizes:
        if rows[at : at + size]:
            datagrams.append(ipfix(a_set(256, *(content(fields, r) for r in rows[at : at + size])), sequence=at, export_s=EXPORT_S))
        at += size
    flows = decoder.handle([(d, "192.0.2.1") for d in datagrams], NOW_NS)
    expected = [e for e in (obvious(fields, r) for r in rows) if (e[0] or e[1]) and e[1] <= 1 << 53]
    names = ("octets", "packets", "protocol", "src_port", "dst_port")
    assert expected == [(*(int(f[n]) for n in names), int(f["src_addr"].astype(np.uint64)[1])) for f in flows]
    assert decoder.statistics.lost == 0
