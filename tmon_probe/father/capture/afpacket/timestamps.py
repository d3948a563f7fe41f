"""Timestamps of the NIC's own clock instead of the kernel's (Documentation/networking/timestamping.rst of Linux)."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from contextlib import suppress

from tmon_probe.father.capture.afpacket.if_packet import (
    HWTSTAMP_CONFIG,
    HWTSTAMP_FILTER_ALL,
    HWTSTAMP_FILTER_NONE,
    PACKET_TIMESTAMP,
    SIOCGHWTSTAMP,
    SIOCSHWTSTAMP,
    SOF_TIMESTAMPING_RAW_HARDWARE,
    SOL_PACKET,
)


def switch_on_hardware_timestamps(device: str) -> tuple[bool, str]:
    """Every packet that the device receives is to be stamped by it. Gives whether it does, at least some; and what is wrong, "" if
    nothing. It takes CAP_NET_ADMIN.

    What the device stamps when it sends (another program may need that) stays as it is; nothing is undone at the end, for the same
    reason.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        sends = 0
        with suppress(OSError):
            sends = _exchange(control, SIOCGHWTSTAMP, device, (0, 0, 0))[1]
        try:
            given = _exchange(control, SIOCSHWTSTAMP, device, (0, sends, HWTSTAMP_FILTER_ALL))[2]
        except PermissionError:
            return False, "it takes capability CAP_NET_ADMIN to switch them on"
        except OSError as error:
            return False, f"the device has none ({error.strerror})"
    if given == HWTSTAMP_FILTER_NONE:
        return False, "the device stamps no received packets"
    return True, "" if given == HWTSTAMP_FILTER_ALL else f"the device stamps some kinds of packets only (its filter is {given})"


def take_hardware_timestamps(packet_socket: socket.socket) -> None:
    """Of packets that have one; the others get the kernel's. OSError if that cannot be."""
    packet_socket.setsockopt(SOL_PACKET, PACKET_TIMESTAMP, SOF_TIMESTAMPING_RAW_HARDWARE)


def _exchange(control: socket.socket, request: int, device: str, config: tuple[int, int, int]) -> tuple[int, ...]:
    """struct hwtstamp_config, by address in a struct ifreq; as the driver changed it."""
    octets = ctypes.create_string_buffer(HWTSTAMP_CONFIG.pack(*config), HWTSTAMP_CONFIG.size)
    fcntl.ioctl(control, request, struct.pack("=16sQ16x", device.encode(), ctypes.addressof(octets)))
    return HWTSTAMP_CONFIG.unpack(octets.raw)
