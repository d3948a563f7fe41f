"""Loads and stores that order memory between processes, as C11 atomics do."""

import numpy as np
from numba import int64, njit, types, uint32
from numba.core import cgutils
from numba.extending import intrinsic


def _element(context, builder, array_type, array, index):
    """Pointer to array[index]."""
    view = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, view, [index], wraparound=False)


@intrinsic
def _load(typingctx, array, index):
    def codegen(context, builder, signature, args):
        return builder.load_atomic(_element(context, builder, signature.args[0], args[0], args[1]), "acquire", 8)

    return int64(array, types.intp), codegen


@intrinsic
def _store(typingctx, array, index, value):
    def codegen(context, builder, signature, args):
        builder.store_atomic(args[2], _element(context, builder, signature.args[0], args[0], args[1]), "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, int64), codegen


@intrinsic
def _load_u32(typingctx, array, index):
    def codegen(context, builder, signature, args):
        return builder.load_atomic(_element(context, builder, signature.args[0], args[0], args[1]), "acquire", 4)

    return uint32(array, types.intp), codegen


@intrinsic
def _store_u32(typingctx, array, index, value):
    def codegen(context, builder, signature, args):
        builder.store_atomic(args[2], _element(context, builder, signature.args[0], args[0], args[1]), "release", 4)
        return context.get_dummy_value()

    return types.void(array, types.intp, uint32), codegen


@intrinsic
def _fence(typingctx):
    def codegen(context, builder, signature, args):
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), codegen


@njit("int64(int64[::1], int64)", cache=True, nogil=True)
def load_acquire(words, index):
    """words[index] (int64 array): what the other side wrote before it stored this value is seen after this load."""
    return _load(words, index)


@njit("void(int64[::1], int64, int64)", cache=True, nogil=True)
def store_release(words, index, value):
    """words[index] = value, after every earlier store of this process is visible."""
    _store(words, index, value)


@njit("uint32(uint32[::1], int64)", cache=True, nogil=True)
def load_acquire_u32(words, index):
    """The same of a uint32 array: words that a kernel shares are no longer."""
    return _load_u32(words, index)


@njit("void(uint32[::1], int64, uint32)", cache=True, nogil=True)
def store_release_u32(words, index, value):
    """The same of a uint32 array."""
    _store_u32(words, index, value)


@njit("void()", cache=True, nogil=True)
def full_fence():
    """No load or store crosses this point (needed between storing a flag and loading the other side's word)."""
    _fence()


def words_of(buffer: memoryview, offset: int, count: int) -> np.ndarray:
    """int64 array (count,) in place over shared memory, `offset` octets from its start."""
    return np.frombuffer(buffer, dtype=np.int64, count=count, offset=offset)
