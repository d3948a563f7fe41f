"""shim"""
import numpy as np
from numba import njit

@njit(cache=True, nogil=True)
def sign_packet(data, at, end, nat, md5, limit):
    return np.uint64(0)
