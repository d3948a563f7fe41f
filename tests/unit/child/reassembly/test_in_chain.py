"""Reassembly in its place before all analyses: who counts packets sees every fragment once, who wants datagrams each of them."""

from collections import defaultdict
from pathlib import Path as FilePath

import numpy as np

from tests.pipeline_in_process import FIVE_TUPLE
from tests.unit.child.reassembly.fragments import ALL, EVERY, MS, START, WHOLE, Datagram, Path, udp
from tmon_common.config.model import SECOND, Analysis, Configuration, FlowClass, Interface, Probe
from tmon_probe import records as r
from tmon_probe.child.analysers.ip_counters import IpCounters
from tmon_probe.child.chain import MAX_BATCH, Chain


class Payloads:
    """Wants whole datagrams: keeps what each carries."""

    def __init__(self, tasks, context) -> None:
        self.found = context.emit.found

    demand = staticmethod(lambda analysis: WHOLE)

    def process(self, batch) -> None:
        for i in range(batch.first, batch.count):
            if not batch.records["flags"][i] & (r.FRAGMENT | r.QUOTED):
                self.found.append((batch.payload_of(i), int(batch.flow[0][i])))

    flush = retire = finish = lambda self, *_: None


class Emitted:
    def __init__(self) -> None:
        self.found, self.rows = [], defaultdict(list)

    def __call__(self, rows) -> None:
        self.rows[rows.kind.name].append(rows)


def test_more_records_than_a_batch_holds():
    """A full batch of fragments, each datagram complete within: the chain goes through all that comes of it, in pieces."""
    flow_class = FlowClass("all", ALL, (FIVE_TUPLE,), (Analysis("ip_counters", 60 * SECOND), Analysis("payloads")))
    probe, emitted = Probe("p", (Interface("i"),), (), classes=("all",)), Emitted()
    factories = {"ip_counters": IpCounters, "payloads": Payloads}
    chain = Chain(Configuration(FilePath("none"), (probe,), classes=(flow_class,)), probe, factories, emitted)
    chain.warm_up()
    path, number = Path((ALL, WHOLE)), MAX_BATCH // 4
    datagrams = [Datagram(udp(40, seed=n % 7), identification=n) for n in range(number)]
    records, lanes, areas = path.dissected([(p, n) for n, d in enumerate(datagrams) for p in d.parts(16)])
    chain.process(np.tile(records, 2), np.tile(lanes, 2), areas)  # each fragment twice
    chain.flush(START + SECOND)
    chain.finish()
    assert [d.payload[8:] for d in datagrams] == [payload for payload, _ in emitted.found]
    assert {0} == {flow for _, flow in emitted.found}
    values = np.concatenate([rows.values for rows in emitted.rows["ip_counters"]])
    assert (4 * number, 4 * number) == (values["packets"].sum(), values["fragments"].sum())
    counters = chain.counters()
    assert (number, 2 * number) == (counters["datagrams_reassembled"], counters["fragments_duplicate"])
    assert "datagrams_incomplete" == chain.alerts["datagrams_incomplete"]


def test_octets_of_several_lanes():
    """Each fragment's octets are in the area of its record's lane."""
    one, other = Path((ALL, WHOLE)), Path((ALL, EVERY), (ALL, WHOLE))
    datagram = Datagram(udp(60))
    halves = [path.dissected([(part, n * MS)]) for n, (path, part) in enumerate(zip((one, other), datagram.parts(24), strict=True))]
    records = np.concatenate([h[0] for h in halves])
    areas = np.concatenate([h[2] for h in halves])
    records["class_mask"] = 1
    given, lanes, datagrams = one.reassembly.process(records, np.array([0, 1], np.int16), areas)
    assert [0, 1, 1] == lanes.tolist()
    at = int(given[2]["bytes_offset"])
    assert datagram.whole == datagrams[0, at : at + int(given[2]["bytes_length"])].tobytes()
