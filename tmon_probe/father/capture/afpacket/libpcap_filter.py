"""The filter program that libpcap has for a live device. Quick to load: the keeper of a probe's privileges does it."""

from __future__ import annotations

import ctypes
import os
import socket
from typing import TYPE_CHECKING

import pcapy

from tmon_common.config.model import Interface
from tmon_probe.father.capture import device_errors
from tmon_probe.father.capture.afpacket.if_packet import BPF_MAXINSNS, SO_GET_FILTER, SOCK_FILTER
from tmon_probe.father.capture.batch import CaptureError

if TYPE_CHECKING:
    from tmon_probe.father.capture.bpf_loopback import Program

SMALL_BUFFER_OCTETS = 64 << 10
_PERMISSION_DENIED = (-8, -11)  # PCAP_ERROR_PERM_DENIED, ..._PROMISC_PERM_DENIED
_libc = ctypes.CDLL(None, use_errno=True)


def libpcap_program(interface: Interface) -> Program | None:
    """What libpcap attaches to a socket of its own. The kernel takes VLAN tags out of the frames before a filter sees them, and
    libpcap alone compiles for that, on live handles only; there is no function that gives the program, but the kernel has it.
    None if no kernel can run it. CaptureError if it is wrong, or the device may not be opened.
    """
    try:
        handle = pcapy.create(interface.device)
        handle.set_snaplen(interface.snaplen)
        handle.set_promisc(False)
        handle.set_timeout(1)
        handle.set_buffer_size(SMALL_BUFFER_OCTETS)
        status = handle.activate()
    except pcapy.PcapError as error:
        raise CaptureError(device_errors.not_opened(interface, str(error))) from None
    if status in _PERMISSION_DENIED:
        raise CaptureError(device_errors.not_permitted(interface))
    if status < 0:
        raise CaptureError(device_errors.not_opened(interface, f"libpcap's error {status}"))
    try:
        handle.setfilter(interface.bpf)
        return read_back(handle.getfd()) or None
    except pcapy.PcapError as error:
        raise CaptureError(device_errors.wrong_filter(interface, str(error))) from None
    finally:
        handle.close()


def read_back(descriptor: int) -> Program:
    """The program attached to a socket; () if there is none. OSError passes through."""
    instructions = ctypes.create_string_buffer(BPF_MAXINSNS * SOCK_FILTER.size)
    count = ctypes.c_uint32(BPF_MAXINSNS)  # instructions, not octets: socket.getsockopt would reserve too little
    if _libc.getsockopt(descriptor, socket.SOL_SOCKET, SO_GET_FILTER, instructions, ctypes.byref(count)) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return tuple(SOCK_FILTER.iter_unpack(instructions.raw[: count.value * SOCK_FILTER.size]))
