"""Turns segmentation and checksum offloads of an interface off (what `ethtool -K` does, linux/ethtool.h).

A veth end leaves checksums half computed and frames up to 64 KiB long, because its peer does not mind. A tap does: it
must see frames as a wire would carry them. The ends of the *hosts* are what matters.
"""

import array
import fcntl
import socket
import struct

_SIOCETHTOOL = 0x8946
_SETTERS = {
    "generic receive offload": 0x2C,
    "generic segmentation": 0x24,
    "TCP segmentation": 0x1F,
    "receive checksum": 0x15,
    "transmit checksum": 0x17,
}
_GET_TRANSMIT_CHECKSUM = 0x16


def turn_off_offloads(interface: str) -> None:
    """Turns them off in the current network namespace; OSError when the transmit checksum stays on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in _SETTERS.values():
            _ethtool(control, interface, command, 0)
        if _ethtool(control, interface, _GET_TRANSMIT_CHECKSUM, 0):
            raise OSError(f"{interface}: transmit checksum offload cannot be turned off")


def _ethtool(control: socket.socket, interface: str, command: int, value: int) -> int:
    """One `struct ethtool_value` request; gives the value that came back."""
    request = array.array("I", [command, value])
    address, _ = request.buffer_info()
    try:
        fcntl.ioctl(control, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), address))
    except OSError as error:
        raise OSError(error.errno, f"{interface}: ethtool command {command:#x}: {error.strerror}") from error
    return request[1]
