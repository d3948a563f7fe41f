"""A keyed hash for tables whose keys come from the network: without the random key nobody can choose what meets in a bucket.

The sum of the products of the two halves of each word, each half added to a random number of its own, plus one more random
number, all modulo 2**64: Multilinear-HM, Lemire and Kaser, "Strongly universal string hashing is fast" (The Computer Journal,
2014). Its upper 33 bits are those of two different keys with the same chance as random numbers; the lower ones are to be left.
"""

import secrets

import numpy as np
from numba import njit, uint64

_LOW, _HALF = uint64(0xFFFFFFFF), uint64(32)


@njit(cache=True, nogil=True, inline="always")
def hash_word(low_random, high_random, word):
    """What `word` (uint64) adds to the hash; the random numbers (uint64) are for the words in this place alone."""
    return (low_random + (word & _LOW)) * (high_random + (word >> _HALF))


def random_words(count: int) -> np.ndarray:
    """uint64 (count,): for a hash of n words 2 n + 1 are needed."""
    return np.frombuffer(secrets.token_bytes(8 * count), np.uint64).copy()
