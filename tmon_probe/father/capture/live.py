"""Capture source: a network device through libpcap (pcapy-ng), portable."""

from __future__ import annotations

import sys
from contextlib import suppress

import numpy as np
import pcapy

from tmon_common.config.model import Interface
from tmon_probe.father.capture.batch import BATCH_PACKETS, Batch, CaptureError
from tmon_probe.father.capture.linktypes import SUPPORTED, describe

READ_TIMEOUT_MS = 10
_NO_SUCH_DEVICE, _NOT_UP, _NOT_PERMITTED = -5, -9, (-8, -11)  # PCAP_ERROR_..., pcap/pcap.h
_META = np.dtype([("seconds", "=u4"), ("microseconds", "=u4"), ("offset", "=u4"), ("captured", "=u4")])


class LibpcapDevice:
    """Source over a device. Times have microsecond resolution; a packet longer than the snap length shows as that long.

    CaptureError at construction if the device does not exist, may not be opened, or the BPF filter is wrong.
    """

    live = True
    finished = False

    def __init__(self, interface: Interface) -> None:
        self._name = interface.device
        try:
            handle = pcapy.create(interface.device)
            handle.set_snaplen(interface.snaplen)
            handle.set_promisc(interface.promiscuous)
            handle.set_timeout(READ_TIMEOUT_MS)
            handle.set_buffer_size(min(interface.buffer_octets, 2**31 - 1))
            status = handle.activate()
        except pcapy.PcapError as error:
            raise CaptureError(f"{_where(interface)} cannot be opened: {error}") from None
        if status < 0:
            raise CaptureError(_explain(interface, status))
        if interface.bpf:
            try:
                handle.setfilter(interface.bpf)
            except pcapy.PcapError as error:
                raise CaptureError(f"interface {interface.name}: the BPF filter '{interface.bpf}' is not valid: {error}") from None
        handle.setnonblock(1)
        link_type = handle.datalink()
        if link_type not in SUPPORTED:
            raise CaptureError(f"interface {interface.name}: device {interface.device} has link type {describe({link_type})}, "
                               f"which is not supported; supported are {describe(set(SUPPORTED))}")
        self._handle = handle
        self._batch = Batch.empty(np.empty(0, np.uint8), (link_type,))

    def next_batch(self) -> Batch | None:
        octets, packed = self._handle.next_batch(BATCH_PACKETS)
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
        return self._handle.getfd()

    def dropped(self) -> int:
        try:
            # The third number also holds frames that no protocol wanted after they had been captured.
            return self._handle.stats()[1]
        except pcapy.PcapError:  # the device is gone
            return 0

    def progress(self) -> tuple[int, int]:
        return 0, 0

    def warnings(self) -> list[str]:
        return []

    def close(self) -> None:
        with suppress(pcapy.PcapError):
            self._handle.close()


def _where(interface: Interface) -> str:
    return f"interface {interface.name}: device {interface.device}"


def _explain(interface: Interface, status: int) -> str:
    """What is wrong with a device and what to do about it. status: of pcap_activate (pcapy does not turn it into an exception)."""
    where = _where(interface)
    if status in _NOT_PERMITTED:
        return (f"{where} may not be opened: capability CAP_NET_RAW is missing. Run as root, or grant it: "
                f"setcap cap_net_raw+ep {sys.executable} (the file behind the link), or AmbientCapabilities=CAP_NET_RAW in the "
                "systemd unit")
    if status == _NO_SUCH_DEVICE:
        return f"{where} does not exist; `trafmon interfaces` lists those of this machine"
    if status == _NOT_UP:
        return f"{where} is down; bring it up: ip link set {interface.device} up"
    try:
        pcapy.open_live(interface.device, interface.snaplen, interface.promiscuous, READ_TIMEOUT_MS)
    except pcapy.PcapError as error:  # the only way to libpcap's words
        return f"{where} cannot be opened: {error}"
    return f"{where} cannot be opened: libpcap's error {status}"
