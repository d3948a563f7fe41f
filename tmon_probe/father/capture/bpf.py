"""Capture filters (libpcap's filter language) on recordings: the programs that a kernel runs on a device, run here on batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pcapy

from tmon_probe.father.capture import bpf_machine as machine
from tmon_probe.father.capture.batch import Batch, CaptureError
from tmon_probe.father.capture.bpf_loopback import Program, for_families_of
from tmon_probe.father.capture.linktypes import LOOP, NULL, RAW, RAW_BSD, RAW_OPENBSD, describe

SNAPLEN = 262_144
NETMASK_UNKNOWN = 0xFFFFFFFF
DLT_RAW = 12
REJECT_ALL = ((machine.RET, 0, 0, 0),)
_ANCILLARY = 0x80000000  # offsets from here on are negative ones: what only a Linux kernel knows of a packet

_LOADS = {machine.LD: (machine.IMM, machine.ABS, machine.IND, machine.MEM, machine.LEN),
          machine.LDX: (machine.IMM, machine.MEM, machine.LEN, machine.MSH)}
_SIZES = {False: (machine.WORD, machine.HALF, machine.OCTET), True: (machine.OCTET,)}
_FROM_PACKET = (machine.ABS, machine.IND, machine.MSH)


class UnfitError(Exception):
    """A filter cannot be run on packets of some link type: why, in libpcap's words or ours."""


def compile_program(expression: str, link_type: int, big: bool = False) -> Program:
    """Instructions (code, jump if true, jump if false, constant) for packets of a LINKTYPE_. Checked: safe for the machine.

    big: byte order of the machine that recorded, which shows in the link header of LINKTYPE_NULL.
    UnfitError if there is no such program.
    """
    dlt = DLT_RAW if link_type in (RAW, RAW_BSD, RAW_OPENBSD) else link_type
    try:
        program = tuple(pcapy.compile(dlt, SNAPLEN, expression, 1, NETMASK_UNKNOWN).get_bpf())
    except (pcapy.PcapError, ValueError) as error:
        raise UnfitError(str(error)) from None
    check_program(program)
    return for_families_of(program, link_type == NULL, big) if link_type in (NULL, LOOP) else program


def check_program(program: Program) -> None:
    """UnfitError if the machine does not know an instruction, or a jump, a memory word or an offset is not possible."""
    for number, (code, if_true, if_false, k) in enumerate(program):
        kind, mode, operation = code & machine.CLASS_BITS, code & machine.MODE_BITS, code & machine.OPERATION_BITS
        left = len(program) - number - 2  # instructions after the next one
        known = code < 0x100
        if kind in _LOADS:
            known &= mode in _LOADS[kind] and (code & machine.SIZE_BITS) in _SIZES[mode == machine.MSH]
            if mode in _FROM_PACKET and k >= _ANCILLARY:
                raise UnfitError("it asks for what only a live device knows (direction, interface, ...)")
        elif kind == machine.ALU:
            by_zero = operation in (machine.DIV, machine.MOD) and not code & machine.WITH_X and k == 0
            known &= operation <= machine.XOR and not by_zero
        elif kind == machine.JMP:
            known &= operation <= machine.JSET
            if (k if operation == machine.JA else max(if_true, if_false)) > left:
                raise UnfitError("its program has a loop (protochain), which capture filters do not have")
        elif kind == machine.RET:
            known &= code & machine.RETURN_BITS in (machine.RETURN_K, machine.RETURN_A)
        elif kind == machine.MISC:
            known &= code - kind in (machine.TAX, machine.TXA)
        if kind in (machine.ST, machine.STX) or (kind in _LOADS and mode == machine.MEM):
            known &= k < machine.SCRATCH_WORDS
        if not known:
            raise UnfitError(f"its program has an instruction that is not of classic BPF (number {number}: {code:#x}, {k})")
    if not program or program[-1][0] & machine.CLASS_BITS != machine.RET:
        raise UnfitError("its program does not end with a return")


class CaptureFilter:
    """The filter of an interface: one program per link type, compiled when the link type is first met.

    Packets of a link type that it does not fit do not pass.
    """

    def __init__(self, interface: str, expression: str) -> None:
        self._interface, self._expression = interface, expression
        self._compiled: dict[tuple[int, bool], Program] = {}
        self._unfit: list[str] = []
        self._instructions = np.array(REJECT_ALL, np.int64)
        self._starts = np.zeros(0, np.int64)
        self.apply(Batch.empty(_no_octets()))  # the kernels are compiled before the first packet

    def require_fit(self, link_types: Sequence[int]) -> None:
        """CaptureError, naming interface and filter, if it fits packets of none of them (and there is one at least)."""
        reasons = []
        for link_type in dict.fromkeys(link_types):
            try:
                compile_program(self._expression, link_type)
            except UnfitError as error:
                reasons.append(f"link type {describe({link_type})}: {error}")
            else:
                return
        if reasons:
            raise CaptureError(f"interface {self._interface}: the BPF filter '{self._expression}' cannot be used: "
                               + "; ".join(reasons))

    def choose(self, link_types: Sequence[int], big: bool) -> None:
        """From now on batches are of a (section of a) recording with these interfaces, in this byte order."""
        programs = [self._program(link_type, big) for link_type in link_types]
        lengths = [len(p) for p in programs]
        self._starts = np.cumsum([0, *lengths], dtype=np.int64)[: len(programs)]
        self._instructions = np.array([i for p in programs for i in p] or REJECT_ALL, np.int64)

    def apply(self, batch: Batch) -> None:
        """Leave in the batch the packets that pass."""
        batch.count = machine.keep_passing(batch.data, batch.offsets, batch.captured, batch.wire, batch.times_ns, batch.interfaces,
                                           batch.count, self._instructions, self._starts)

    def warnings(self) -> list[str]:
        """Link types met that the filter does not fit; each is told once."""
        given, self._unfit = self._unfit, []
        return given

    def _program(self, link_type: int, big: bool) -> Program:
        key = link_type, big
        if key not in self._compiled:
            try:
                self._compiled[key] = compile_program(self._expression, link_type, big)
            except UnfitError as error:
                self._compiled[key] = REJECT_ALL
                self._unfit.append(f"interface {self._interface}: the BPF filter '{self._expression}' does not fit packets of link "
                                   f"type {describe({link_type})}, which are left out: {error}")
        return self._compiled[key]


def _no_octets() -> np.ndarray:
    data = np.zeros(0, np.uint8)
    data.flags.writeable = False
    return data
