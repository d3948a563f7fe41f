"""How a kernel calls the sieve: machine code, made when the configuration is loaded, reached through its address.

A kernel takes the address as a plain int64, so it is compiled once, cached on disk, and never again when filters change:

    @njit(cache=True, nogil=True)
    def dissect(..., sieve_address, ring, head, ...):
        record = ring[slot]
        record.src_port = ...                               # every field that filters may name, and `flags`
        mask = call_sieve(sieve_address, ring, slot)        # uint64, bit i: the packet is in the i-th class
        if mask != 0:
            record.class_mask = mask
            head += 1                                       # keep the slot

    sieve = compile_sieve(filters, interface_numbers)       # tmon_probe.father.sieve; once, before the first batch
    dissect(..., sieve.address, ring, ...)

A call costs about 2 ns (an indirect call; a Numba first-class function costs 35 ns). The address is that of this process:
compile the sieve in the process that uses it. With NUMBA_DISABLE_JIT=1 the same machine code is called through ctypes.
"""

import ctypes
from functools import lru_cache

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

_OCTETS = ir.IntType(8).as_pointer()
SIEVE_TYPE = ir.FunctionType(ir.IntType(64), [_OCTETS])  # class mask of the PACKET record at this address


def call_sieve(sieve_address: int, records: np.ndarray, i: int) -> np.uint64:
    """Class mask (uint64) of record `i` of `records` (1-d, PACKET). `i` is not checked: the caller has just written there."""
    return np.uint64(_python_function(int(sieve_address))(records.ctypes.data + int(i) * records.strides[0]))


@overload(call_sieve)
def _call_sieve_compiled(sieve_address, records, i):  # noqa: ARG001 Numba matches these names with call_sieve's
    if not (isinstance(records, types.Array) and records.ndim == 1 and isinstance(records.dtype, types.Record)):
        return None

    def compiled(sieve_address, records, i):
        return _indirect_call(sieve_address, records, i)

    return compiled


@intrinsic
def _indirect_call(_typing, sieve_address, records, i):  # noqa: ARG001 Numba types these arguments
    def generate(context, builder, signature, arguments):
        address, array, index = arguments
        array = context.make_array(signature.args[1])(context, builder, array)
        stride = cgutils.unpack_tuple(builder, array.strides, 1)[0]
        record = builder.gep(builder.bitcast(array.data, _OCTETS), [builder.mul(index, stride)])
        function = builder.inttoptr(address, SIEVE_TYPE.as_pointer())
        return builder.call(function, [record], attrs=("nounwind", "readonly"))

    return types.uint64(types.int64, records, types.intp), generate


@lru_cache(maxsize=64)
def _python_function(address):
    return ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(address)


@njit(cache=True, nogil=True)
def sieve_records(sieve_address, records, masks):
    """Writes the class mask of each record (1-d, PACKET) into `masks` (uint64, as long)."""
    for i in range(len(records)):
        masks[i] = call_sieve(sieve_address, records, i)
