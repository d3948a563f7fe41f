"""Compiles the kernels of the one-way join and its statistics, or loads them from their cache, by a class of five packets."""

from __future__ import annotations

from functools import partial

import numpy as np

from tmon_collector.one_way.engine import ClassEngine
from tmon_collector.one_way.merging import merge
from tmon_collector.one_way.results import Results
from tmon_common.config.model import SECOND, Filter, FlowClass, GranularFlow, Histogram, Hop, Latency, OneWay, Point
from tmon_common.observations import ABSENT, FLOW_DEFINITION, ONE_WAY_COUNTERS
from tmon_common.pdu.one_way import Block, Form
from tmon_common.pdu.one_way import warm_up as warm_up_code
from tmon_common.pdu.one_way.layout import EXTRA, FLOW, LAST, POINT, SIGNATURE, TIME, WORDS

_NAME = "warm_up"
_HISTOGRAM = Histogram("warm_up", "ns", (1000,))
_VARIANTS: tuple[dict, ...] = ({}, {"direction": "both"}, {"nat": True}, {"per": "datagram"})


def warm_up() -> None:
    warm_up_code()
    for variant in _VARIANTS:
        _settle(**variant)
    merge(ONE_WAY_COUNTERS, np.zeros((2, ONE_WAY_COUNTERS.words), np.int64), [0])  # rows of a slot that two rounds have part in


def _settle(**variant) -> None:
    hops = (Hop("a", (Point(1, "a", "a"),)), Hop("b", (Point(2, "b", "b"),)), Hop("c", ntp="transmit"))
    one_way = OneWay(hops=hops[:2] if variant else (hops[0], hops[2], hops[1]), latencies=(Latency(0, 1, _HISTOGRAM.name),),
                     individual=True, **variant)
    flow_class = FlowClass(_NAME, Filter(), (GranularFlow("flow", frozenset(("src_addr", "dst_addr"))),), (), one_way)
    engine = ClassEngine(flow_class, "ab", partial(Results, flow_class, {_HISTOGRAM.name: _HISTOGRAM}))
    definitions = np.zeros((2, FLOW_DEFINITION.words), np.int64)
    definitions[:, FLOW_DEFINITION.word_of("flow")] = 0, 1
    definitions[:, FLOW_DEFINITION.word_of("src_addr")] = 1, 2
    definitions[:, FLOW_DEFINITION.word_of("dst_addr")] = 2, 1
    for point, probe in enumerate("ab", 1):
        engine.define(definitions, probe, 0, [_NAME])
        numbers = np.arange(6)[point - 1 :]
        words = np.full((len(numbers), WORDS), ABSENT, np.int64)
        words[:, FLOW], words[:, POINT], words[:, SIGNATURE] = numbers % 2, point, numbers // 4  # one packet has another's
        words[:, TIME] = SECOND + numbers + point
        words[:, EXTRA], words[:, LAST] = words[:, TIME], words[:, TIME]
        words = words[np.argsort(words[:, FLOW], kind="stable")]
        engine.take(Block(Form(_NAME, 4, 1, sizes=True), 0, 2 * SECOND, True, words), probe, 0, 0)
    while (settled := engine.tick(0)) is not None:
        for output in settled.outputs:
            for _ in output.pieces():
                pass
