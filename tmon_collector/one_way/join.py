"""The join: observations of several hops become packets, whatever happened to these on the way, and in whatever order it was told.

1. Key: flow and signature; with nat the way (forward, reverse) and the signature, as flows change on the way. What is apart by a
   silence of more than max_transit is a piece of its own.
2. A piece that each hop saw once at most, none more than max_transit before or after the first one on the way, is a packet. Nearly
   all are; hence the speed: a sort, and one pass over neighbours.
3. Other pieces (equal packets, copies, signatures met by chance) are untangled hop by hop on the way. Each packet so far and each
   observation of the hop has a time when it would have left the start, had it taken the usual time. Again and again the nearest
   two neighbours in that, a packet and an observation, are a pair, if the observation is within max_transit of the packet's first
   one. Within each outermost pair the first packet then gets the first observation, the second the second, and so on.
4. An observation without a packet is a copy of the packet that its hop saw next before or after it, the nearer one, if an
   earlier hop saw that one, too, and max_transit allows; the first copy is when the packet passed. Else it begins a packet of its
   own: so at the first hop of the way every observation does, and at the second one where the first is silent.
5. Usual times are medians of a flow's packets of (2), else of all that go the same way.
6. Two packets of a piece whose first observations are within max_transit are a clash.

The result depends on what was observed alone, not on an order of arrival, on how flows are numbered, or on earlier rounds.
docs/decisions/0022 has the reasons; tests/oracles/one_way_twin.py says the same in other words.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tmon_collector.one_way.hops import Hops, hops_of
from tmon_collector.one_way.kernels import gathering, pieces, placing, untangle, usual
from tmon_collector.one_way.kernels.sorting import sort
from tmon_collector.one_way.kernels.table import POINTS, TIMES
from tmon_collector.one_way.packets import Flows, Observed, Packets
from tmon_common.config.model import OneWay
from tmon_common.observations import ABSENT

JOINED, LATER, UNDEFINED = range(3)
FOREVER = np.iinfo(np.int64).max
_NO_FLOWS = np.zeros(0, np.uint8)
_NO_TIMES = np.zeros(0, np.int64)
_NO_EXTRAS = np.zeros((0, 0), np.int64)


class Joined(NamedTuple):
    """packets: without verdicts. fate: uint8 (n,): what became of each observation.

    JOINED      it is in one of the packets
    LATER       it belongs to a packet whose reference is not before `before_ns`
    UNDEFINED   its flow is not defined, or its point is none of the class
    """

    packets: Packets
    fate: np.ndarray


def join(observed: Observed, flows: Flows, one_way: OneWay, reverse: np.ndarray | None = None, before_ns: int = FOREVER,
         seen_first: np.ndarray | None = None) -> Joined:
    """Packets whose reference is before `before_ns`.

    reverse     uint8 (flows,): 1 if the flow goes from the last hop to the first; None: none does
    seen_first  uint8 (flows,): becomes 1 for each flow of which the first hop on its way saw one of these packets (with nat: for
                each flow that an observation of such a packet has)
    """
    hops, many = hops_of(one_way), len(observed.time_ns)
    reverse = np.zeros(len(flows.reverse), np.uint8) if reverse is None else reverse
    seen_first = _NO_FLOWS if seen_first is None else seen_first
    key, order, words = np.empty(many, np.uint64), np.empty(many, np.int32), np.empty((many, 2), np.int64)
    placed = placing.place(observed.definition, observed.point, observed.signature, observed.time_ns, flows.flow, reverse, hops.hop,
                           hops.number, one_way.nat, key, order, words)
    fate = np.full(many, JOINED if placed == many else UNDEFINED, np.uint8)
    if placed < many:
        fate[order[:placed]] = JOINED
    key, order = sort(key[:placed], order[:placed])
    words = placing.in_order(words, order)
    table, seen, rows = _rows(observed, flows, one_way, hops, reverse, before_ns, key, order, words, fate)
    del key, words
    return Joined(_packets(observed, flows, hops, before_ns, table, seen, rows, seen_first), fate)


def _rows(observed: Observed, flows: Flows, one_way: OneWay, hops: Hops, reverse, before_ns, key, order, words, fate):
    """(table, seen, rows): of all packets, see `kernels.table`."""
    many = len(order)
    last_ns, extras = _or_none(observed)
    # Far more rows than there will be packets, but memory that is not written to is not taken.
    table = np.empty((many, TIMES + hops.number), np.int64)
    needed = many if one_way.nat or len(last_ns) or len(extras) else 0
    seen, entangled = np.empty((needed, hops.number), np.int32), np.empty((many // 2, 4), np.int32)
    rows, entangled_pieces = pieces.cut(key, order, words, observed.octets, last_ns, extras, flows.flow, reverse, hops.number,
                                        one_way.max_transit_ns, before_ns, table, seen, entangled, fate, LATER)
    entangled = entangled[:entangled_pieces]
    if entangled_pieces:
        offset, reach, offset_of = _usual(one_way, hops.number, table, rows, entangled, words)
        untangle.untangle(entangled, offset, reach, offset_of, order, words, observed.signature, flows.flow, reverse, hops.number,
                          one_way.max_transit_ns, before_ns, table, seen, fate, LATER)
    return table, seen, rows


def _usual(one_way: OneWay, hops: int, table, rows: int, entangled, words):
    """When packets of the flow of each entangled piece usually pass the hops: (offset, reach, offset_of), see `kernels.usual`."""
    of_ways, reach_of_ways = np.zeros((2, hops), np.int64), np.full((2, hops), usual.ANY)
    asked = one_way.nat
    if not one_way.nat:
        offset, reach = np.empty((len(entangled), hops), np.int64), np.empty((len(entangled), hops), np.int64)
        offset_of, needed = np.empty(len(entangled), np.int32), usual.positions(entangled, words)
        asked = usual.of_flows(table, rows, entangled, hops, needed, of_ways, reach_of_ways, offset, reach, offset_of)
    if asked:
        usual.of_ways(table, rows, entangled, words, one_way.max_transit_ns, hops, of_ways, reach_of_ways)
    if one_way.nat:
        return of_ways, reach_of_ways, table[entangled[:, pieces.ROW], POINTS].astype(np.int32)
    if asked:
        usual.of_flows(table, rows, entangled, hops, needed, of_ways, reach_of_ways, offset, reach, offset_of)
    return offset, reach, offset_of


def _or_none(observed: Observed) -> tuple[np.ndarray, np.ndarray]:
    last_ns, extras = observed.last_ns, observed.extras
    return _NO_TIMES if last_ns is None else last_ns, _NO_EXTRAS if extras is None else extras


def _packets(observed: Observed, flows: Flows, hops: Hops, before_ns: int, table, seen, rows: int, seen_first) -> Packets:
    """Columns, in order, without verdicts."""
    key, order = np.empty(rows, np.uint64), np.empty(rows, np.int32)
    many, flow_bits, time_bits = gathering.select(table, rows, before_ns, key, order)
    key, order = key[:many], order[:many]
    if flow_bits + time_bits <= 64:
        gathering.flow_keys(table, order, time_bits, key)
        key, order = sort(key, order)
    else:
        key, order = sort(key, order)
        gathering.flow_keys(table, order, 0, key)
        key, order = sort(key, order)
    last_ns, extras = _or_none(observed)
    number = hops.number
    packets = Packets(flow=np.empty(many, np.int32), definition=np.empty(many, np.int32), signature=np.empty(many, np.uint32),
                      octets=np.empty(many, np.int32), times=np.empty((many, number), np.int64),
                      last=np.full((many, number), ABSENT) if len(last_ns) else None, points=np.empty((many, number), np.uint8),
                      copies=np.empty(many, np.int32), clash=np.empty(many, np.uint8), reverse=np.empty(many, np.uint8),
                      reference_ns=np.empty(many, np.int64), verdict=np.zeros(many, np.uint8), lost_after=np.zeros(many, np.uint8))
    gathering.gather(table, order, number, observed.octets, packets.flow, packets.definition, packets.signature, packets.octets,
                     packets.times, packets.points, packets.copies, packets.clash, packets.reverse, packets.reference_ns,
                     seen_first)
    if len(seen):
        last = _NO_EXTRAS if packets.last is None else packets.last
        gathering.gather_of_observations(order, seen, observed.definition, last_ns, extras, hops.extras, flows.flow,
                                         packets.reverse, packets.times, last, seen_first)
    return packets
