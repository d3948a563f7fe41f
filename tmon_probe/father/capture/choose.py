"""How the packets of a device are captured: quick to load, for those who decide before they capture."""

from __future__ import annotations

import sys

from tmon_common.config.model import Interface
from tmon_probe.father.capture import device_errors
from tmon_probe.father.capture.afpacket.netdevice import readable
from tmon_probe.father.capture.batch import CaptureError

ALL_DEVICES = "any"
"""libpcap's own name for every device at once."""


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
    return "afpacket" if device != ALL_DEVICES and readable(device) else "libpcap"
