"""Numbers out of octets. The caller has checked that the octets are there.

One unaligned load and a byte swap each; with NUMBA_BOUNDSCHECK=1 octet by octet, so that a missing check is found.
"""

import sys

from llvmlite import ir
from numba import config, int64, njit, types, uint32, uint64
from numba.extending import intrinsic

assert sys.byteorder == "little"  # as every machine that Numba compiles for


def _loader(octets):
    """An intrinsic (data, at) -> the number in `octets` octets at data[at], big endian: int64, of eight octets uint64."""
    word = ir.IntType(8 * octets)
    result = types.uint64 if octets == 8 else types.int64

    @intrinsic
    def load(_typing, data, at):  # noqa: ARG001 Numba types these arguments
        def generate(context, builder, signature, arguments):
            start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            place = builder.bitcast(builder.gep(start, [arguments[1]]), word.as_pointer())
            value = builder.bswap(builder.load(place, align=1))
            return builder.zext(value, ir.IntType(64)) if octets < 8 else value

        return result(data, types.int64), generate

    return load


_load16, _load32, _load64 = _loader(2), _loader(4), _loader(8)

if config.BOUNDSCHECK:

    @njit(cache=True, nogil=True, inline="always")
    def be16(data, at):
        """Unsigned 16-bit number, network byte order, from data (uint8 array) at position `at`; int64."""
        return (int64(data[at]) << 8) | int64(data[at + 1])

    @njit(cache=True, nogil=True, inline="always")
    def be32(data, at):
        """Unsigned 32-bit number, network byte order; int64."""
        return (be16(data, at) << 16) | be16(data, at + 2)

    @njit(cache=True, nogil=True, inline="always")
    def be64(data, at):
        """Unsigned 64-bit number, network byte order; uint64."""
        return (uint64(be32(data, at)) << uint64(32)) | uint64(be32(data, at + 4))

else:

    @njit(cache=True, nogil=True, inline="always")
    def be16(data, at):
        """Unsigned 16-bit number, network byte order, from data (uint8 array) at position `at`; int64."""
        return _load16(data, at)

    @njit(cache=True, nogil=True, inline="always")
    def be32(data, at):
        """Unsigned 32-bit number, network byte order; int64."""
        return _load32(data, at)

    @njit(cache=True, nogil=True, inline="always")
    def be64(data, at):
        """Unsigned 64-bit number, network byte order; uint64."""
        return _load64(data, at)


@njit(cache=True, nogil=True, inline="always")
def u16(data, at, big):
    """Unsigned 16-bit number, big endian if `big`; int64."""
    value = be16(data, at)
    return value if big else ((value & 0xFF) << 8) | (value >> 8)


@njit(cache=True, nogil=True, inline="always")
def u32(data, at, big):
    """Unsigned 32-bit number, big endian if `big`; int64."""
    value = be32(data, at)
    if big:
        return value
    return ((value & 0xFF) << 24) | ((value & 0xFF00) << 8) | ((value >> 8) & 0xFF00) | (value >> 24)


@njit(cache=True, nogil=True, inline="always")
def low32(value):
    """The low 32 bits of an int64, as uint32."""
    return uint32(value & 0xFFFFFFFF)
