"""What analysers get: records of a batch, and the flow of each record for every granular flow definition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class FlowBatch:
    """records     records.PACKET (n,), in the ring itself: read, never keep

    first, count    the records to look at: from `first` up to, not including, `count`
    flow            int32 (specs, n): entry of the flow in the registry, -1 where the packet is not in the spec's class
    direction       uint8 (specs, n): 0 forward (the direction of the flow's first packet), 1 reverse
    numbers         int64 (entries,): number of each flow entry, as published
    """

    records: np.ndarray
    first: int
    count: int
    flow: np.ndarray
    direction: np.ndarray
    numbers: np.ndarray
