"""What `ethtool -k` and `ethtool -K` do, and few other questions about a device: by ioctl (linux/ethtool.h, linux/sockios.h)."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

SIOCGIFNAME, SIOCGIFINDEX, SIOCETHTOOL = 0x8910, 0x8933, 0x8946
GET_STRINGS, GET_SET_INFO, GET_FEATURES, SET_FEATURES = 0x1B, 0x37, 0x3A, 0x3B
FEATURE_NAMES = 4  # ETH_SS_FEATURES
NAME_OCTETS = 32  # ETH_GSTRING_LEN
DEVICE_NAME_OCTETS = 15  # IFNAMSIZ without the zero at the end


@dataclass(frozen=True)
class Features:
    """Of a device, by the kernel's names.

    active      at work
    wanted      asked for; at work as soon as nothing is against it
    changeable  by ethtool; the others are fixed
    """

    active: frozenset[str]
    wanted: frozenset[str]
    changeable: frozenset[str]


class Ethtool:
    """Requests about devices of the network namespace in which it was made, from whatever namespace they are made later.

    OSError of any request: ENODEV (no such device), EOPNOTSUPP (it has no such thing), EPERM (CAP_NET_ADMIN is missing).
    """

    def __init__(self) -> None:
        self._control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def features(self, device: str) -> Features:
        names = self._feature_names(device)
        words = (len(names) + 31) // 32
        request = array.array("I", [GET_FEATURES, words, *bytes(4 * words)])
        self._ethtool(device, request)
        return decode(names, request[2:])

    def switch(self, device: str, names: Sequence[str], *, on: bool) -> None:
        """Ask for these features, or for their absence. What comes of it is seen in `features`; with no names: may it be asked?"""
        blocks = encode(self._feature_names(device), names, on=on)
        self._ethtool(device, array.array("I", [SET_FEATURES, len(blocks) // 2, *blocks]))

    def index(self, device: str) -> int:
        """Number of the device: it stays when the device is renamed."""
        return struct.unpack_from("=i", self._device_request(SIOCGIFINDEX, device), 16)[0]

    def name(self, index: int) -> str:
        """The present name of a device."""
        answer = fcntl.ioctl(self._control, SIOCGIFNAME, struct.pack("=16si20x", b"", index))
        return answer[:16].partition(b"\0")[0].decode(errors="surrogateescape")

    def close(self) -> None:
        self._control.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _feature_names(self, device: str) -> list[str]:
        """By number; the same for all devices of this kernel."""
        request = array.array("I", [GET_SET_INFO, 0, *_halves(1 << FEATURE_NAMES), 0])
        self._ethtool(device, request)
        count = request[4]
        request = array.array("B", struct.pack("=III", GET_STRINGS, FEATURE_NAMES, count) + bytes(count * NAME_OCTETS))
        self._ethtool(device, request)
        return strings(request[12:].tobytes())

    def _ethtool(self, device: str, request: array.array) -> None:
        """The answer is in `request` afterwards."""
        address, _ = request.buffer_info()
        fcntl.ioctl(self._control, SIOCETHTOOL, struct.pack("16sP16x", _name(device), address))

    def _device_request(self, command: int, device: str) -> bytes:
        return fcntl.ioctl(self._control, command, struct.pack("16s24x", _name(device)))


def strings(octets: bytes) -> list[str]:
    """NAME_OCTETS each, filled up with zeros."""
    fields = (octets[at : at + NAME_OCTETS] for at in range(0, len(octets), NAME_OCTETS))
    return [f.partition(b"\0")[0].decode("ascii", "replace") for f in fields]


def decode(names: Sequence[str], words: Sequence[int]) -> Features:
    """From `struct ethtool_get_features_block`s: 32 bits each of available, requested, active, never changed, for 32 features."""
    def has(number: int, which: int) -> bool:
        return bool(words[number // 32 * 4 + which] >> number % 32 & 1)

    named = [(number, name) for number, name in enumerate(names) if name]
    return Features(active=frozenset(name for number, name in named if has(number, 2)),
                    wanted=frozenset(name for number, name in named if has(number, 1)),
                    changeable=frozenset(name for number, name in named if has(number, 0) and not has(number, 3)))


def encode(names: Sequence[str], chosen: Sequence[str], *, on: bool) -> list[int]:
    """`struct ethtool_set_features_block`s: 32 bits of valid and of requested, for 32 features. Unknown names are left out."""
    words = [0, 0] * ((len(names) + 31) // 32)
    for number, name in enumerate(names):
        if name in chosen:
            words[number // 32 * 2] |= 1 << number % 32
            words[number // 32 * 2 + 1] |= on << number % 32
    return words


def _halves(number: int) -> tuple[int, int]:
    """A 64-bit number as two of 32 bits, in the order of this machine."""
    return struct.unpack("=II", number.to_bytes(8, sys.byteorder))


def _name(device: str) -> bytes:
    octets = os.fsencode(device)
    if not 0 < len(octets) <= DEVICE_NAME_OCTETS:  # it would be cut, and be another device
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return octets
