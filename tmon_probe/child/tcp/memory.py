"""Arrays whose elements begin at cache lines."""

from __future__ import annotations

import numpy as np

from tmon_common.kernels.prefetch import LINE_OCTETS


def lines(count: int, dtype: np.dtype) -> np.ndarray:
    """`count` zeros, the first at the beginning of a cache line."""
    octets = count * dtype.itemsize
    memory = np.zeros(octets + LINE_OCTETS, np.uint8)
    skip = -memory.ctypes.data % LINE_OCTETS
    return memory[skip : skip + octets].view(dtype)


def grown(old: np.ndarray, count: int) -> np.ndarray:
    """A longer array that begins with `old`."""
    new = lines(count, old.dtype)
    new[: len(old)] = old
    return new


def octets_of(array: np.ndarray) -> np.ndarray:
    """The same memory as uint8."""
    return array.view(np.uint8)
