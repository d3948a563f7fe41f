"""shim"""
from numba import njit

@njit(cache=True, nogil=True)
def carried(data, body, end, protocol):
    return -1, body
