"""Capture source: a network device through libpcap (pcapy-ng), portable."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pcapy

from tmon_common.config.model import Interface
from tmon_probe.father.capture import device_errors
from tmon_probe.father.capture.afpacket.netdevice import is_there
from tmon_probe.father.capture.batch import BATCH_PACKETS, Batch, CaptureError, Notice, pause_of
from tmon_probe.father.capture.choose import ALL_DEVICES
from tmon_probe.father.capture.linktypes import SUPPORTED
from tmon_probe.father.capture.offload import longest_frame

READ_TIMEOUT_MS = 10
RETRY_NS = 5_000_000_000
_NO_SUCH_DEVICE, _NOT_UP, _NOT_PERMITTED = -5, -9, (-8, -11)  # PCAP_ERROR_..., pcap/pcap.h
_META = np.dtype([("seconds", "=u4"), ("microseconds", "=u4"), ("offset", "=u4"), ("captured", "=u4")])


class _NotPermittedError(CaptureError):
    """Without the privilege."""


class LibpcapDevice:
    """Source over a device. Times have microsecond resolution; a packet longer than the snap length shows as that long.

    CaptureError at construction if the device does not exist, may not be opened, or the BPF filter is wrong.
    A device that goes away later is tried again every few seconds: it may come back. But libpcap has to open it by itself, and a
    probe has given that up; then it is told how to go on.
    """

    live = True
    paced = False
    finished = False

    def __init__(self, interface: Interface, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._interface, self._clock = interface, clock
        self.pause_s = pause_of(interface.buffer_octets)
        self._handle: pcapy.Reader | None = _open(interface)
        self._batch = Batch.empty(np.empty(0, np.uint8), (self._handle.datalink(),))
        self.longest_frame = longest_frame(interface.device)
        self._notices: list[Notice] = []
        self._lost_ns: int | None = None
        self._dropped_before = 0  # by handles that are closed
        self._try_again_ns = 0
        self._warnings: list[str] = []
        self._refused = False

    def next_batch(self) -> Batch | None:
        if self._handle is None and not self._reopen():
            return None
        try:
            octets, packed = self._handle.next_batch(BATCH_PACKETS)
        except pcapy.PcapError as error:
            self._lose(str(error))
            return None
        if not packed:
            return None
        meta = np.frombuffer(packed, _META)
        batch, n = self._batch, len(meta)
        batch.data = np.frombuffer(octets, np.uint8)
        batch.offsets[:n] = meta["offset"]
        batch.captured[:n] = meta["captured"]
        batch.wire[:n] = meta["captured"]
        batch.times_ns[:n] = meta["seconds"].astype(np.int64) * 1_000_000_000 + meta["microseconds"].astype(np.int64) * 1000
        batch.count = n
        return batch

    def fileno(self) -> int:
        return -1 if self._handle is None else self._handle.getfd()

    def dropped(self) -> int:
        return self._dropped_before + self._dropped_now()

    def progress(self) -> tuple[int, int]:
        return 0, 0

    def warnings(self) -> list[str]:
        given, self._warnings = self._warnings, []
        return given

    def notices(self) -> list[Notice]:
        given, self._notices = self._notices, []
        return given

    @property
    def gone(self) -> bool:
        return self._lost_ns is not None

    def close(self) -> None:
        if self._handle is not None:
            with suppress(pcapy.PcapError):
                self._handle.close()
            self._handle = None

    def _dropped_now(self) -> int:
        if self._handle is None:
            return 0
        try:
            # The third number also holds frames that no protocol wanted after they had been captured.
            return self._handle.stats()[1]
        except pcapy.PcapError:  # the device is gone
            return 0

    def _lose(self, error: str) -> None:
        self._notices.append(Notice("device_lost", {"device": self._interface.device, "why": error}))
        self._dropped_before += self._dropped_now()
        self.close()
        self._lost_ns = self._clock()
        self._try_again_ns = self._lost_ns + RETRY_NS

    def _reopen(self) -> bool:
        now_ns = self._clock()
        if now_ns < self._try_again_ns:
            return False
        self._try_again_ns = now_ns + RETRY_NS
        if not (is_there(self._interface.device) or self._interface.device == ALL_DEVICES):
            return False
        try:
            self._handle = _open(self._interface)
        except _NotPermittedError:
            if not self._refused:
                self._refused = True
                self._warnings.append(device_errors.not_again(self._interface))
            return False
        except CaptureError:
            return False
        self._batch.link_types[:] = self._handle.datalink()
        self.longest_frame = longest_frame(self._interface.device)
        seconds = (now_ns - self._lost_ns) // 1_000_000_000
        self._notices.append(Notice("device_back", {"device": self._interface.device, "seconds": seconds}))
        self._lost_ns = None
        return True


def _open(interface: Interface) -> pcapy.Reader:
    """An activated handle. CaptureError if that cannot be."""
    try:
        handle = pcapy.create(interface.device)
        handle.set_snaplen(interface.snaplen)
        handle.set_promisc(interface.promiscuous)
        handle.set_timeout(READ_TIMEOUT_MS)
        handle.set_buffer_size(min(interface.buffer_octets, 2**31 - 1))
        status = handle.activate()
    except pcapy.PcapError as error:
        raise CaptureError(device_errors.not_opened(interface, str(error))) from None
    if status < 0:
        raise (_NotPermittedError if status in _NOT_PERMITTED else CaptureError)(_explain(interface, status))
    if interface.bpf:
        try:
            handle.setfilter(interface.bpf)
        except pcapy.PcapError as error:
            raise CaptureError(device_errors.wrong_filter(interface, str(error))) from None
    handle.setnonblock(1)
    link_type = handle.datalink()
    if link_type not in SUPPORTED:
        raise CaptureError(device_errors.unsupported_link_type(interface, link_type))
    return handle


def _explain(interface: Interface, status: int) -> str:
    """What is wrong with a device and what to do about it. status: of pcap_activate (pcapy does not turn it into an exception)."""
    if status in _NOT_PERMITTED:
        return device_errors.not_permitted(interface)
    if status == _NO_SUCH_DEVICE:
        return device_errors.no_such_device(interface)
    if status == _NOT_UP:
        return device_errors.not_up(interface)
    try:
        pcapy.open_live(interface.device, interface.snaplen, interface.promiscuous, READ_TIMEOUT_MS)
    except pcapy.PcapError as error:  # the only way to libpcap's words
        return device_errors.not_opened(interface, str(error))
    return device_errors.not_opened(interface, f"libpcap's error {status}")
