"""Kernels: a machine for classic BPF programs, and a batch reduced to the packets that a program lets pass.

Source: McCanne, Jacobson, "The BSD Packet Filter", USENIX Winter 1993, section 3.3; libpcap's bpf_filter.c where it is silent.
"""

import numpy as np
from numba import njit

# classes of instructions: the low three bits of the code
LD, LDX, ST, STX, ALU, JMP, RET, MISC = range(8)
CLASS_BITS = 0x07
# loads: how many octets, and where from
SIZE_BITS, WORD, HALF, OCTET = 0x18, 0x00, 0x08, 0x10
MODE_BITS, IMM, ABS, IND, MEM, LEN, MSH = 0xE0, 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0
# arithmetic and jumps: what to do, and whether with the constant or with register X
OPERATION_BITS = 0xF0
ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, MOD, XOR = range(0x00, 0xB0, 0x10)
JA, JEQ, JGT, JGE, JSET = range(0x00, 0x50, 0x10)
WITH_X = 0x08
# what a return gives, and moves between A and X
RETURN_BITS, RETURN_K, RETURN_A = 0x18, 0x00, 0x10
TAX, TXA = 0x00, 0x80

SCRATCH_WORDS = 16
WORD_MASK = 0xFFFFFFFF
REJECT = -1


@njit(cache=True, nogil=True)
def keep_passing(data, offsets, captured, wire, times_ns, interfaces, count, instructions, starts):
    """Move the packets that pass to the front of the int64 arrays of a Batch, in their order. Returns how many there are.

    data            uint8 (octets,)
    instructions    int64 (n, 4): code, jump if true, jump if false (both instructions to skip), constant (32 bits, not negative);
                    programs one after the other, each ending with a return
    starts          int64 (interfaces of the source,): first instruction of the program of each; packets of others do not pass
    """
    scratch = np.zeros(SCRATCH_WORDS, np.int64)
    kept = 0
    for i in range(count):
        interface = interfaces[i]
        if interface < 0 or interface >= len(starts):
            continue
        if not passes(data, offsets[i], captured[i], wire[i], instructions, starts[interface], scratch):
            continue
        if kept < i:
            offsets[kept] = offsets[i]
            captured[kept] = captured[i]
            wire[kept] = wire[i]
            times_ns[kept] = times_ns[i]
            interfaces[kept] = interface
        kept += 1
    return kept


@njit(cache=True, nogil=True)
def passes(data, at, captured, wire, instructions, start, scratch):
    """Whether the packet data[at : at + captured] passes the program at `start`.

    Every jump goes forward, so that a program ends. A load beyond what was captured and a division by zero reject.
    scratch: int64 (16,), the machine's memory; all zeros at the start of a program.
    """
    scratch[:] = 0
    a = 0
    x = 0
    pc = start
    while pc < len(instructions):
        code = instructions[pc, 0]
        k = instructions[pc, 3]
        kind = code & CLASS_BITS
        operand = x if code & WITH_X else k  # of arithmetic and jumps
        step = 1
        if kind in (LD, LDX):
            value = load(data, at, captured, wire, code, k, x, scratch)
            if value == REJECT:
                return False
            if kind == LD:
                a = value
            else:
                x = value
        elif kind == JMP:
            step += jump(code & OPERATION_BITS, a, operand, instructions[pc, 1], instructions[pc, 2], k)
        elif kind == RET:
            return (a if code & RETURN_BITS == RETURN_A else k) != 0
        elif kind == ALU:
            a = compute(code & OPERATION_BITS, a, operand)
            if a == REJECT:
                return False
        elif kind in (ST, STX):
            scratch[k & (SCRATCH_WORDS - 1)] = a if kind == ST else x
        elif code & TXA:
            a = x
        else:
            x = a
        pc += step
    return False


@njit(cache=True, nogil=True)
def load(data, at, captured, wire, code, k, x, scratch):
    """What a load instruction gives (32 bits, not negative), or REJECT."""
    mode = code & MODE_BITS
    if mode == IMM:
        return k
    if mode == LEN:
        return wire & WORD_MASK
    if mode == MEM:
        return scratch[k & (SCRATCH_WORDS - 1)]
    size = code & SIZE_BITS
    octets = 4 if size == WORD else 2 if size == HALF else 1
    first = k + x if mode == IND else k
    if first > captured - octets or at < 0 or at + captured > len(data):
        return REJECT
    value = 0
    for i in range(at + first, at + first + octets):
        value = value << 8 | np.int64(data[i])
    return (value & 0x0F) << 2 if mode == MSH else value


@njit(cache=True, nogil=True)
def jump(operation, a, operand, if_true, if_false, k):
    """How many instructions a jump skips."""
    if operation == JA:
        return k
    if operation == JEQ:
        holds = a == operand
    elif operation == JGT:
        holds = a > operand
    elif operation == JGE:
        holds = a >= operand
    else:
        holds = a & operand != 0
    return if_true if holds else if_false


@njit(cache=True, nogil=True)
def compute(operation, a, operand):
    """Arithmetic of 32-bit numbers without sign, or REJECT for a division by zero."""
    if operation in (DIV, MOD) and operand == 0:
        return REJECT
    if operation in (LSH, RSH) and operand > 31:
        return 0
    result = a
    if operation == ADD:
        result = a + operand
    elif operation == SUB:
        result = a - operand
    elif operation == MUL:
        result = (a & 0xFFFF) * operand + ((((a >> 16) * operand) & 0xFFFF) << 16)
    elif operation == DIV:
        result = a // operand
    elif operation == MOD:
        result = a % operand
    elif operation == OR:
        result = a | operand
    elif operation == AND:
        result = a & operand
    elif operation == XOR:
        result = a ^ operand
    elif operation == LSH:
        result = a << operand
    elif operation == RSH:
        result = a >> operand
    elif operation == NEG:
        result = -a
    return result & WORD_MASK
