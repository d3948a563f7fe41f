"""Packet records of a capture, and what the TCP tracker makes of them, without the rest of the chain."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from tests.pipeline_in_process import AREA_OCTETS, EVERYTHING
from tests.unit.child.tcp.segments import SECOND, Told
from tmon_probe.child.chain import MAX_BATCH
from tmon_probe.father import counts
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.dissection import Dissection, Room, Viewpoint
from tmon_probe.father.sieve import trivial_sieve
from tmon_probe.records import PACKET


def records_of(path: Path) -> np.ndarray:
    """PACKET records of every IP packet."""
    source, found = Replay((path,)), [np.zeros(0, PACKET)]
    ring, tally, area = np.zeros(MAX_BATCH, PACKET), np.zeros(counts.COUNT, np.int64), np.zeros(AREA_OCTETS, np.uint8)
    dissect = Dissection(trivial_sieve(1), EVERYTHING)
    while (batch := source.next_batch()) is not None:
        done = 0
        while done < batch.count:
            done, written, _ = dissect(batch, done, Viewpoint(0, tally), Room(ring, 0, len(ring), area, 0, AREA_OCTETS))
            found.append(ring[:written].copy())
    return np.concatenate(found)


@lru_cache(maxsize=64)
def tracked(path: Path) -> Told:
    """Connections and samples of a capture. Packet time is told as a probe would."""
    told, records = Told(), records_of(path)
    for at in range(0, len(records), 1000):
        part = records[at : at + 1000]
        told.process(part)
        told.connections.flush(int(part["time_ns"][-1]) - SECOND)
    return told.finish()
