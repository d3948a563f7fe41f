"""The unit of work between a capture source and the dissection: thousands of packets at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

BATCH_PACKETS = 4096
"""Packets a batch holds at most."""


MAX_PAUSE_S = 0.01
FASTEST_OCTETS = 1_250_000_000
"""A second: 10 Gbit/s."""


def pause_of(buffer_octets: int) -> float:
    """How long a buffer can be left alone: less than half of it is filled meanwhile, at FASTEST_OCTETS."""
    return min(buffer_octets / 2 / FASTEST_OCTETS, MAX_PAUSE_S)


class CaptureError(Exception):
    """A source that cannot be opened or read: the message names file or device, the reason and the cure."""


@dataclass
class Batch:
    """Packets of one source. Arrays are the source's own and are overwritten by the next batch.

    data            uint8 (octets,), read-only: where the frames lie
    offsets         int64 (BATCH_PACKETS,): first octet of each frame in `data`
    captured        int64: octets captured of each frame
    wire            int64: octets the frame had on the wire
    times_ns        int64: ns since 1970-01-01 UTC
    interfaces      int64: number of the interface within the source (pcapng may hold several; else 0)
    link_types      int64 (interfaces,): LINKTYPE_ value of each interface of the source
    count           packets in this batch; entries beyond it mean nothing
    """

    data: np.ndarray
    offsets: np.ndarray
    captured: np.ndarray
    wire: np.ndarray
    times_ns: np.ndarray
    interfaces: np.ndarray
    link_types: np.ndarray
    count: int = 0

    @classmethod
    def empty(cls, data: np.ndarray, link_types: tuple[int, ...] = ()) -> Batch:
        columns = [np.zeros(BATCH_PACKETS, np.int64) for _ in range(5)]
        return cls(data, *columns, link_types=np.array(link_types, np.int64))


@dataclass(frozen=True)
class Notice:
    """Something that happened to a source, as the catalogue of events names it (tmon_common.events): code, and values by name."""

    code: str
    values: dict[str, int | str]


class Source(Protocol):
    """A capture source of one interface of the probe.

    live        packets are lost when nobody reads them; else the source waits (replay)
    gone        its device is not there at the moment
    longest_frame   octets of the longest frame that the device can send, 0 if not known: a longer packet was merged on receipt
    pause_s     so long nobody has to look at it, whatever comes (live); 0: always
    paced       a recording whose packets come at the pace they were recorded at
    finished    nothing more will come
    """

    live: bool
    paced: bool
    gone: bool
    longest_frame: int
    pause_s: float

    def next_batch(self) -> Batch | None:
        """The next packets, or None when there are none now (live) or any more (`finished`)."""

    @property
    def finished(self) -> bool: ...

    def fileno(self) -> int:
        """Readable when a live source has packets; -1 if that cannot be waited for."""

    def dropped(self) -> int:
        """Packets that the kernel dropped before they could be read, since the start."""

    def progress(self) -> tuple[int, int]:
        """Octets of the recording read so far, and in all (0 when unknown)."""

    def warnings(self) -> list[str]:
        """What a person should know about this source, in full sentences; each is given once."""

    def notices(self) -> list[Notice]:
        """What has happened since the last call."""

    def close(self) -> None: ...
