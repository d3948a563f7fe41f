"""Memory asked for before it is needed."""

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

LINE_OCTETS = 64
"""Of a processor's cache, mostly."""
_FOR_READING, _KEEP, _DATA = 0, 3, 1


@intrinsic
def _prefetch(typingctx, octets, index):
    def codegen(context, builder, signature, args):
        view = context.make_array(signature.args[0])(context, builder, args[0])
        pointer = builder.gep(view.data, [args[1]])
        number = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [pointer.type], ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number]))
        builder.call(function, [pointer, *(number(n) for n in (_FOR_READING, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(octets, types.intp), codegen


@njit(cache=True, nogil=True, inline="always")
def prefetch(octets, index):
    """octets[index] (uint8 array) will be read soon. It need not exist: nothing happens if it does not."""
    _prefetch(octets, index)
