"""The analyser dns_transaction on packets made by hand."""

import random
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline_in_process import DELAYS, FIVE_TUPLE, as_record, chain_of
from tests.unit.child.dns_messages import SECOND, batch_of, message, name, packet, pointer, record, response
from tmon_common.config.model import Analysis, Configuration, Filter, FlowClass, GranularFlow, Interface, Probe
from tmon_probe import records as r
from tmon_probe.child.analysers.dns_transaction import SERVICE, DnsTransaction
from tmon_probe.child.context import Context, Task
from tmon_probe.child.flows import Spec
from tmon_probe.demand import DNS, Fragments

FLOW = GranularFlow("conversation", frozenset(("src_addr", "dst_addr")))
A = record(pointer(12), 1, b"\x0a\0\0\1")


class Bench:
    """An analyser with one task, or several; `rows` is what it published."""

    def __init__(self, specs: int = 1, interfaces: tuple[Interface, ...] = (Interface("a"), Interface("b")), services=(SERVICE,),
                 **options: str) -> None:
        self.rows: list[dict] = []
        analysis = Analysis("dns_transaction", options=tuple(options.items()))
        probe = Probe("p", interfaces, ())
        context = Context(Configuration(Path("none"), (probe,)), probe, self._take, services)
        self.analyser = DnsTransaction([Task(n, Spec("dns", 0, FLOW), analysis) for n in range(specs)], context)
        self._specs = specs

    def _take(self, rows) -> None:
        self.rows += [as_record(rows, i) for i in range(len(rows))]

    def see(self, *packets: dict) -> list[dict]:
        """One batch; the rows that it gave."""
        before = len(self.rows)
        self.analyser.process(batch_of(*packets, specs=self._specs))
        return self.rows[before:]

    def counter(self, which: str) -> int:
        return self.analyser.counters()[which]


def test_a_query_and_its_response():
    """One row with everything; nothing waits any more."""
    bench = Bench()
    query, answer = message(), response(A, record(pointer(12), 1, b"\x0a\0\0\2", ttl=30))
    (row,) = bench.see(packet(query, 1.5), packet(answer, 1.625, back=True))
    assert {
        "flow": 100, "time": 1_500_000_000, "client_addr": "192.0.2.1", "client_port": 4000, "server_addr": "192.0.2.53",
        "server_port": 53, "id": 7, "query_name": "example.net", "query_type": "A", "latency": 125_000_000, "rcode": "NOERROR",
        "answers": 2, "answer": "10.0.0.1; 10.0.0.2", "ttl": 30, "truncated": 0, "authoritative": 1, "retries": 0,
        "query_octets": len(query), "response_octets": len(answer), "opcode": "QUERY", "query_class": "IN",
    } == {k: str(v) if k.endswith("addr") else v for k, v in row.items()}
    assert {"dns_transactions_waiting": 0, "dns_transactions_given_up": 0, "dns_messages_bad": 0,
            "dns_responses_unmatched": 0} == bench.analyser.counters()
    bench.analyser.finish()
    assert 1 == len(bench.rows)


def test_repeated_queries():
    """Latency counts from the first; the time allowed from the last."""
    bench = Bench(timeout="10s")
    bench.see(packet(message(), 0), packet(message(), 5), packet(message(), 12))
    bench.analyser.flush(21 * SECOND)
    (row,) = bench.see(packet(response(A), 21, back=True))
    assert (2, 21 * SECOND) == (row["retries"], row["latency"])


def test_letters_of_a_name_may_change():
    """Names are compared without case (RFC 4343): clients mix it against forged answers."""
    bench = Bench()
    (row,) = bench.see(packet(message(question=name(b"ExAmPlE", b"nEt"))), packet(response(A), 0.1, back=True))
    assert "example.net" == row["query_name"]


def test_unanswered():
    """After the time allowed, when packet time gets there: a row without what a response would tell."""
    bench = Bench(timeout="2s")
    bench.see(packet(message(), 1))
    bench.analyser.flush(3 * SECOND - 1)
    assert [] == bench.rows
    bench.analyser.flush(3 * SECOND)
    (row,) = bench.rows
    empty = ("latency", "rcode", "answers", "answer", "ttl", "truncated", "authoritative", "response_octets")
    assert (None,) * len(empty) == tuple(row[c] for c in empty)
    assert ("example.net", 0) == (row["query_name"], row["retries"])


@pytest.mark.parametrize("flushed", [False, True])
def test_too_late(flushed):
    """A response after the time allowed answers nothing, whenever packet time was told."""
    bench = Bench(timeout="2s")
    bench.see(packet(message(), 1))
    if flushed:
        bench.analyser.flush(4 * SECOND)
    bench.see(packet(response(A), 3, back=True))
    assert [None] == [row["rcode"] for row in bench.rows]
    assert 1 == bench.counter("dns_responses_unmatched")


@pytest.mark.parametrize("answer", [
    packet(response(A, id_=8), 0.1, back=True), packet(response(A), 0.1, back=True, port=4001),
    packet(response(A), 0.1, back=True, client="192.0.2.2"), packet(response(A), 0.1, back=True, interface=1),
    packet(response(A, type_=28), 0.1, back=True), packet(response(A, class_=3), 0.1, back=True),
    packet(response(A, question=name(b"example", b"org")), 0.1, back=True), packet(response(A), 0.1)],
    ids=["id", "port", "host", "interface", "type", "class", "name", "from the client"])
def test_responses_to_something_else(answer):
    """Id, addresses, ports, question and observation point must agree."""
    bench = Bench()
    assert [] == bench.see(packet(message()), answer)
    assert (1, 1) == (bench.counter("dns_transactions_waiting"), bench.counter("dns_responses_unmatched"))


def test_both_directions_of_a_link():
    """Linked interfaces are one observation point."""
    bench = Bench(interfaces=(Interface("up", link="x"), Interface("down", link="x")))
    assert 1 == len(bench.see(packet(message()), packet(response(A), 0.1, back=True, interface=1)))


def test_a_second_response():
    """A duplicate, or a forged one that came later, counts as unmatched; the row is of the first."""
    bench = Bench()
    (row,) = bench.see(packet(message()), packet(response(A), 0.1, back=True), packet(response(rcode=3), 0.2, back=True))
    assert ("NOERROR", 1) == (row["rcode"], bench.counter("dns_responses_unmatched"))


def test_a_response_that_cannot_be_read_to_its_end():
    """Is counted, and tells what it can."""
    bench = Bench()
    (row,) = bench.see(packet(message()), packet(response(A, A, rcode=2)[:-1], 0.1, back=True))
    assert ("SERVFAIL", 2, "10.0.0.1", 1) == (row["rcode"], row["answers"], row["answer"], bench.counter("dns_messages_bad"))


def test_a_response_cut_by_the_capture():
    """That is no fault of who sent it."""
    bench = Bench()
    whole = response(A, A)
    (row,) = bench.see(packet(message()), packet(whole[:-1], 0.1, back=True, octets=len(whole)))
    assert (2, "10.0.0.1", len(whole)) == (row["answers"], row["answer"], row["response_octets"])
    assert 0 == bench.counter("dns_messages_bad")


def test_what_is_no_dns():
    """Counted, nothing else."""
    bench = Bench()
    assert [] == bench.see(packet(b""), packet(b"hello"), packet(message(question=pointer(12))))
    assert (3, 0) == (bench.counter("dns_messages_bad"), bench.counter("dns_transactions_waiting"))


def test_without_a_question():
    """Query and response without one (RFC 7873 section 5.4): name, type and class are empty."""
    bench = Bench()
    (row,) = bench.see(packet(message(question=b"")), packet(response(rcode=1, question=b""), 0.1, back=True))
    assert (None, None, None, "FORMERR", "QUERY") == tuple(row[c] for c in
                                                            ("query_name", "query_type", "query_class", "rcode", "opcode"))


def test_records_that_are_passed_over():
    """Fragments, headers quoted by ICMP errors, TCP, other services; packets that are not in the class."""
    bench = Bench(services=(DNS, SERVICE))
    query = message()
    tcp = packet(query, service=2)
    batch = batch_of(packet(query, service=2, flags=r.FRAGMENT), packet(query, service=2, flags=r.QUOTED), packet(query, service=1),
                     packet(query, service=2, entry=-1), tcp)
    batch.records["flags"][4] = r.HAS_TCP | r.HAS_PORTS | r.SERVICE
    bench.analyser.process(batch)
    bench.analyser.finish()
    assert [] == bench.rows
    assert 0 == bench.counter("dns_messages_bad")


def test_whole_datagrams():
    """One that was put together from fragments is looked at, its octets are those of `datagrams`."""
    bench = Bench()
    fragment, datagram = packet(b"", flags=r.FRAGMENT), packet(message(), flags=r.FRAGMENT | r.REASSEMBLED)
    bench.see(fragment, datagram)
    assert 1 == bench.counter("dns_transactions_waiting")


def test_only_records_of_the_batch():
    """What stands before `first` or from `count` on is not looked at."""
    bench = Bench()
    batch = batch_of(*(packet(message(id_=n)) for n in range(5)))
    batch.first, batch.count = 1, 3
    bench.analyser.process(batch)
    bench.analyser.finish()
    assert [1, 2] == [row["id"] for row in bench.rows]


def test_flows_that_go():
    """What waits for them is published, and the response then finds nothing; other flows are left alone."""
    bench = Bench()
    bench.see(packet(message(id_=1), entry=3), packet(message(id_=2), entry=4))
    bench.analyser.retire(np.array([3, 9], np.int32))
    assert [(1, 103, None)] == [(row["id"], row["flow"], row["rcode"]) for row in bench.rows]
    assert [103, 104] == [row["flow"] for row in [*bench.rows, *bench.see(packet(response(A, id_=2), 1, back=True, entry=4))]]
    bench.analyser.retire(np.array([3, 4], np.int32))
    assert 2 == len(bench.rows)


def test_each_granular_flow():
    """Every definition has its own rows and its own table."""
    bench = Bench(specs=3)
    assert 3 == len(bench.see(packet(message()), packet(response(A), 0.1, back=True)))
    bench.see(packet(message()))
    assert 3 == bench.counter("dns_transactions_waiting")


def test_a_flood_of_queries():
    """The table keeps to its maximum, the oldest are given up without a row, and that is an alert."""
    bench = Bench(max_queries="64")
    bench.see(*(packet(message(id_=n), n / 1000) for n in range(1000)))
    assert (64, 936) == (bench.counter("dns_transactions_waiting"), bench.counter("dns_transactions_given_up"))
    assert "analysis_gave_up" == bench.analyser.alerts["dns_transactions_given_up"]
    bench.analyser.finish()
    assert list(range(936, 1000)) == [row["id"] for row in bench.rows]


def test_demand():
    """Whole datagrams, and more of each than round trips need."""
    demand = DnsTransaction.demand(Analysis("dns_transaction"))
    assert (Fragments.WHOLE, (SERVICE,)) == (demand.fragments, demand.services)
    assert SERVICE != DNS


@pytest.mark.parametrize("seed", range(20))
def test_messages_with_anything_changed(seed):
    """Octets changed, cut out, doubled: never an exception, every message is read or counted, every query comes out once."""
    rng = random.Random(seed)
    good = [message(), response(A, A), message(question=name(b"a" * 63, b"b" * 63, b"c" * 63)),
            response(record(pointer(12), 15, b"\0\1" + pointer(12)), record(pointer(12), 16, b"\3abc"),
                     record(pointer(12), 6, pointer(12) * 2 + bytes(20)), record(pointer(12), 33, bytes(6) + pointer(12)))]
    bench, packets = Bench(max_queries="1k"), []
    for n in range(400):
        octets = bytearray(rng.choice(good))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(octets) or 1)
            change = rng.randrange(4)
            if change == 0:
                octets[at : at + 1] = bytes([rng.choice([0, 1, 63, 64, 0xC0, 0xFF, rng.randrange(256)])])
            elif change == 1:
                del octets[at:]
            elif change == 2:
                del octets[at : at + rng.randrange(8)]
            else:
                octets[at:at] = octets[: rng.randrange(40)]
        packets.append(packet(bytes(octets), n / 100, back=rng.random() < 0.5))
    bench.see(*packets)
    bench.analyser.finish()
    counted = bench.analyser.counters()
    assert 0 == counted["dns_transactions_waiting"]
    assert len(bench.rows) + counted["dns_messages_bad"] + counted["dns_responses_unmatched"] > 100
    assert all(len(row["query_name"] or "") <= 255 and len(row["answer"] or "") <= 255 for row in bench.rows)


def test_counters_are_its_own():
    """Counters of the same name are added up: a message that both this and round trips look at would count twice."""
    chain = chain_of((FlowClass("all", Filter(), (FIVE_TUPLE,), (Analysis("dns_transaction"),
                                                                  Analysis("round_trip", 60 * SECOND, DELAYS.name))),), [].append)
    names = [name for stage in chain._stages for name in getattr(stage, "counters", dict)()]
    assert len(set(names)) == len(names)
