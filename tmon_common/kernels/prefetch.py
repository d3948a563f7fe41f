"""Asks the processor for octets that will be used soon, and makes arrays that begin with one of its cache lines.

Random access to a table larger than the caches costs the time of a memory access each, unless many are under way at once. So
kernels work in blocks of packets: a pass that asks for what the next pass will use, then that one. See docs/decisions/0013.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

LINE_OCTETS = 64
"""Of a processor's cache, mostly."""
BLOCK = 128
"""Packets of a block: enough that memory answers all together, few enough that nothing asked for is pushed out before its use."""
_READ, _KEEP, _DATA = 0, 3, 1


def _prefetch(context, builder, signature, arguments):
    """Code for the line of arguments[0][arguments[1:]]."""
    view = context.make_array(signature.args[0])(context, builder, arguments[0])
    place = cgutils.get_item_pointer(context, builder, signature.args[0], view, arguments[1:], wraparound=False)
    i32, octet = ir.IntType(32), ir.IntType(8).as_pointer()
    function = builder.module.declare_intrinsic("llvm.prefetch", [octet], ir.FunctionType(ir.VoidType(), [octet, i32, i32, i32]))
    builder.call(function, [builder.bitcast(place, octet), i32(_READ), i32(_KEEP), i32(_DATA)])
    return context.get_dummy_value()


@intrinsic
def prefetch(_typing, data, at):
    """Bring the cache line of data[at] (any array; `at` int64, not checked: nothing is read) near the processor."""
    return types.void(data, types.int64), _prefetch


@intrinsic
def prefetch_in_row(_typing, data, row, at):
    """The same of data[row, at]."""
    return types.void(data, types.int64, types.int64), _prefetch


if config.DISABLE_JIT:

    def prefetch(data, at):
        """Nothing to do without machine code."""

    def prefetch_in_row(data, row, at):
        """Nothing to do without machine code."""


def zeros_on_lines(count: int, dtype: np.dtype) -> np.ndarray:
    """(count,) zeros that begin with a cache line."""
    octets = np.zeros(count * dtype.itemsize + LINE_OCTETS, np.uint8)
    skipped = -octets.ctypes.data % LINE_OCTETS
    return octets[skipped : skipped + count * dtype.itemsize].view(dtype)
