"""Asks the processor for octets that will be read soon."""

from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

LINE_OCTETS = 64
"""Of a processor's cache, mostly."""
_READ, _KEEP, _DATA = 0, 3, 1


@intrinsic
def prefetch(_typing, data, at):
    """Bring the cache line of data[at] (uint8 array; `at` int64, not checked: nothing is read) near the processor."""

    def generate(context, builder, signature, arguments):
        start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.gep(start, [arguments[1]])
        i32 = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, i32, i32, i32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(function, [place, i32(_READ), i32(_KEEP), i32(_DATA)])
        return context.get_dummy_value()

    return types.void(data, types.int64), generate


if config.DISABLE_JIT:

    def prefetch(data, at):
        """Nothing to do without machine code."""
