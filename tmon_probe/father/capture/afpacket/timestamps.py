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


def use_hardware_timestamps(sock: socket.socket, device: str) -> str:
    """Every packet that the device receives is to be stamped by it. Returns what is wrong, "" if nothing.

    What the device stamps when it sends (another program may need that) stays as it is; nothing is undone at the end, for the same
    reason. Packets that have no such stamp get the kernel's.
    """
    sends = 0
    with suppress(OSError):
        sends = _exchange(sock, SIOCGHWTSTAMP, device, (0, 0, 0))[1]
    try:
        given = _exchange(sock, SIOCSHWTSTAMP, device, (0, sends, HWTSTAMP_FILTER_ALL))[2]
        if given == HWTSTAMP_FILTER_NONE:
            return "the device stamps no received packets"
        sock.setsockopt(SOL_PACKET, PACKET_TIMESTAMP, SOF_TIMESTAMPING_RAW_HARDWARE)
    except PermissionError:
        return "it takes capability CAP_NET_ADMIN to switch them on"
    except OSError as error:
        return f"the device has none ({error.strerror})"
    return "" if given == HWTSTAMP_FILTER_ALL else f"the device stamps some kinds of packets only (its filter is {given})"


def _exchange(sock: socket.socket, request: int, device: str, config: tuple[int, int, int]) -> tuple[int, ...]:
    """struct hwtstamp_config, by address in a struct ifreq; as the driver changed it."""
    octets = ctypes.create_string_buffer(HWTSTAMP_CONFIG.pack(*config), HWTSTAMP_CONFIG.size)
    fcntl.ioctl(sock, request, struct.pack("=16sQ16x", device.encode(), ctypes.addressof(octets)))
    return HWTSTAMP_CONFIG.unpack(octets.raw)
