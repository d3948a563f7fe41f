"""One end of the link: an AF_PACKET socket on an interface (packet(7)).

Constants are those of linux/if_packet.h, asm-generic/socket.h and linux/if_ether.h that Python does not name.
"""

import contextlib
import socket
import struct
from dataclasses import dataclass

from tests.linkemu.vlan import TPID_CUSTOMER, tag

_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_STATISTICS = 6
_PACKET_AUXDATA = 8
_PACKET_IGNORE_OUTGOING = 23
_PACKET_MR_PROMISC = 1
_SO_SNDBUFFORCE = 32
_SO_RCVBUFFORCE = 33
_TP_STATUS_CSUMNOTREADY = 1 << 3
_TP_STATUS_VLAN_VALID = 1 << 4
_TP_STATUS_VLAN_TPID_VALID = 1 << 6
_AUXDATA = struct.Struct("=IIIHHHH")
_MEMBERSHIP = struct.Struct("=iHH8s")
_STATISTICS = struct.Struct("=II")

BUFFER_OCTETS = 32 << 20
"""Room in the kernel for frames that wait for the loop."""
MAX_FRAME_OCTETS = 65_535 + 64


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """A frame as the neighbour sent it, a VLAN tag that the kernel had put aside back in its place."""

    octets: bytes
    partial_checksum: bool
    """Its transport checksum was left to a device that does not exist: offloads are on at the neighbour."""
    truncated: bool


class RawSocket:
    """Receives all frames that come in by an interface (not those sent by it), and sends whole frames."""

    def __init__(self, interface: str) -> None:
        """OSError that names the interface when there is none of this name, or when we are not root."""
        self.interface = interface
        try:
            self._open(interface)
        except OSError as error:
            advice = "; run as root" if isinstance(error, PermissionError) else ""
            raise OSError(f"{interface}: {error.strerror or error}{advice}") from error

    def _open(self, interface: str) -> None:
        # Bound before the protocol is set: otherwise frames of other interfaces may slip in between.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setblocking(False)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        for option in (_SO_SNDBUFFORCE, _SO_RCVBUFFORCE):
            with contextlib.suppress(PermissionError):
                self._socket.setsockopt(socket.SOL_SOCKET, option, BUFFER_OCTETS)
        membership = _MEMBERSHIP.pack(socket.if_nametoindex(interface), _PACKET_MR_PROMISC, 0, b"")
        self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)
        self._socket.bind((interface, _ETH_P_ALL))

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def receive(self) -> ReceivedFrame | None:
        """The next frame that waits, or None."""
        try:
            octets, ancillary, flags, _ = self._socket.recvmsg(MAX_FRAME_OCTETS, socket.CMSG_SPACE(_AUXDATA.size))
        except BlockingIOError:
            return None
        partial_checksum = False
        for level, kind, data in ancillary:
            if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = _AUXDATA.unpack(data[: _AUXDATA.size])
                partial_checksum = bool(status & _TP_STATUS_CSUMNOTREADY)
                if status & _TP_STATUS_VLAN_VALID:
                    known = tpid if status & _TP_STATUS_VLAN_TPID_VALID else TPID_CUSTOMER
                    octets = tag(octets, tci & 0x0FFF, tpid=known, priority=tci >> 13)
        return ReceivedFrame(octets, partial_checksum, bool(flags & socket.MSG_TRUNC))

    def send(self, frame: bytes) -> bool:
        """Sends one frame; False when the kernel refuses (interface down, no room, longer than the MTU)."""
        try:
            self._socket.send(frame)
        except OSError:
            return False
        return True

    def kernel_drops(self) -> int:
        """Frames the kernel dropped since the last call, because the loop did not come to fetch them."""
        return _STATISTICS.unpack(self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size))[1]

    def close(self) -> None:
        """Leaves the interface."""
        self._socket.close()
