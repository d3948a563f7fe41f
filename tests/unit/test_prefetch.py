"""Asking for cache lines: of any array, and of places that are none; arrays that begin with a line."""

import numpy as np
import pytest
from numba import njit

from tmon_common.kernels.prefetch import LINE_OCTETS, prefetch, prefetch_in_row, zeros_on_lines
from tmon_probe.records import PACKET


@njit(cache=True, nogil=True)
def ask(data, at):
    prefetch(data, at)
    return len(data)


@njit(cache=True, nogil=True)
def ask_in_row(data, row, at):
    prefetch_in_row(data, row, at)
    return len(data)


@pytest.mark.parametrize("at", [0, 2, -1, 3, 1 << 40, -(1 << 40)])
def test_nothing_is_read(at):
    """Neither what is there nor what is not: there is no error, and nothing has changed."""
    for dtype in (np.uint8, np.int32, np.uint64, PACKET):
        data = np.ones(3, dtype)
        assert 3 == ask(data, at)
        assert (data == np.ones(3, dtype)).all()
    rows = np.ones((3, 5), np.int64)
    for view in (rows, rows[:, 1:]):
        assert 3 == ask_in_row(view, at, at)
    assert (rows == 1).all()


@pytest.mark.parametrize("count", [1, 3, 4096, 1 << 20])
def test_arrays_on_lines(count):
    for dtype in (np.dtype(np.int64), PACKET):
        made = zeros_on_lines(count, dtype)
        assert (count, dtype) == (len(made), made.dtype)
        assert made.ctypes.data % LINE_OCTETS == 0
        assert not made[:100].view(np.uint8).any()
