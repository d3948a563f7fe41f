"""Filter programs for LINKTYPE_NULL and LINKTYPE_LOOP: their link header is the address family as the recording machine had it.

libpcap knows, when it compiles for a file, the byte order of that machine, and that systems number the family of IPv6 in several
ways (gencode.c, `swapped` and BSD_AFNUM_INET6_*); compiling for no file in particular, it takes those of this machine.
"""

from __future__ import annotations

import sys

from tmon_probe.father.capture.bpf_machine import ABS, ALU, JA, JEQ, JMP, LD, MISC, OPERATION_BITS, TXA, WORD
from tmon_probe.father.capture.bpf_machine import CLASS_BITS as CLASS

IPV6_FAMILIES = (10, 24, 28, 30)
"""AF_INET6 of Linux; OpenBSD and NetBSD; FreeBSD; Darwin."""

Program = tuple[tuple[int, int, int, int], ...]


def for_families_of(program: Program, null: bool, big: bool) -> Program:
    """The program with every comparison of the family made for recordings of any system, in their byte order.

    null: LINKTYPE_NULL, in the byte order of the file (`big`), the program being in this machine's; else LINKTYPE_LOOP, always big.
    """
    compiled, wanted = (sys.byteorder, "big" if big else "little") if null else ("big", "big")
    values: dict[int, list[int]] = {}
    for number in _family_comparisons(program):
        family = int.from_bytes(program[number][3].to_bytes(4, "big"), compiled)
        families = IPV6_FAMILIES if family == IPV6_FAMILIES[0] else (family,)
        values[number] = [int.from_bytes(f.to_bytes(4, wanted), "big") for f in families]
    moved_to, at = [], 0
    for number in range(len(program)):
        moved_to.append(at)
        at += len(values.get(number, (None,)))
    adapted = []
    for number, (code, if_true, if_false, k) in enumerate(program):
        comparisons = values.get(number, [k])
        for position, value in enumerate(comparisons):
            here, last = moved_to[number] + position, position == len(comparisons) - 1
            if code & CLASS != JMP:
                adapted.append((code, if_true, if_false, value))
            elif code & OPERATION_BITS == JA:
                adapted.append((code, 0, 0, moved_to[number + 1 + k] - here - 1))
            else:
                on_false = moved_to[number + 1 + if_false] - here - 1 if last else 0
                adapted.append((code, moved_to[number + 1 + if_true] - here - 1, on_false, value))
    return tuple(adapted)


def _family_comparisons(program: Program) -> list[int]:
    """Numbers of the instructions that compare the first word of the packet. Jumps go forward, so one pass finds them."""
    holds_family = [False] * (len(program) + 1)
    found = []
    for number, (code, if_true, if_false, k) in enumerate(program):
        kind, after = code & CLASS, number + 1
        if kind == JMP:
            for skipped in [k] if code & OPERATION_BITS == JA else [if_true, if_false]:
                holds_family[after + skipped] |= holds_family[number]
            if holds_family[number] and code == JMP | JEQ:
                found.append(number)
        elif kind in (LD, ALU) or code == MISC | TXA:
            holds_family[after] |= code == LD | WORD | ABS and k == 0
        else:
            holds_family[after] |= holds_family[number]
    return found
