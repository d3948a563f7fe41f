"""Capture filters that the kernel runs on a packet socket, and how long a frame may get through them."""

from __future__ import annotations

import ctypes
import os
import socket

import pcapy

from tmon_common.config.model import Interface
from tmon_probe.father.capture import device_errors
from tmon_probe.father.capture.afpacket.if_packet import (
    BPF_MAXINSNS,
    SO_ATTACH_FILTER,
    SO_DETACH_FILTER,
    SO_GET_FILTER,
    SOCK_FILTER,
)
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.bpf import UnfitError, compile_program
from tmon_probe.father.capture.bpf_loopback import Program
from tmon_probe.father.capture.bpf_machine import CLASS_BITS, RET, RETURN_BITS, RETURN_K
from tmon_probe.father.capture.linktypes import ETHERNET

REJECT_ALL: Program = ((RET, 0, 0, 0),)
SMALL_BUFFER_OCTETS = 64 << 10
LONGEST_FRAME = 65535
_libc = ctypes.CDLL(None, use_errno=True)


def kernel_program(interface: Interface, link_type: int) -> Program | None:
    """The program for the configured filter and snap length; () for none needed; None if no kernel can run such a filter.

    CaptureError if the filter is wrong.
    """
    if not interface.bpf:
        return ((RET, 0, 0, interface.snaplen),) if interface.snaplen < LONGEST_FRAME else ()
    program = _program_of_libpcap(interface) if link_type == ETHERNET else _program_of_headers(interface, link_type)
    return program and cut_at(program, interface.snaplen)


def cut_at(program: Program, snaplen: int) -> Program:
    """The program with so many octets kept of what it lets pass."""
    def adapted(code: int, k: int) -> int:
        return snaplen if code & CLASS_BITS == RET and code & RETURN_BITS == RETURN_K and k else k

    return tuple((code, if_true, if_false, adapted(code, k)) for code, if_true, if_false, k in program)


def attach(sock: socket.socket, program: Program) -> None:
    """In place of the one before; () for none. OSError passes through."""
    if not program:
        sock.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
        return
    octets = ctypes.create_string_buffer(b"".join(SOCK_FILTER.pack(*instruction) for instruction in program))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(_SockFprog(len(program), ctypes.addressof(octets))))


class _SockFprog(ctypes.Structure):
    _fields_ = (("len", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _program_of_libpcap(interface: Interface) -> Program | None:
    """What libpcap attaches to a socket of its own. The kernel takes VLAN tags out of the frames before a filter sees them, and
    libpcap alone compiles for that, on live handles only; there is no function that gives the program, but the kernel has it."""
    try:
        handle = pcapy.create(interface.device)
        handle.set_snaplen(interface.snaplen)
        handle.set_promisc(False)
        handle.set_timeout(1)
        handle.set_buffer_size(SMALL_BUFFER_OCTETS)
        status = handle.activate()
    except pcapy.PcapError as error:
        raise CaptureError(device_errors.not_opened(interface, str(error))) from None
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


def _program_of_headers(interface: Interface, link_type: int) -> Program:
    """Frames without tags need no knowledge of the device."""
    try:
        return compile_program(interface.bpf, link_type)
    except UnfitError as error:
        raise CaptureError(device_errors.wrong_filter(interface, str(error))) from None
