"""The dissection kernel with all that it keeps from batch to batch: plan, caches, tally."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tmon_probe.father import counts
from tmon_probe.father.capture.batch import Batch
from tmon_probe.father.dissect import RECORDS_PER_PACKET, dissect_batch
from tmon_probe.father.fragments import FragmentCache
from tmon_probe.father.ftp_peers import FtpPeers
from tmon_probe.father.plan import Plan, plan_of
from tmon_probe.father.sieve import Sieve, trivial_sieve
from tmon_probe.records import PACKET

__all__ = ["RECORDS_PER_PACKET", "Dissection", "Room", "Viewpoint", "compile_dissection"]


@dataclass(frozen=True)
class Viewpoint:
    """How packets of one source are looked at, and counted.

    number      of the interface in the probe
    tally       int64 (counts.COUNT,), added to
    longest     see `dissect_batch`
    """

    number: int
    tally: np.ndarray
    inner: bool = False
    longest: int = 0


@dataclass
class Room:
    """Where records go: slots of a ring and octets of its area (see `dissect_batch`)."""

    records: np.ndarray
    slot: int
    free: int
    area: np.ndarray
    area_at: int
    area_free: int


class Dissection:
    """Of one father process.

    sieve, plan     of the classes of the probe, in the same order
    peers           shared by all fathers of the probe; `father` is the number of this one
    """

    def __init__(self, sieve: Sieve, plan: Plan, peers: FtpPeers | None = None, father: int = 0) -> None:
        self._sieve, self._plan, self._father = sieve, plan, father
        self._peers = peers or FtpPeers(1)
        self._fragments = FragmentCache()

    def __call__(self, batch: Batch, first: int, viewpoint: Viewpoint, room: Room,
                 count: int | None = None) -> tuple[int, int, int]:
        """Packets of the batch from `first` on. Returns (first packet not done, records written, next position in the area)."""
        return dissect_batch(
            batch.data, batch.offsets, batch.captured, batch.wire, batch.times_ns, batch.interfaces, batch.link_types, first,
            batch.count if count is None else count, viewpoint.number, int(viewpoint.inner), viewpoint.longest, self._sieve.address,
            self._plan.masks, self._plan.ports, self._fragments.table, self._fragments.seed, self._peers.words, self._father,
            room.records, room.slot, room.free, room.area, room.area_at, room.area_free, viewpoint.tally)


def compile_dissection() -> None:
    """Compile the dissection, or load it from the cache, with nothing to do."""
    data = np.zeros(0, np.uint8)
    data.flags.writeable = False
    room = Room(np.zeros(0, PACKET), 0, 0, np.zeros(1, np.uint8), 0, 0)
    viewpoint = Viewpoint(0, np.zeros(counts.COUNT, np.int64))
    Dissection(trivial_sieve(0), plan_of([], []))(Batch.empty(data, (1,)), 0, viewpoint, room)
