"""Eight octets at a time: read, hidden in part, folded. The caller has checked that the octets are there."""

import sys

from llvmlite import ir
from numba import config, int64, njit, types, uint64
from numba.extending import intrinsic

assert sys.byteorder == "little"  # as every machine that Numba compiles for

_WORD, _WIDE = ir.IntType(64), ir.IntType(128)


@intrinsic
def _load(_typing, data, at):  # noqa: ARG001 Numba types these arguments
    """Eight octets by one unaligned load."""

    def generate(context, builder, signature, arguments):
        start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load(builder.bitcast(builder.gep(start, [arguments[1]]), _WORD.as_pointer()), align=1)

    return types.uint64(data, types.int64), generate


@intrinsic
def _fold(_typing, a, b):  # noqa: ARG001 Numba types these arguments
    """One multiplication of 64 by 64 bits."""

    def generate(_context, builder, _signature, arguments):
        product = builder.mul(builder.zext(arguments[0], _WIDE), builder.zext(arguments[1], _WIDE))
        high = builder.trunc(builder.lshr(product, ir.Constant(_WIDE, 64)), _WORD)
        return builder.xor(builder.trunc(product, _WORD), high)

    return types.uint64(types.uint64, types.uint64), generate


if config.BOUNDSCHECK:

    @njit(cache=True, nogil=True, inline="always")
    def le64(data, at):
        """Eight octets of data (uint8 array) from position `at` as a number, the first octet lowest; uint64."""
        word = uint64(0)
        for i in range(8):
            word |= uint64(data[at + i]) << uint64(8 * i)
        return word

else:

    @njit(cache=True, nogil=True, inline="always")
    def le64(data, at):
        """Eight octets of data (uint8 array) from position `at` as a number, the first octet lowest; uint64."""
        return _load(data, at)


@njit(cache=True, nogil=True, inline="always")
def first_octets(data, at, count):
    """The `count` octets (any number; above 8, eight) from data[at], zeros after them; uint64.

    The seven octets before data[at] must be there too, and are ignored.
    """
    if count >= 8:
        return le64(data, at)
    if count <= 0:
        return uint64(0)
    return le64(data, at + count - 8) >> uint64(64 - 8 * count)


@njit(cache=True, nogil=True, inline="always")
def fold(a, b):
    """The upper half of the 128-bit product of two uint64 laid over (xor) its lower half; uint64."""
    return _fold(a, b)


@njit(cache=True, nogil=True)
def octets_kept(hidden):
    """Mask of a word out of eight bits, bit i for octet i: 0 where the octet is hidden, 0xFF where it is not; uint64."""
    apart = (uint64(hidden & int64(0xFF)) * uint64(0x0101010101010101)) & uint64(0x8040201008040201)
    some = (apart + uint64(0x7F7F7F7F7F7F7F7F)) & uint64(0x8080808080808080)
    return ~((some >> uint64(7)) * uint64(0xFF))
