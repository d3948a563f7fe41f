"""Rates of sampling: of versions, domains, samplers and records."""

import struct

import pytest

from tests.unit.collector.netflow.make import PLAIN, a_set, ipfix, options, plain, template, v5, v5_record, v9, v9_options
from tests.unit.collector.netflow.reader import Reader, counts


def test_sampling_told_by_v5(read):
    """In 14 bits of the header, mode above."""
    assert [(100_000, 300)] == counts(read(v5(v5_record(), sampling=0x4000 | 100)))
    assert [(1000, 3)] == counts(read(v5(v5_record(), sequence=1, sampling=0x4000)))
    assert [("192.0.2.1 domain 0", "sampling", 100)] == read.told


@pytest.mark.parametrize(("fields", "values", "rate"), [
    (((34, 4), (35, 1)), struct.pack("!IB", 10, 1), 10),
    (((305, 4), (306, 4)), struct.pack("!II", 1, 99), 100),
    (((305, 4), (306, 4)), struct.pack("!II", 2, 5), 4),  # 3.5: to the nearest
    (((309, 4), (310, 4)), struct.pack("!II", 3, 3000), 1000),
    (((50, 4),), struct.pack("!I", 7), 7)])
def test_sampling_told_by_options(read, fields, values, rate):
    """IPFIX, for the whole domain."""
    read(ipfix(a_set(2, template(256)), a_set(3, options(257, ((149, 4),), fields)), a_set(257, bytes(4), values)))
    assert [(1000 * rate, 3 * rate)] == counts(read(ipfix(a_set(256, plain()), sequence=1)))


def test_a_rate_counts_from_where_it_was_told(read):
    """Datagrams that are taken together mean what they mean one by one; a new start of the exporter is none of the old one's."""
    told = (a_set(0, template(256)), a_set(1, v9_options(257, ((1, 4),), ((34, 4), (35, 1)))))
    flows, rate = a_set(256, plain()), a_set(257, bytes(4), b"\0\0\0\x0a\1", padding=3)
    datagrams = [v9(*told, flows), v9(flows, sequence=1), v9(rate, flows, sequence=2), v9(flows, sequence=3),
                 v9(*told, flows, sequence=0, uptime_ms=10)]
    one_by_one = Reader()
    expected = [1000, 1000, 10_000, 10_000, 1000]
    assert expected == [octets for d in datagrams for octets, _ in counts(one_by_one(d))]
    assert expected == [octets for octets, _ in counts(read(*datagrams))]


def test_sampling_told_by_options_of_v9(read):
    """Scopes are no elements there."""
    read(v9(a_set(0, template(256)), a_set(1, v9_options(257, ((1, 4),), ((34, 4), (35, 1)))), a_set(257, bytes(4), b"\0\0\0\x0a\1",
                                                                                                padding=3)))
    assert [(10_000, 30)] == counts(read(v9(a_set(256, plain()), sequence=1)))


def test_each_sampler_has_its_rate(read):
    """Records name theirs; one that names an unknown one has what the operator says."""
    read = Reader(sampling=5)
    read(ipfix(a_set(2, template(256, (*PLAIN, (302, 8)))), a_set(3, options(257, ((302, 8),), ((305, 4), (306, 4)))),
               a_set(257, struct.pack("!QII", 1, 1, 9), struct.pack("!QII", 2, 1, 99))))
    flows = read(ipfix(a_set(256, *(plain() + n.to_bytes(8, "big") for n in (1, 2, 3))), sequence=2))
    assert [(10_000, 30), (100_000, 300), (5000, 15)] == counts(flows)


def test_the_rate_of_a_record_itself(read):
    flows = read(ipfix(a_set(2, template(256, (*PLAIN, (34, 2)))), a_set(256, plain(), b"\0\x14", plain(), b"\0\0")))
    assert [(20_000, 60), (1000, 3)] == counts(flows)


def test_the_rate_the_operator_says():
    """For those that tell none."""
    read = Reader(sampling=3)
    assert [(3000, 9)] == counts(read(v5(v5_record())))
    assert [(2000, 6)] == counts(read(v5(v5_record(), sequence=1, sampling=2)))
