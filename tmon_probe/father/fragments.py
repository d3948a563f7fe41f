"""shim"""
import numpy as np
from numba import njit

FIRST_FRAGMENT = np.dtype([("a", "<u8")])

class FragmentCache:
    def __init__(self, entries=4096):
        self.table = np.zeros(entries, FIRST_FRAGMENT)
        self.seed = np.uint64(1)

@njit(cache=True, nogil=True)
def remember_first(table, seed, ring, slot, mask):
    pass

@njit(cache=True, nogil=True)
def recall_first(table, seed, ring, slot):
    return False, np.uint64(0), 0, 0, False
