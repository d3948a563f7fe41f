"""Random filters on random packets: the sieve says what the plain evaluation says."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.father.sieve_packets import (
    INTERFACES,
    WIDTHS,
    expected_mask,
    random_filter,
    random_packet,
    random_predicate,
    to_records,
)
from tmon_common.config.model import Conjunction, Disjunction, Filter
from tmon_probe.father.sieve import compile_sieve
from tmon_probe.father.sieve_call import sieve_records


def assert_agree(filters, packets):
    masks = np.zeros(len(packets), np.uint64)
    sieve = compile_sieve(filters, INTERFACES)
    sieve_records(sieve.address, to_records(packets), masks)
    assert [expected_mask(filters, p) for p in packets] == masks.tolist()


@pytest.mark.parametrize(("classes", "breadth"), [(1, 3), (1, 6), (5, 4), (20, 4), (64, 2), (64, 3), (64, 4)])
def test_many_packets(classes, breadth):
    rng = random.Random(classes * 100 + breadth)
    filters = [random_filter(rng, breadth) for _ in range(classes)]
    assert_agree(filters, [random_packet(rng) for _ in range(2000)])


@pytest.mark.parametrize("seed", range(40))
def test_few_packets_for_many_small_sieves(seed):
    rng = random.Random(seed)
    fields = rng.sample(list(WIDTHS), 4)  # few fields: their predicates meet and merge
    filters = [Filter(tuple(random_predicate(rng, fields) for _ in range(rng.randint(1, 6))), rng.random() < 0.2) for _ in range(6)]
    assert_agree(filters + [random_filter(rng) for _ in range(2)], [random_packet(rng) for _ in range(200)])


seeded = st.integers(0, 1 << 32)
predicates = seeded.map(lambda seed: random_predicate(random.Random(seed)))
conjunctions = st.builds(Conjunction, st.lists(predicates, max_size=4).map(tuple), st.booleans())
disjunctions = st.builds(Disjunction, st.lists(predicates | conjunctions, max_size=4).map(tuple), st.booleans())
filters = st.builds(Filter, st.lists(predicates | disjunctions, max_size=4).map(tuple), st.booleans())
packets = seeded.map(lambda seed: random_packet(random.Random(seed)))


@settings(max_examples=150, deadline=None)
@given(st.lists(filters, max_size=8), st.lists(packets, min_size=1, max_size=20))
def test_any_filters_on_any_packets(filters, packets):
    assert_agree(filters, packets)
