"""From an interface of the configuration to its capture sources."""

from __future__ import annotations

import time

from tmon_common.config.model import Interface
from tmon_probe.father.capture import device_errors
from tmon_probe.father.capture.batch import CaptureError, Source
from tmon_probe.father.capture.choose import best_capture, choose_capture
from tmon_probe.father.capture.replay import Replay
from tmon_probe.privileges import OWN, Privileges

__all__ = ["best_capture", "choose_capture", "open_source", "open_sources"]

def open_source(interface: Interface, privileges: Privileges = OWN) -> Source:
    """The source of an interface that one father reads. CaptureError if it cannot be opened."""
    if interface.files:
        paced_by = time.monotonic_ns if interface.pace == "own" else None
        return Replay(interface.files, paced_by, bpf=interface.bpf, interface=interface.name,
                      clock_ahead_ns=interface.clock_ahead_ns)
    if choose_capture(interface) == "afpacket":
        from tmon_probe.father.capture.afpacket.source import AfpacketDevice

        return AfpacketDevice(interface, privileges=privileges)
    from tmon_probe.father.capture.live import LibpcapDevice  # needs libpcap, which a replay does not

    return LibpcapDevice(interface)


def open_sources(interface: Interface, privileges: Privileges = OWN) -> list[Source]:
    """One for each father of the interface, sharing its packets. CaptureError if one cannot be opened."""
    if interface.fathers == 1:
        return [open_source(interface, privileges)]
    if choose_capture(interface) != "afpacket":
        raise CaptureError(f"{device_errors.where(interface)} is captured from by libpcap, which cannot share its packets among "
                           f"{interface.fathers} fathers; leave fathers= out")
    from tmon_probe.father.capture.afpacket.fanout import open_members

    return list(open_members(interface, privileges))
