"""Capture filters that the kernel runs on a packet socket, and how long a frame may get through them."""

from __future__ import annotations

import ctypes
import socket

from tmon_common.config.model import Interface
from tmon_probe.father.capture import device_errors
from tmon_probe.father.capture.afpacket.if_packet import SO_ATTACH_FILTER, SO_DETACH_FILTER, SOCK_FILTER
from tmon_probe.father.capture.batch import CaptureError
from tmon_probe.father.capture.bpf import UnfitError, compile_program
from tmon_probe.father.capture.bpf_loopback import Program
from tmon_probe.father.capture.bpf_machine import CLASS_BITS, RET, RETURN_BITS, RETURN_K
from tmon_probe.father.capture.linktypes import ETHERNET
from tmon_probe.privileges import OWN, Privileges

REJECT_ALL: Program = ((RET, 0, 0, 0),)
LONGEST_FRAME = 65535


def kernel_program(interface: Interface, link_type: int, privileges: Privileges = OWN) -> Program | None:
    """The program for the configured filter and snap length; () for none needed; None if no kernel can run such a filter.

    CaptureError if the filter is wrong.
    """
    if not interface.bpf:
        return ((RET, 0, 0, interface.snaplen),) if interface.snaplen < LONGEST_FRAME else ()
    program = privileges.libpcap_program(interface) if link_type == ETHERNET else _program_of_headers(interface, link_type)
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


def _program_of_headers(interface: Interface, link_type: int) -> Program:
    """Frames without tags need no knowledge of the device."""
    try:
        return compile_program(interface.bpf, link_type)
    except UnfitError as error:
        raise CaptureError(device_errors.wrong_filter(interface, str(error))) from None
