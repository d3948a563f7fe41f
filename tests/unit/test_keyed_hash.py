"""The keyed hash against its definition, and against what it is for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from tmon_common.kernels.keyed_hash import hash_word, random_words

words = st.integers(0, 2**64 - 1)


@njit(nogil=True)
def hash_of(seed, key):
    total = seed[0]
    for i in range(len(key)):
        total += hash_word(seed[2 * i + 1], seed[2 * i + 2], key[i])
    return total


@given(st.lists(words, min_size=1, max_size=6), st.data())
def test_is_the_sum_of_products(key, data):
    """Lemire and Kaser's Multilinear-HM, in numbers without a limit."""
    seed = data.draw(st.lists(words, min_size=2 * len(key) + 1, max_size=2 * len(key) + 1))
    total = seed[0]
    for i, word in enumerate(key):
        total += (seed[2 * i + 1] + word % 2**32) * (seed[2 * i + 2] + word // 2**32)
    assert total % 2**64 == hash_of(np.array(seed, np.uint64), np.array(key, np.uint64))


@pytest.mark.parametrize("difference", [(1, 0), (1 << 63, 0), (1 << 31, 1 << 31), (1 << 63, 1 << 63 | 1 << 34), (0, 1 << 32)])
def test_two_keys_meet_no_more_often_than_chance(difference):
    """Whatever two keys are chosen: of 4096 random seeds, about one in 256 makes them equal in eight of the upper bits."""
    rng = np.random.default_rng(1)
    key = rng.integers(1 << 64, size=2, dtype=np.uint64)
    other = key ^ np.array(difference, np.uint64)
    seeds = rng.integers(1 << 64, size=(4096, 5), dtype=np.uint64)
    for shift in (32, 40, 48, 56):
        meet = sum((int(hash_of(seed, key)) ^ int(hash_of(seed, other))) >> shift & 255 == 0 for seed in seeds)
        assert 4 < meet < 36  # 16 are expected; the same seeds in every run


def test_random_words_are_random():
    """As many as asked for, writable, and never the same twice."""
    one, other = random_words(13), random_words(13)
    assert (np.dtype(np.uint64), (13,), True) == (one.dtype, one.shape, one.flags.writeable)
    assert len({*one.tolist(), *other.tolist()}) == 26
