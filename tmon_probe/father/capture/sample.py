"""A sample of the packets of a recording, chosen by what they hold: two recordings of the same traffic give the same ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tmon_probe.father.capture.batch import BATCH_PACKETS
from tmon_probe.father.capture.replay import Replay
from tmon_probe.father.signature import pick
from tmon_probe.father.signature.pick import COLUMNS, LOOSE, TALLY, TIME

MAX_SAMPLE = 1 << 16
"""Packets in a sample; where there are more, every second of them goes, again and again."""


@dataclass
class Sample:
    """picked: uint64 (n, COLUMNS); mask: bits that no loose signature in it has; tally: int64 (TALLY,). Columns: signature.pick."""

    picked: np.ndarray
    mask: int
    tally: np.ndarray

    def thinned(self, mask: int) -> np.ndarray:
        """What a sample with that mask has, which must have all bits of its own: those of which no other looks the same, by loose
        signature."""
        rows = self.picked[(self.picked[:, LOOSE] & np.uint64(mask)) == 0]
        _, first, counts = np.unique(rows[:, LOOSE], return_index=True, return_counts=True)
        return rows[first[counts == 1]]

    @property
    def times_ns(self) -> np.ndarray:
        return self.picked[:, TIME].astype(np.int64)


def sample(recording: Path, bpf: str = "", most: int = MAX_SAMPLE) -> Sample:
    """Of all IP packets that pass the filter. All of the recording is read. CaptureError, OSError if it cannot be."""
    source = Replay((recording,), bpf=bpf, interface=recording.name)
    picked, tally = np.zeros((most + BATCH_PACKETS, COLUMNS), np.uint64), np.zeros(TALLY, np.int64)
    n = mask = 0
    try:
        while (batch := source.next_batch()) is not None:
            n = pick.pick(batch.data, batch.offsets, batch.captured, batch.wire, batch.interfaces, batch.link_types, batch.times_ns,
                          batch.count, np.uint64(mask), picked, n, tally)
            while n > most:
                mask = 2 * mask + 1
                kept = picked[:n][(picked[:n, LOOSE] & np.uint64(mask)) == 0]
                n = len(kept)
                picked[:n] = kept
    finally:
        source.close()
    return Sample(picked[:n].copy(), mask, tally)
