"""Capture source: a network device through the ring of blocks."""

from __future__ import annotations

import time
from collections.abc import Callable

from tmon_common.config.model import Interface
from tmon_probe.father.capture.afpacket.block_ring import BlockRing, compile_walk
from tmon_probe.father.capture.afpacket.netdevice import is_there, is_up
from tmon_probe.father.capture.batch import Batch, CaptureError, Notice, pause_of
from tmon_probe.father.capture.bpf import CaptureFilter
from tmon_probe.privileges import OWN, Privileges

RETRY_NS = 5_000_000_000


class AfpacketDevice:
    """Source over a device. Batches lie in the ring itself: their octets are the kernel's again after the next call.

    group   fan-out group that it belongs to (see `open_members`), None for none
    privileges  of whoever opens it, now and when a device has come back
    CaptureError at construction if the device does not exist, may not be opened, or the BPF filter is wrong.
    A device that goes away later is tried again every few seconds: it may come back.
    """

    live = True
    paced = False
    finished = False

    def __init__(self, interface: Interface, group: int | None = None, clock: Callable[[], int] = time.monotonic_ns,
                 privileges: Privileges = OWN) -> None:
        self._interface, self._clock, self._privileges = interface, clock, privileges
        self.pause_s = pause_of(interface.buffer_octets)
        compile_walk()
        self._filter: CaptureFilter | None = None
        self._notices: list[Notice] = []
        self._dropped = 0
        self._lost_ns: int | None = None
        self._try_again_ns = 0
        self._ring: BlockRing | None = None
        self._open(group)
        if self._ring.not_hardware:
            self._notices.append(Notice("timestamps_not_hardware", {"why": self._ring.not_hardware}))
        if group is None:
            self.start()

    @property
    def group(self) -> int | None:
        return self._group

    @property
    def gone(self) -> bool:
        return self._lost_ns is not None

    @property
    def longest_frame(self) -> int:
        """Octets of the longest frame that the device can send, two VLAN tags included; a longer packet was merged on receipt.

        Of when the device was opened; 0 if that is not known.
        """
        return self._longest_frame

    def start(self) -> None:
        """Packets come in from now on. For members of a group: to be called when all have joined.

        CaptureError if the kernel refuses the filter.
        """
        self._ring.start()

    def next_batch(self) -> Batch | None:
        batch, ring = self._batch, self._ring
        batch.count = ring.next_packets(batch) if ring else 0
        if not batch.count:
            self._look_after_device()
            return None
        if self._filter:
            self._filter.apply(batch)
        return batch

    def fileno(self) -> int:
        return self._ring.fileno() if self._ring else -1

    def dropped(self) -> int:
        if self._ring:
            self._dropped += self._ring.take_dropped()
        return self._dropped

    def progress(self) -> tuple[int, int]:
        return 0, 0

    def warnings(self) -> list[str]:
        return []

    def notices(self) -> list[Notice]:
        given, self._notices = self._notices, []
        return given

    def close(self) -> None:
        """In this process: one that was forked may go on with it. So drops are not asked for, which would take them from it."""
        if self._ring:
            self._batch.data = self._batch.data[:0].copy()
            self._ring.close()
            self._ring = None

    def _open(self, group: int | None) -> None:
        ring = BlockRing(self._interface, group, self._privileges)
        self._filter = None
        try:
            if not ring.in_kernel:
                self._filter = CaptureFilter(self._interface.name, self._interface.bpf)
                self._filter.require_fit((ring.link_type,))
                self._filter.choose((ring.link_type,), False)
        except CaptureError:
            ring.close()
            raise
        self._ring, self._group, self._longest_frame = ring, ring.group, ring.longest_frame
        self._batch = Batch.empty(ring.octets, (ring.link_type,))

    def _look_after_device(self) -> None:
        """Nothing comes: perhaps the device has gone away, or is back."""
        now_ns = self._clock()
        if self._ring and self._ring.take_error() and self._lost_ns is None:
            self._lost_ns = now_ns
            why = "it went down" if is_there(self._interface.device) else "it disappeared"
            self._notices.append(Notice("device_lost", {"device": self._interface.device, "why": why}))
            self._try_again_ns = now_ns + RETRY_NS
        if self._lost_ns is not None and now_ns >= self._try_again_ns:
            self._try_again_ns = now_ns + RETRY_NS
            if self._reopened():
                seconds = (now_ns - self._lost_ns) // 1_000_000_000
                self._notices.append(Notice("device_back", {"device": self._interface.device, "seconds": seconds}))
                self._lost_ns = None

    def _reopened(self) -> bool:
        """A device that was down only is captured from as soon as it is up; one that was made anew has to be opened anew."""
        if self._ring:
            if self._ring.same_device():
                self._longest_frame = self._ring.find_longest_frame()
                return is_up(self._interface.device)
            self.dropped()
            self.close()  # a group of the old device would refuse the new one
        try:
            self._open(self._group)
            self._ring.start()
        except CaptureError:
            self.close()
            return False
        return True
