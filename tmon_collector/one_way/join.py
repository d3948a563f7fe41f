"""The join: observations of several hops become packets.

TODO definition
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tmon_collector.one_way import slow_join
from tmon_collector.one_way.hops import NO_HOP, hops_of
from tmon_collector.one_way.packets import Flows, Observed, Packets
from tmon_common.config.model import OneWay
from tmon_common.observations import ABSENT

JOINED, LATER, UNDEFINED = range(3)
FOREVER = np.iinfo(np.int64).max


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
    seen_first  uint8 (flows,): becomes 1 for each flow of which the first hop on its way saw one of these packets (with nat: for each
                flow that an observation of such a packet has)
    """
    hops = hops_of(one_way)
    fate = np.full(len(observed.time_ns), UNDEFINED, np.uint8)
    if reverse is None:
        reverse = np.zeros(len(flows.reverse), np.uint8)
    given = []
    for row in range(len(observed.time_ns)):
        definition, point = int(observed.definition[row]), int(observed.point[row])
        flow = int(flows.flow[definition]) if 0 <= definition < len(flows.flow) else -1
        hop = int(hops.hop[point]) if point < len(hops.hop) else NO_HOP
        if flow < 0 or hop == NO_HOP:
            continue
        position = hops.number - 1 - hop if reverse[flow] else hop
        tie = (point, int(observed.octets[row]), definition)
        given.append(slow_join.Observation(row, flow, int(reverse[flow]), int(observed.signature[row]), position, int(observed.time_ns[row]),
                                           tie))
    found = slow_join.join(given, one_way.nat, one_way.max_transit_ns)
    for packet in found:
        for o in (*packet.seen.values(), *packet.copies):
            fate[o.row] = JOINED if packet.first.time < before_ns else LATER
            if seen_first is not None and packet.first.time < before_ns and packet.first.position == 0:
                seen_first[o.flow] = 1
    return Joined(_packets([p for p in found if p.first.time < before_ns], observed, hops), fate)


def _packets(found, observed, hops) -> Packets:
    many = len(found)
    packets = Packets(np.zeros(many, np.int32), np.zeros(many, np.int32), np.zeros(many, np.uint32), np.zeros(many, np.int32),
                      np.full((many, hops.number), ABSENT), None if observed.last_ns is None else np.full((many, hops.number), ABSENT),
                      np.zeros((many, hops.number), np.uint8), np.zeros(many, np.int32), np.zeros(many, np.uint8),
                      np.zeros(many, np.uint8), np.zeros(many, np.int64), np.zeros(many, np.uint8), np.zeros(many, np.uint8))
    for i, p in enumerate(found):
        first = p.first
        packets.flow[i], packets.reverse[i], packets.signature[i] = first.flow, first.reverse, first.signature
        packets.definition[i], packets.octets[i] = observed.definition[first.row], observed.octets[first.row]
        packets.reference_ns[i], packets.copies[i], packets.clash[i] = first.time, len(p.copies), p.clash
        for position in sorted(p.seen):
            o = p.seen[position]
            hop = hops.number - 1 - position if first.reverse else position
            packets.times[i, hop], packets.points[i, hop] = o.time, observed.point[o.row]
            if packets.last is not None:
                packets.last[i, hop] = observed.last_ns[o.row]
            if observed.extras is not None:
                for k, extra in enumerate(hops.extras):
                    if packets.times[i, extra] == ABSENT:
                        packets.times[i, extra] = observed.extras[o.row, k]
    return packets
