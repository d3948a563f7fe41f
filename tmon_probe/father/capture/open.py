"""From an interface of the configuration to its capture sources."""

from __future__ import annotations

import sys
import time

from tmon_common.config.model import Interface
from tmon_probe.father.capture import device_errors
from tmon_probe.father.capture.batch import CaptureError, Source
from tmon_probe.father.capture.replay import Replay

ALL_DEVICES = "any"
"""libpcap's own name for every device at once."""


def open_source(interface: Interface) -> Source:
    """The source of an interface that one father reads. CaptureError if it cannot be opened."""
    if interface.files:
        paced_by = time.monotonic_ns if interface.pace == "own" else None
        return Replay(interface.files, paced_by, bpf=interface.bpf, interface=interface.name,
                      clock_ahead_ns=interface.clock_ahead_ns)
    if choose_capture(interface) == "afpacket":
        from tmon_probe.father.capture.afpacket.source import AfpacketDevice

        return AfpacketDevice(interface)
    from tmon_probe.father.capture.live import LibpcapDevice  # needs libpcap, which a replay does not

    return LibpcapDevice(interface)


def open_sources(interface: Interface) -> list[Source]:
    """One for each father of the interface, sharing its packets. CaptureError if one cannot be opened."""
    if interface.fathers == 1:
        return [open_source(interface)]
    if choose_capture(interface) != "afpacket":
        raise CaptureError(f"{device_errors.where(interface)} is captured from by libpcap, which cannot share its packets among "
                           f"{interface.fathers} fathers; leave fathers= out")
    from tmon_probe.father.capture.afpacket.fanout import open_members

    return list(open_members(interface))


def choose_capture(interface: Interface) -> str:
    """How the packets of a device are captured: "afpacket" or "libpcap". What the configuration says, else what is best here.

    CaptureError if the configuration asks for what cannot be.
    """
    if interface.capture == "afpacket" and not sys.platform.startswith("linux"):
        raise CaptureError(device_errors.not_opened(interface, 'capture="afpacket" is for Linux; leave capture= out'))
    if interface.capture == "afpacket" and interface.device == ALL_DEVICES:
        raise CaptureError(device_errors.not_opened(
            interface, 'capture="afpacket" reads one device; leave capture= out, or name the device'))
    return interface.capture or best_capture(interface.device)


def best_capture(device: str) -> str:
    """"afpacket" where Linux has it and the device is of a kind that it can be used for, else "libpcap"."""
    from tmon_probe.father.capture.afpacket.netdevice import readable

    return "afpacket" if device != ALL_DEVICES and readable(device) else "libpcap"
