"""What a device does to packets before a capture sees them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tmon_probe.father.capture.afpacket.netdevice import hardware_type, mtu
from tmon_probe.father.capture.offload.ethtool import Ethtool
from tmon_probe.father.capture.offload.features import MERGES, among

ETHERNET, LOOPBACK, RADIO = 1, 772, range(801, 806)  # ARPHRD_..., linux/if_arp.h
ETHERNET_HEADER, COOKED_HEADER, TWO_TAGS = 14, 20, 8
"""Octets. Devices without Ethernet are captured with libpcap's cooked header (its second version) or none."""


def told_on(device: str) -> tuple[str, ...]:
    """The features that are on by which one captured packet may be several of the wire; none if the device does not tell."""
    with Ethtool() as ethtool, suppress(OSError):
        return among(MERGES, ethtool.features(device).active)
    return ()


def longest_frame(device: str) -> int:
    """Octets of the longest frame that the device carries, link header and two VLAN tags included; a longer one was merged.

    0 if that is unknown: no such device, or one that captures radio headers.
    """
    with suppress(OSError):
        kind = hardware_type(device)
        if kind not in RADIO:
            return mtu(device) + TWO_TAGS + (ETHERNET_HEADER if kind in (ETHERNET, LOOPBACK) else COOKED_HEADER)
    return 0


def devices_below(device: str) -> tuple[str, ...]:
    """Those of which a bridge, bond or VLAN device is made: they merge before it sees anything."""
    return tuple(sorted(p.name.removeprefix("lower_") for p in Path("/sys/class/net", device).glob("lower_*")))
