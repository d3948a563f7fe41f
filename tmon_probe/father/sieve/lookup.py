"""LLVM code that finds the interval of a value, and the tables it uses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llvmlite import ir

from tmon_probe.father.sieve.intervals import Cut

I8, I16, I32, I64, I128 = (ir.IntType(n) for n in (8, 16, 32, 64, 128))
_V4_BITS = 32
_V4_START = 0xFFFF << _V4_BITS  # ::ffff:0.0.0.0
_V4_END = _V4_START + (1 << _V4_BITS)


def table(module: ir.Module, values: np.ndarray, element: ir.IntType) -> ir.Value:
    """A constant array in the code, as pointer to its first element."""
    octets = values.tobytes()
    kind = ir.ArrayType(I8, len(octets))
    variable = ir.GlobalVariable(module, kind, name=module.get_unique_name("table"))
    variable.initializer = ir.FormattedConstant(kind, 'c"\\' + octets.hex("\\") + '"')
    variable.global_constant = True
    variable.linkage = "private"
    variable.align = 64
    return variable.bitcast(element.as_pointer())


def load(b: ir.IRBuilder, pointer: ir.Value, index: ir.Value) -> ir.Value:
    return b.load(b.gep(pointer, [index]))


def interval(b: ir.IRBuilder, value: ir.Value, cut: Cut) -> ir.Value:
    """Number (i64) of the interval in which `value` (i8, i16, i32 or i128) lies: how many starts are not above it."""
    bits = value.type.width
    if bits == 128:
        return _address_interval(b, value, cut)
    if bits == 32:
        return _bisect(b, value, cut.starts)
    lengths = np.diff([0, *cut.starts, 1 << bits])
    numbers = np.repeat(np.arange(len(lengths), dtype=np.uint16), lengths)
    if bits == 16:  # pages of 256 values; equal pages, and those within one interval are many, are kept once
        rows = [page.tobytes() for page in numbers.reshape(256, 256)]
        page_number = {row: k for k, row in enumerate(dict.fromkeys(rows))}
        page_of = np.array([page_number[row] for row in rows], np.uint16)
        pages = np.frombuffer(b"".join(page_number), np.uint16)
        page = load(b, table(b.module, page_of, I16), b.zext(b.lshr(value, I16(8)), I64))
        offset = b.or_(b.shl(b.zext(page, I64), I64(8)), b.zext(b.and_(value, I16(255)), I64))
        return b.zext(load(b, table(b.module, pages, I16), offset), I64)
    return b.zext(load(b, table(b.module, numbers, I16), b.zext(value, I64)), I64)


def _address_interval(b: ir.IRBuilder, address: ir.Value, cut: Cut) -> ir.Value:
    """IPv4 addresses are compared as 32-bit numbers."""
    below = [s for s in cut.starts if s <= _V4_START]
    inside = [s - _V4_START for s in cut.starts if _V4_START < s < _V4_END]
    is_v4 = b.icmp_unsigned("==", b.lshr(address, I128(_V4_BITS)), I128(_V4_START >> _V4_BITS))
    with b.if_else(is_v4, likely=True) as (v4, v6):
        with v4:
            number_v4 = b.add(_bisect(b, b.trunc(address, I32), inside), I64(len(below)))
            block_v4 = b.block
        with v6:
            number_v6 = _bisect(b, address, cut.starts)
            block_v6 = b.block
    number = b.phi(I64)
    number.add_incoming(number_v4, block_v4)
    number.add_incoming(number_v6, block_v6)
    return number


def _bisect(b: ir.IRBuilder, value: ir.Value, starts: Sequence[int]) -> ir.Value:
    """How many of the ascending `starts` are <= value; without branches."""
    bits = value.type.width
    step = 1 << len(starts).bit_length() >> 1
    padded = list(starts) + [(1 << bits) - 1] * (max(2 * step - 1, 0) - len(starts))
    octets = b"".join(s.to_bytes(bits // 8, "little") for s in padded)
    pointer = table(b.module, np.frombuffer(octets, np.uint8), value.type) if starts else None
    number = I64(0)
    while step:
        start = load(b, pointer, b.add(number, I64(step - 1)))
        number = b.select(b.icmp_unsigned("<=", start, value), b.add(number, I64(step)), number)
        step >>= 1
    too_far = b.icmp_unsigned(">", number, I64(len(starts)))  # the highest value passes the padding
    return b.select(too_far, I64(len(starts)), number)
