"""A packet socket on one device with its ring of blocks, mapped into this process."""

from __future__ import annotations

import errno
import mmap
import socket
from contextlib import suppress

import numpy as np

from tmon_common.config.model import Interface
from tmon_probe.father.capture import device_errors
from tmon_probe.father.capture.afpacket import walk
from tmon_probe.father.capture.afpacket.if_packet import (
    ETH_P_ALL,
    PACKET_ADD_MEMBERSHIP,
    PACKET_FANOUT,
    PACKET_FANOUT_FLAG_UNIQUEID,
    PACKET_FANOUT_HASH,
    PACKET_IGNORE_OUTGOING,
    PACKET_MR_PROMISC,
    PACKET_MREQ,
    PACKET_RESERVE,
    PACKET_RX_RING,
    PACKET_STATISTICS,
    PACKET_VERSION,
    SOL_PACKET,
    TPACKET_REQ3,
    TPACKET_STATS_V3,
    TPACKET_V3,
    VLAN_TAG_OCTETS,
)
from tmon_probe.father.capture.afpacket.kernel_filter import REJECT_ALL, attach, kernel_program
from tmon_probe.father.capture.afpacket.netdevice import ARPHRD, hardware_type, is_up, mtu
from tmon_probe.father.capture.afpacket.timestamps import take_hardware_timestamps
from tmon_probe.father.capture.batch import Batch, CaptureError
from tmon_probe.father.capture.linktypes import ETHERNET
from tmon_probe.privileges import OWN, Privileges

RETIRE_MS = 10, 50
"""A block with packets is handed over after so long, full or not: at least and at most. Rings of few blocks take longer."""
RING_MS = 1000
"""Few packets fill a ring as well, each with a block of its own; this is how long that takes, if the limits above allow it."""
FRAME_OCTETS = 2048
"""In TPACKET_V3 the kernel only checks that blocks divide into such frames; packets take what they need."""
NEW_GROUP = -1
_LOOPBACK = "lo"
_HEADERS = {ETHERNET: 14 + 2 * VLAN_TAG_OCTETS}


class BlockRing:
    """Receives nothing until `start`.

    group           fan-out group to join: None for none, NEW_GROUP for one that the kernel numbers; then the number of the group
    link_type       LINKTYPE_ of its frames
    longest_frame   octets of the longest frame that the device sends: header, two tags, MTU
    in_kernel       the kernel filters; else there is no filter yet, the expression is not for kernels
    not_hardware    why timestamps are the kernel's though hardware ones were asked for, "" if they are not
    CaptureError at construction if the device does not exist, is down, or may not be opened, or the BPF filter is wrong.
    """

    def __init__(self, interface: Interface, group: int | None = None, privileges: Privileges = OWN) -> None:
        self.interface, self.group, self._privileges = interface, group, privileges
        self.not_hardware = ""
        self._mapping: mmap.mmap | None = None
        try:
            self._socket = privileges.packet_socket()
        except PermissionError:
            raise CaptureError(device_errors.not_permitted(interface)) from None
        except OSError as error:
            raise CaptureError(device_errors.not_opened(interface, error.strerror)) from None
        try:
            self._look_at_device()
            self._make_ring()
            self._join()
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise CaptureError(_explain(interface, error)) from None
            raise

    def start(self) -> None:
        """From now on packets that the filter lets pass come in. CaptureError if the kernel refuses the filter."""
        try:
            attach(self._socket, self._program)
        except OSError as error:
            raise CaptureError(device_errors.not_opened(self.interface, f"BPF filter: {error.strerror}")) from None

    def next_packets(self, batch: Batch) -> int:
        """Fills the arrays of a batch whose data are `octets`; see `walk.next_packets`."""
        return walk.next_packets(self._writable, self._halves, self._words, self._place, self._block_octets, self.interface.snaplen,
                                 self.link_type == ETHERNET, self._skip_outgoing, batch.offsets, batch.captured, batch.wire,
                                 batch.times_ns)

    def fileno(self) -> int:
        return self._socket.fileno()

    def take_error(self) -> int:
        """errno of what happened to the device since the last call, 0 for nothing."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def take_dropped(self) -> int:
        """Packets dropped since the last call: those that found no room, and those of blocks that make no sense."""
        unreadable = int(self._place[walk.UNREADABLE])
        self._place[walk.UNREADABLE] = 0
        statistics = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, TPACKET_STATS_V3.size)  # zero again from now on
        return unreadable + TPACKET_STATS_V3.unpack(statistics)[1]

    def same_device(self) -> bool:
        """The device that was opened exists still, under its name: when it is up, the kernel has resumed by itself."""
        try:
            return socket.if_nametoindex(self.interface.device) == self._index
        except OSError:
            return False

    def find_longest_frame(self) -> int:
        """As `longest_frame`, now. The MTU may have been changed while the device was down."""
        try:
            return mtu(self.interface.device) + _HEADERS.get(self.link_type, 0)
        except OSError:  # gone just now
            return 0

    def close(self) -> None:
        """In this process only: others that were forked may go on with it."""
        self._socket.close()
        if self._mapping:
            self.octets = self._writable = self._halves = self._words = _nothing(np.uint8)
            with suppress(BufferError):  # someone looks at packets still; it goes with the last view
                self._mapping.close()
            self._mapping = None

    def _look_at_device(self) -> None:
        device = self.interface.device
        kind = hardware_type(device)
        if kind not in ARPHRD:
            raise CaptureError(device_errors.not_opened(
                self.interface, f'capture="afpacket" cannot read devices of hardware type {kind}; leave capture= out'))
        self.link_type = ARPHRD[kind]
        self._index = socket.if_nametoindex(device)
        if not is_up(device):
            raise CaptureError(device_errors.not_up(self.interface))
        self.longest_frame = self.find_longest_frame()
        program = kernel_program(self.interface, self.link_type, self._privileges)
        self.in_kernel = program is not None
        self._program = program or ()

    def _make_ring(self) -> None:
        sock, interface = self._socket, self.interface
        block = max(interface.block_octets, mmap.PAGESIZE)
        blocks = max(interface.buffer_octets // block, 2)
        retire_ms = min(max(RING_MS // blocks, RETIRE_MS[0]), RETIRE_MS[1])
        sock.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        sock.setsockopt(SOL_PACKET, PACKET_RESERVE, VLAN_TAG_OCTETS)
        sock.setsockopt(SOL_PACKET, PACKET_RX_RING, TPACKET_REQ3.pack(
            block, blocks, FRAME_OCTETS, block // FRAME_OCTETS * blocks, retire_ms, 0, 0))
        self._mapping = mmap.mmap(sock.fileno(), block * blocks, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
        self._writable = np.frombuffer(self._mapping, np.uint8)
        self._halves, self._words = self._writable.view(np.uint16), self._writable.view(np.uint32)
        self.octets = self._writable.view()
        self.octets.flags.writeable = False
        self._place = np.zeros(walk.PLACES, np.int64)
        self._block_octets = block

    def _join(self) -> None:
        """Bound to the device, all packets rejected so far: in a group they would come twice until all have joined."""
        sock, interface = self._socket, self.interface
        self._skip_outgoing = False
        if interface.device == _LOOPBACK:  # every packet comes by twice
            try:
                sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            except OSError:  # before Linux 4.20
                self._skip_outgoing = True
        if interface.timestamps == "hardware" and (problem := self._use_hardware_timestamps()):
            self.not_hardware = problem
        if interface.promiscuous:
            sock.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MREQ.pack(self._index, PACKET_MR_PROMISC, 0, bytes(8)))
        attach(sock, REJECT_ALL)
        sock.bind((interface.device, ETH_P_ALL))
        if self.group is not None:
            unique = PACKET_FANOUT_FLAG_UNIQUEID if self.group == NEW_GROUP else 0
            sock.setsockopt(SOL_PACKET, PACKET_FANOUT, max(self.group, 0) | (PACKET_FANOUT_HASH | unique) << 16)
            self.group = sock.getsockopt(SOL_PACKET, PACKET_FANOUT) & 0xFFFF

    def _use_hardware_timestamps(self) -> str:
        """What is wrong, "" if nothing."""
        stamps, problem = self._privileges.switch_on_hardware_timestamps(self.interface.device)
        if stamps:
            take_hardware_timestamps(self._socket)
        return problem


def compile_walk() -> None:
    """Compile the walk, or load it from the cache, with nothing to do."""
    batch = Batch.empty(_nothing(np.uint8))
    walk.next_packets(_nothing(np.uint8), _nothing(np.uint16), _nothing(np.uint32), np.zeros(walk.PLACES, np.int64), mmap.PAGESIZE,
                      0, True, False, batch.offsets, batch.captured, batch.wire, batch.times_ns)


def _nothing(dtype: type) -> np.ndarray:
    return np.zeros(0, dtype)


def _explain(interface: Interface, error: OSError) -> str:
    if error.errno == errno.ENODEV:
        return device_errors.no_such_device(interface)
    if error.errno == errno.ENETDOWN:
        return device_errors.not_up(interface)
    if error.errno in (errno.EPERM, errno.EACCES):
        return device_errors.not_permitted(interface)
    if error.errno == errno.ENOMEM:
        return device_errors.not_opened(interface, f"there is no memory for its ring of {interface.buffer_octets} octets; "
                                                   "take a smaller buffer=")
    return device_errors.not_opened(interface, error.strerror or str(error))
