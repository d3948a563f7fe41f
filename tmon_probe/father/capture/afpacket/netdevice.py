"""What the kernel says of a network device, without any privilege."""

from __future__ import annotations

import fcntl
import socket
import struct
import sys

from tmon_probe.father.capture.afpacket.if_packet import IFF_UP, SIOCGIFFLAGS, SIOCGIFHWADDR, SIOCGIFMTU
from tmon_probe.father.capture.linktypes import ETHERNET, RAW

_IFREQ = struct.Struct("=16s24s")  # the union is that long on 64-bit machines, and never longer

ARPHRD = {
    1: ETHERNET,
    772: ETHERNET,  # loopback: its frames have an Ethernet header
    519: RAW,  # RAWIP
    768: RAW,  # TUNNEL: IP in IP
    769: RAW,  # TUNNEL6
    776: RAW,  # SIT: 6in4
    778: RAW,  # IPGRE
    823: RAW,  # IP6GRE
    0xFFFE: RAW,  # NONE: TUN, WireGuard
}
"""LINKTYPE_ of the frames that a packet socket gets from devices of each hardware type (ARPHRD_, linux/if_arp.h)."""


def is_there(device: str) -> bool:
    try:
        return socket.if_nametoindex(device) > 0
    except OSError:
        return False


def hardware_type(device: str) -> int:
    """ARPHRD_. OSError (ENODEV) if there is no such device; so for the others."""
    return struct.unpack_from("=H", _ask(SIOCGIFHWADDR, device))[0]


def mtu(device: str) -> int:
    return struct.unpack_from("=i", _ask(SIOCGIFMTU, device))[0]


def is_up(device: str) -> bool:
    return bool(struct.unpack_from("=H", _ask(SIOCGIFFLAGS, device))[0] & IFF_UP)


def readable(device: str) -> bool:
    """Whether `capture="afpacket"` can be used for a device of this machine."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return hardware_type(device) in ARPHRD
    except OSError:
        return False


def _ask(request: int, device: str) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        return _IFREQ.unpack(fcntl.ioctl(control, request, _IFREQ.pack(device.encode(), b"")))[1]
