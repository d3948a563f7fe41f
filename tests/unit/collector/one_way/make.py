"""Classes, flows and observations for tests, small enough to be read."""

import numpy as np

from tmon_collector.one_way.packets import Flows, Observed, Packets
from tmon_common.config.model import Hop, OneWay, Point
from tmon_common.observations import ABSENT

FORWARD, BACK, OTHER, NOT_YET = range(4)
"""Flows: of a client, what comes back to it, another client's; and a definition that is not there yet."""
FLOWS = Flows(flow=np.array([0, 1, 2, -1], np.int32), reverse=np.array([1, 0, -1], np.int32), source=np.array([0, 1, 2], np.int32),
              destination=np.array([1, 0, 1], np.int32))


def one_way(*points: int, **options) -> OneWay:
    """A class whose hops have so many points; 0: the time of the hop stands in the packets. max_transit is 1000 ns."""
    hops, number = [], 0
    for i, many in enumerate(points):
        of_hop = tuple(Point(number + k + 1, f"probe{i}", f"eth{k}") for k in range(many))
        hops.append(Hop(f"hop{i + 1}", of_hop, ntp="" if many else "transmit"))
        number += many
    return OneWay(tuple(hops), max_transit_ns=options.pop("max_transit_ns", 1000), **options)


def observed(*rows: tuple, last: list | None = None, extras: list | None = None) -> Observed:
    """Of rows (point, time) of signature 7 of FORWARD; or (point, time, signature), or (point, time, signature, flow)."""
    full = np.array([(*row, *(7, FORWARD)[len(row) - 2 :]) for row in rows], np.int64).reshape(-1, 4)
    return Observed(full[:, 3].astype(np.int32), full[:, 0].astype(np.uint8), full[:, 2].astype(np.uint32), full[:, 1].copy(),
                    (100 + full[:, 0]).astype(np.int32), None if last is None else np.array(last, np.int64),
                    None if extras is None else np.array(extras, np.int64))


def times(packets: Packets) -> list[tuple]:
    """Of each packet, None where it was not seen."""
    return [tuple(None if t == ABSENT else t for t in row) for row in packets.times.tolist()]
