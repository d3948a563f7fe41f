"""What analysers get: records of a batch, and the flow of each record for every granular flow definition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tmon_probe.records import REASSEMBLED


@dataclass
class FlowBatch:
    """records     records.PACKET (n,), in the ring itself: read, never keep

    first, count    the records to look at: from `first` up to, not including, `count`
    flow            int32 (specs, n): entry of the flow in the registry, -1 where the packet is not in the spec's class
    direction       uint8 (specs, n): 0 forward (the direction of the flow's first packet), 1 reverse
    numbers         int64 (entries,): number of each flow entry, as published
    lanes, areas    int16 (n,), uint8 (lanes, octets): where the octets of packets lie that the father was asked for (see
                    `Analyser.demand`): those of record i in areas[lanes[i]] from bytes_offset (modulo the length) on
    datagrams       uint8 (1, octets): the same for records with REASSEMBLED, from bytes_offset on; nothing is around the end
    """

    records: np.ndarray
    first: int
    count: int
    flow: np.ndarray
    direction: np.ndarray
    numbers: np.ndarray
    lanes: np.ndarray
    areas: np.ndarray
    datagrams: np.ndarray

    def octets_of(self, i: int) -> bytes:
        """Of the packet of record i, from its IP header on; b"" if none came with it. For what is rare: kernels read in place."""
        record = self.records[i]
        area = self.datagrams[0] if record["flags"] & REASSEMBLED else self.areas[self.lanes[i]]
        start = int(record["bytes_offset"]) & (len(area) - 1)
        return area[start : start + int(record["bytes_length"])].tobytes()

    def payload_of(self, i: int) -> bytes:
        """Of those octets what the transport header carries; b"" if there is none."""
        at = int(self.records[i]["payload_at"])
        return self.octets_of(i)[at:] if self.records[i]["bytes_length"] and at else b""
