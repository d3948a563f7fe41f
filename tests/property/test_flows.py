"""Flow registry and analysers against slow twins: pairing, partial fields, growth, eviction, ageing, intervals, every counter."""

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.child_twins import CounterTwin, as_dict
from tests.pipeline_in_process import FIVE_TUPLE, SIZES, chain_of, class_of
from tests.unit.child.packet_records import SECOND, START, random_records
from tmon_common.config.model import Filter, FlowClass, GranularFlow
from tmon_common.observations import ABSENT
from tmon_probe.child import flows
from tmon_probe.child.chain import MAX_BATCH
from tmon_probe.child.flow_kernels import FREE
from tmon_probe.records import HAS_PORTS

FIELDS = ("src_addr", "dst_addr", "src_port", "dst_port", "protocol", "interface", "vlan", "dscp")
COLUMNS = {"ip_counters", "ip_sizes", "icmp_counters", "udp_counters", "tcp_counters"}


def flow(*fields: str, bidirectional: bool = False, obsolescence_s: int = 10**6) -> GranularFlow:
    return GranularFlow("f", frozenset(fields), bidirectional, obsolescence_s * SECOND)


class Collected:
    """Rows of a chain, and the flow that each belongs to by its definition."""

    def __init__(self, classes: tuple[FlowClass, ...], max_flows: int = 1 << 20) -> None:
        self.definitions: dict[int, tuple] = {}
        self.rows = defaultdict(list)
        self.classes = classes
        self.chain = chain_of(classes, self.take, max_flows)

    def take(self, rows) -> None:
        for row in rows.values:
            if rows.kind.name == "flow_definition":
                assert int(row["flow"]) not in self.definitions
                self.definitions[int(row["flow"])] = self._identity(row, rows.strings)
            elif rows.kind.name in COLUMNS:
                assert int(row["flow"]) in self.definitions  # a definition goes before its rows
                self.rows[rows.kind.name].append({name: int(row[name]) for name in row.dtype.names})

    def _identity(self, row, strings) -> tuple:
        values = []
        for name in FIELDS:
            held = name in self.granular_of(row, strings).fields
            if name.endswith("addr"):
                hi, lo = (int(w) & (1 << 64) - 1 for w in row[name])
                value = hi << 64 | lo
                assert held or [ABSENT, ABSENT] == row[name].tolist()
            else:
                value = int(row[name])
                if name == "interface" and held:
                    value = ("i", "1").index(strings[value])
                elif name.endswith("port") and value == ABSENT:
                    value = -1
                assert held or value in (ABSENT, -1)
            values.append(value if held else None)
        return strings[int(row["flow_class"])], tuple(values)

    def granular_of(self, row, strings) -> GranularFlow:
        name = strings[int(row["flow_class"])]
        return next(c for c in self.classes if c.name == name).flows[0]

    def feed(self, records: np.ndarray, batch: int = MAX_BATCH, flush_every: int = 0) -> None:
        for i, at in enumerate(range(0, len(records), batch)):
            part = records[at : at + batch]
            self.chain.process(part)
            if flush_every and i % flush_every == 0:
                self.chain.flush(int(part["time_ns"][-1]) - SECOND)
        self.chain.finish()

    def totals(self, kind: str) -> dict[tuple, Counter]:
        """(class, identity, start) -> sum of every counter over the rows."""
        out = defaultdict(Counter)
        for row in self.rows[kind]:
            key = *self.definitions[row["flow"]], row["start"]
            out[key].update({n: v for n, v in row.items() if v and n not in _NOT_COUNTED})
        return out


_NOT_COUNTED = {"flow", "start", "end", "histogram", "minimum", "minimum_rev", "maximum", "maximum_rev"}


def twin_of(classes: tuple[FlowClass, ...], records: np.ndarray) -> CounterTwin:
    twin = CounterTwin(classes, SIZES.bounds)
    for record in records:
        twin.count(as_dict(record))
    return twin


def assert_same(collected: Collected, twin: CounterTwin) -> None:
    """Sums of every column per flow and interval, and the extremes of the sizes."""
    names = [c.name for _, c, _ in twin.flows.specs]
    for kind in COLUMNS:
        expected = {(names[flow[0]], flow[1], start): Counter({n: v for n, v in row.items() if v})
                    for (flow, start), row in twin.totals[kind].items()}
        assert expected == collected.totals(kind), kind
    extremes = defaultdict(list)
    for row in collected.rows["ip_sizes"]:
        for way, suffix in enumerate(("", "_rev")):
            if row[f"population{suffix}"]:
                key = *collected.definitions[row["flow"]], row["start"], way
                extremes[key] += [row[f"minimum{suffix}"], row[f"maximum{suffix}"]]
            else:
                assert ABSENT == row[f"minimum{suffix}"] == row[f"maximum{suffix}"]
    expected = {(names[flow[0]], flow[1], start, way): [low, high] for (flow, start, way), (low, high) in twin.extremes.items()}
    assert expected == {key: [min(v), max(v)] for key, v in extremes.items()}


PARTIAL = (
    flow("src_addr"), flow("protocol"), flow("vlan", "dscp"), flow("dst_port"), flow("interface", "protocol", "dst_addr"), flow(),
    flow("src_addr", "dst_addr", bidirectional=True), flow("src_addr", "dst_addr", "protocol", "dscp", bidirectional=True),
    flow("src_addr", "dst_addr", "src_port", "dst_port", "vlan", bidirectional=True), flow(*FIELDS, bidirectional=True),
    flow(*FIELDS), FIVE_TUPLE,
)  # fmt: skip


@pytest.mark.parametrize("granular", PARTIAL, ids=lambda g: "+".join(sorted(g.fields)) + ("<>" if g.bidirectional else ">"))
def test_any_fields(granular):
    """Whatever fields a flow has, one- or bidirectional: counters and identities are those of the twin."""
    records = random_records(len(granular.fields), 1500, disorder_s=2)
    classes = (class_of(granular),)
    collected = Collected(classes)
    collected.feed(records, 400, flush_every=2)
    assert_same(collected, twin_of(classes, records))


@pytest.mark.parametrize("seed", range(3))
def test_several_classes_at_once(seed):
    """Classes with their own flows and interval lengths, packets in any mix of them."""
    records = random_records(seed, 3000, classes=5, disorder_s=1)
    classes = tuple(class_of(PARTIAL[(seed * 5 + i) % len(PARTIAL)], name=f"c{i}", interval_ns=(1, 7, 60, 300, 3600)[i] * SECOND)
                    for i in range(5))
    collected = Collected(classes)
    collected.feed(records, 700, flush_every=1)
    assert_same(collected, twin_of(classes, records))


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 300), st.integers(1, 120), st.sampled_from((0, 3, 400)), st.sampled_from((0, 1, 3)))
def test_any_packets(seed, count, batch, disorder_s, flush_every):
    """Any packets, batches, disorder and flushes: the sums per flow and interval are exact."""
    records = random_records(seed, count, hosts=3, ports=2, classes=2, span_s=200, disorder_s=disorder_s)
    classes = (class_of(flow(*FIELDS[:6], bidirectional=True), name="a", interval_ns=10 * SECOND),
               class_of(flow("dst_addr"), name="b", interval_ns=SECOND))
    collected = Collected(classes)
    collected.feed(records, batch, flush_every)
    assert_same(collected, twin_of(classes, records))


def test_growth():
    """More flows than the table starts with: it grows, nobody is lost, numbers run from 1 without a gap."""
    records = random_records(1, 12_000, hosts=90, ports=500)
    classes = (class_of(),)
    collected = Collected(classes)
    collected.feed(records)
    registry = collected.chain.registry
    assert registry.capacity > 4096
    assert list(range(1, len(registry) + 1)) == sorted(collected.definitions)
    assert registry.evicted == 0
    assert_same(collected, twin_of(classes, records))


@pytest.mark.parametrize("max_flows", [1, 16, 100])
def test_eviction(max_flows):
    """With too little room flows are given up and come back under new numbers; every packet is still counted, once."""
    records = random_records(7, 4000, hosts=12, ports=9, classes=2)
    classes = (class_of(name="a"), class_of(flow("src_addr", "dst_port"), name="b"))
    collected = Collected(classes, max_flows)
    collected.feed(records, 512, flush_every=3)
    registry = collected.chain.registry
    assert registry.evicted > 0
    assert len(registry) <= registry.capacity == max(max_flows, 32)
    assert registry.created == len(collected.definitions) == len(registry) + registry.evicted
    twin = twin_of(classes, records)
    for kind in COLUMNS:  # directions begin anew with a flow, so they are added
        expected, actual = Counter(), Counter()
        for ((number, key), start), row in twin.totals[kind].items():
            for name, value in row.items():
                expected["ab"[number], _undirected(key), start, name.removesuffix("_rev")] += value
        for (name, key, start), row in collected.totals(kind).items():
            for column, value in row.items():
                actual[name, _undirected(key), start, column.removesuffix("_rev")] += value
        assert +expected == +actual


@pytest.mark.parametrize("hashed", [0, (1 << 64) - 1], ids=["first slot", "last slot"])
@pytest.mark.parametrize("max_flows", [48, 1 << 20])
def test_keys_that_all_meet(monkeypatch, hashed, max_flows):
    """With the same hash for every key, flows are still told apart, found, aged and given up: the sums are those of the twin."""
    monkeypatch.setattr(flows, "random_words", lambda count: np.array([0] * (count - 1) + [hashed], np.uint64))
    records = random_records(11, 1500, ports=9, span_s=2000)
    classes = (class_of(flow("src_port", "dst_port", obsolescence_s=200)),)  # words with an empty half add nothing to the hash
    collected = Collected(classes, max_flows)
    collected.feed(records, 300, flush_every=1)
    registry = collected.chain.registry
    assert {hashed >> 32} == set(registry.entries["tag"][registry.entries["last_ns"] != FREE].tolist())
    assert registry.expired > 0
    assert (registry.evicted > 0) == (max_flows == 48)
    assert_same(collected, twin_of(classes, records))


def _undirected(key: tuple) -> tuple:
    ends = sorted([(key[0] or -1, -9 if key[2] is None else key[2]), (key[1] or -1, -9 if key[3] is None else key[3])])
    return *ends, *key[4:]


def test_ageing():
    """A flow silent for longer than its class allows is forgotten, with its rows published; seen again it gets a new number."""
    classes = (class_of(flow("src_addr", obsolescence_s=30), name="short"),
               class_of(flow("src_addr", obsolescence_s=600), name="long"))
    collected = Collected(classes)
    record = random_records(1, 1, classes=2)
    record["class_mask"], record["flags"] = 3, 0
    for second in (0, 20, 45, 100, 700, 1400):
        record["time_ns"] = START + second * SECOND
        collected.chain.flush(START + second * SECOND)
        collected.chain.process(record)
    # short: 0 20 45 | 100 | 700 | 1400; long: 0 to 100, 700 (idle for 600 s, not longer), then 1400
    seen = Counter(name for name, _ in collected.definitions.values())
    assert Counter(short=4, long=2) == seen
    assert len(collected.chain.registry) == 2
    collected.chain.finish()
    assert 12 == sum(r["packets"] for r in collected.rows["ip_counters"])


def test_first_packet_gives_the_direction():
    """Source and destination of a definition are those of the first packet, whichever way round; interfaces by their names."""
    for a, b in ((1, 2), (2, 1)):
        records = random_records(3, 2)
        for record, (src, dst) in zip(records, ((a, b), (b, a)), strict=True):
            for name, value in {"src_hi": 0, "dst_hi": 0, "src_lo": src, "dst_lo": dst, "src_port": src, "dst_port": dst,
                                "protocol": 17, "flags": HAS_PORTS, "interface": 0, "class_mask": 1, "time_ns": START}.items():
                record[name] = value
        collected = Collected((class_of(),))
        collected.feed(records)
        assert [("all", (a, b, a, b, 17, 0, None, None))] == list(collected.definitions.values())
        row = collected.rows["ip_counters"][0]
        assert (1, 1) == (row["packets"], row["packets_rev"])


def test_classes_without_packets_stay_empty():
    collected = Collected((FlowClass("none", Filter(), (), ()), class_of()))
    collected.feed(random_records(1, 10))
    assert {} == collected.definitions
