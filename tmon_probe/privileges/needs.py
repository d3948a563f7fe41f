"""What a probe needs privileges for, by its configuration."""

from __future__ import annotations

from collections.abc import Iterable

from tmon_common.config.model import Interface, Probe
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.choose import choose_capture
from tmon_probe.privileges.capabilities import NAMES, NET_ADMIN, NET_RAW


def needs(probe: Probe) -> frozenset[int]:
    """While it runs: CAP_NET_RAW for devices, CAP_NET_ADMIN to switch offloads or the clock of a NIC."""
    found = set()
    for interface in probe.interfaces:
        if not interface.files:
            found.add(NET_RAW)
            if interface.offloads == "off" or interface.timestamps == "hardware":
                found.add(NET_ADMIN)
    return frozenset(found)


def needs_itself(probe: Probe) -> frozenset[int]:
    """The process that opens the interfaces, until it has: libpcap opens devices by itself or not at all."""
    return frozenset({NET_RAW} if any(_by_libpcap(i) for i in probe.interfaces) else ())


def named(capabilities: Iterable[int]) -> str:
    return " and ".join(NAMES[c] for c in sorted(capabilities, reverse=True))


def _by_libpcap(interface: Interface) -> bool:
    try:
        return not interface.files and choose_capture(interface) == "libpcap"
    except CaptureError:  # told when it is opened
        return False
