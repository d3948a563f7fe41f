"""Hops of a class as arrays: what the join needs to know of the configuration."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tmon_collector.one_way.kernels.placing import NO_HOP
from tmon_common.config.model import OneWay


class Hops(NamedTuple):
    """number      of hops
    hop         uint8 (points + 1,): position of the hop of a point; NO_HOP at 0
    seen        positions of the hops that have points
    extras      positions of the others, whose times stand in packets
    """

    number: int
    hop: np.ndarray
    seen: np.ndarray
    extras: np.ndarray


def hops_of(one_way: OneWay) -> Hops:
    hop = [NO_HOP, *(i for i, h in enumerate(one_way.hops) for _ in h.points)]
    seen = [i for i, h in enumerate(one_way.hops) if h.points]
    return Hops(len(one_way.hops), np.array(hop, np.uint8), np.array(seen, np.int64), np.array(one_way.extras, np.int64))
