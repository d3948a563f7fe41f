"""Classes, blocks and definitions for tests of the one-way engine."""

from __future__ import annotations

import numpy as np

from tmon_collector.one_way.engine import ClassEngine
from tmon_common.config.model import SECOND, Filter, FlowClass, GranularFlow, Hop, Latency, OneWay, Point
from tmon_common.observations import ABSENT, FLOW_DEFINITION
from tmon_common.pdu.one_way import Block, Form
from tmon_common.pdu.one_way.layout import FLOW, OCTETS, POINT, SIGNATURE, TIME, WORDS

CLASS = "voice"
FORM = Form(CLASS, 4, 1, sizes=True)
T0 = 1_700_000_000 * SECOND
MS = 1_000_000


def one_way(**changed) -> OneWay:
    """Three hops, a point at a, b and c each."""
    hops = tuple(Hop(f"hop-{p}", (Point(n, p, "eth0"),)) for n, p in enumerate("abc", 1))
    parameters = {"max_transit_ns": SECOND, "interval_ns": 10 * SECOND, "late_slots": 0, "max_lifetime_ns": 600 * SECOND,
                  "latencies": (Latency(0, 2),), "individual": True}
    return OneWay(hops=hops, **(parameters | changed))


def flow_class(**changed) -> FlowClass:
    granular = GranularFlow("flow", frozenset(("src_addr", "dst_addr")), bidirectional=False)
    return FlowClass(CLASS, Filter(), (granular,), (), one_way(**changed))


class Collected:
    """In place of Results: keeps the packets, as (signature, times, verdict, lost_after)."""

    packet_kinds, interval_kinds = (), ()

    def __init__(self, _definitions) -> None:
        self.packets: list[tuple] = []
        self.ends: list[int] = []
        self.forgotten: list[int] = []

    def take(self, packets, end_ns):
        self.ends.append(end_ns)
        assert (packets.reference_ns < end_ns).all()
        self.packets += zip(packets.signature.tolist(), map(tuple, packets.times.tolist()), packets.verdict.tolist(),
                            packets.lost_after.tolist(), strict=True)
        return {}

    def forget(self, flows):
        self.forgotten += flows.tolist()


def engine(probes="abc", **changed) -> ClassEngine:
    return ClassEngine(flow_class(**changed), probes, Collected)


def block(rows, sequence: int, watermark_ns: int = ABSENT, *, ended: bool = False) -> Block:
    """rows: (flow, point, signature, time)."""
    words = np.full((len(rows), WORDS), ABSENT, np.int64)
    for word, row in zip(words, sorted(rows, key=lambda r: (r[0], r[1], r[3])), strict=True):
        word[[FLOW, POINT, SIGNATURE, TIME]], word[OCTETS] = row, 100
    return Block(FORM, sequence, watermark_ns, ended, words)


def definition(flow: int, source: int = 1, destination: int = 2) -> np.ndarray:
    """A row of flow_definition; its strings are [CLASS]."""
    row = np.full((1, FLOW_DEFINITION.words), ABSENT, np.int64)
    values = row.view(FLOW_DEFINITION.dtype)[0]
    values["flow"], values["flow_class"], values["bidirectional"], values["first_seen"] = flow, 0, 0, T0
    values["src_addr"], values["dst_addr"] = (0, source), (0, destination)
    return row


def define(an_engine: ClassEngine, probes="abc", run_ms: int = 1, flow: int = 7) -> None:
    """The same flow at all probes."""
    for probe in probes:
        an_engine.define(definition(flow), probe, run_ms, [CLASS])


def settle_all(an_engine: ClassEngine, now_ns: int = 0) -> list:
    rounds = []
    while (found := an_engine.tick(now_ns)) is not None:
        rounds.append(found)
    return rounds
