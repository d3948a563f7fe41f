"""The sieve against the plain evaluation of the same filters, field by field, layer by layer."""

import itertools
import pickle
import random

import numba
import numpy as np
import pytest

from tests.unit.father.sieve_packets import INTERFACES, V4, WIDTHS, expected_mask, random_packet, random_value, to_records
from tmon_common.config.fields import FIELDS
from tmon_common.config.model import Conjunction, Disjunction, Filter, Predicate
from tmon_probe.father.sieve import MAX_CLASSES, compile_sieve, trivial_sieve, write_sieve
from tmon_probe.father.sieve_call import call_sieve, sieve_records

PACKETS = [random_packet(random.Random(seed)) for seed in range(500)]
TCP = {"interface": "eth0", "ip_version": 4, "src_addr": V4 + 1, "dst_addr": V4 + 2, "protocol": 6, "src_port": 1025,
       "dst_port": 80, "tos": 0, "dscp": 0, "ttl": 64, "length": 40, "tcp_flags": 2, "fragment": 0}  # fmt: skip
ECHO = {**{f: v for f, v in TCP.items() if "port" not in f and f != "tcp_flags"}, "protocol": 1, "icmp_type": 8, "icmp_code": 0}


def masks_of(filters, packets) -> list[int]:
    sieve = compile_sieve(filters, INTERFACES)
    masks = np.zeros(len(packets), np.uint64)
    sieve_records(sieve.address, to_records(packets), masks)
    return masks.tolist()


def check(filters, packets=PACKETS):
    for start in range(0, len(filters), MAX_CLASSES):
        some = filters[start : start + MAX_CLASSES]
        assert [expected_mask(some, p) for p in packets] == masks_of(some, packets)


def only(*predicates) -> Filter:
    return Filter(predicates)


def is_(field, *values, **more) -> Predicate:
    return Predicate(field, tuple((v, v) for v in values), **more)


@pytest.mark.parametrize("classes", [0, 1, 7, 64])
def test_trivial_sieve_puts_every_packet_into_every_class(classes):
    sieve = trivial_sieve(classes)
    assert sieve.trivial
    records = to_records(PACKETS)
    assert {(1 << classes) - 1} == {int(call_sieve(sieve.address, records, i)) for i in range(len(records))}


def test_more_classes_than_bits_are_refused():
    with pytest.raises(ValueError, match="65 flow classes"):
        compile_sieve([Filter()] * 65, {})


def test_fields_of_the_grammar_and_of_these_tests_are_the_same():
    assert set(FIELDS) == set(WIDTHS)


@pytest.mark.parametrize("field", [f for f in WIDTHS if f != "interface"])
def test_each_field_with_each_operator(field):
    rng = random.Random(field)
    bits, top = WIDTHS[field], (1 << WIDTHS[field]) - 1
    values = [random_value(rng, field) for _ in range(12)]
    masks = [0, 1, top, top ^ 1, top << bits // 2 & top, rng.getrandbits(bits), 1 << bits - 1]
    predicates = [is_(field, v) for v in values[:3]]
    predicates += [Predicate(field, ((min(pair), max(pair)),)) for pair in itertools.pairwise(values)]
    predicates += [Predicate(field, ((min(v, w), max(v, w)),), m) for m, v, w in zip(masks, values, values[1:], strict=False)]
    predicates += [is_(field, v & m, mask=m) for m in masks for v in values[:3]]
    predicates += [is_(field, *values), Predicate(field, ()), Predicate(field, ((0, top),)), Predicate(field, ((-5, 1 << 200),))]
    check([only(p) for p in predicates])
    check([only(Predicate(p.field, p.ranges, p.mask, negated=True)) for p in predicates])


def test_a_missing_field_satisfies_nothing_and_every_negation():
    fields = ("vlan", "src_port", "dst_port", "port", "tcp_flags")
    any_value = [only(Predicate(f, ((0, (1 << 16) - 1),))) for f in fields]
    no_value = [only(Predicate(f, ((0, (1 << 16) - 1),), negated=True)) for f in fields]
    masks = masks_of(any_value + no_value, [ECHO, TCP])
    assert masks == [0b11111_00000, 0b00001_11110]


def test_either_side_may_satisfy_each_condition_on_its_own():
    both = only(is_("port", 80), is_("port", 1025))
    neither = only(is_("port", 80, 443, negated=True), is_("addr", V4 + 3, negated=True))
    same_side = only(is_("src_port", 80), is_("src_port", 1025))
    assert masks_of([both, neither, same_side], [TCP]) == [0b001]
    lone_group = Disjunction((Conjunction((is_("port", 1025), is_("ttl", 64))),))
    check([both, neither, same_side, Filter((is_("port", 80), lone_group))], [TCP, ECHO, *PACKETS])
    group = Disjunction((Conjunction((is_("port", 80), is_("port", 1025), is_("ttl", 64))), is_("addr", V4 + 9)))
    check([Filter((group,)), Filter((Disjunction(group.terms, negated=True),))], [TCP, ECHO, {**TCP, "src_port": 80}])


def test_negation_at_each_of_the_layers():
    def build(top, middle, bottom, low, beside):
        conjunction = Conjunction((is_("protocol", 6, negated=low), Predicate("length", ((0, 1 << 31),))), bottom)
        return Filter((Disjunction((conjunction, is_("port", 0, 1, 2, negated=beside)), middle), is_("ip_version", 4)), top)

    check([build(*signs) for signs in itertools.product((False, True), repeat=5)])


def test_layers_without_terms():
    empty = [Conjunction(()), Conjunction((), negated=True)]
    alternatives = [(), empty[:1], empty[1:], empty]
    disjunctions = [Disjunction(tuple(terms), negated) for terms in alternatives for negated in (False, True)]
    check([Filter((d,), negated) for d in disjunctions for negated in (False, True)] + [Filter(), Filter((), negated=True)])


NETWORKS = [(V4 + (10 << 24), 104), (V4, 96), (V4 + (192 << 24 | 168 << 16), 127), (0, 0), (0x20010DB8 << 96, 32),
            (0x20010DB8 << 96 | 1, 128), ((1 << 128) - 1, 128)]  # fmt: skip


@pytest.mark.parametrize(("network", "length"), NETWORKS)
def test_prefixes_hold_from_their_first_to_their_last_address(network, length):
    last = network | (1 << 128 - length) - 1
    mask = (1 << 128) - (1 << 128 - length)
    addresses = [a for a in (network - 1, network, network + 1, last - 1, last, last + 1) if 0 <= a < 1 << 128]
    packets = [{**TCP, "src_addr": a, "dst_addr": b} for a in addresses for b in addresses]
    for many in (0, 40):  # few are compared one by one, many are searched
        others = [only(is_("src_addr", V4 + 1000 * k), is_("dst_addr", (0x20010DB8 << 96) + 1000 * k)) for k in range(many)]
        fields = ("src_addr", "dst_addr", "addr")
        ranges = [only(Predicate(f, ((network, last),))) for f in fields]
        check(others + ranges + [only(Predicate(f, ((network, network),), mask)) for f in fields], packets)


def test_masks_with_holes_look_at_the_octets_that_they_show():
    mask = (1 << 128) - (1 << 32) | 255 << 24 | 255  # of 10.x.x.1, as 10.0.0.1/255.0.0.255 is read
    filters = [only(is_(f, V4 + (10 << 24) + host, mask=mask)) for f in ("src_addr", "dst_addr", "addr") for host in range(9)]
    check(filters, [{**TCP, "src_addr": V4 + (10 << 24) + 515 * k, "dst_addr": 10 << 24 | k} for k in range(20)])


def test_each_of_64_classes_has_its_own_bit():
    filters = [only(is_("dst_port", 1000 + c), is_("protocol", 6)) for c in range(64)]
    packets = [{**TCP, "dst_port": 1000 + c} for c in range(64)]
    assert [1 << c for c in range(64)] == masks_of(filters, packets)


def test_interfaces_are_known_by_name_and_those_of_other_probes_match_nothing():
    filters = [only(Predicate("interface", (), names=names)) for names in (("eth1",), ("tap", "eth0"), ("elsewhere",))]
    packets = [{**TCP, "interface": name} for name in ("eth0", "eth1", "tap")]
    assert masks_of(filters, packets) == [0b010, 0b001, 0b010]


def test_only_numbers_of_the_configuration_reach_the_code():
    evil = '0 } \n define void @x() { ret void } ; "\\'
    with pytest.raises(ValueError, match="cannot look at"):
        compile_sieve([only(is_(evil, 1))], {})
    with pytest.raises(TypeError):
        compile_sieve([only(Predicate("ttl", ((evil, evil),)))], {})
    with pytest.raises(TypeError):
        compile_sieve([only(is_("ttl", 1, mask=evil))], {})
    named = [only(Predicate("interface", (), names=(name,))) for name in (evil, "eth1")]
    renamed = [only(Predicate("interface", (), names=(name,))) for name in ("tap", "eth1")]
    assert write_sieve(named, {evil: 2, "eth1": 1}) == write_sieve(renamed, INTERFACES)


def test_equal_filters_share_their_code_which_outlives_the_sieve():
    filters = [only(is_("port", 80 + c), is_("addr", V4 + c)) for c in range(20)]
    address = compile_sieve(filters, INTERFACES).address
    compile_sieve(filters[:3], INTERFACES)
    assert address == compile_sieve(list(filters), INTERFACES).address


def test_64_classes_take_little_more_code_than_8():
    """Which is why they cost little more time: straight code, plus tables."""

    def instructions(classes):
        rng = random.Random(1)
        fields = ("protocol", "src_addr", "dst_addr", "dst_port", "ttl", "length")
        filters = [only(*(is_(f, *(random_value(rng, f) for _ in range(3))) for f in fields)) for _ in range(classes)]
        return sum(" = private " not in line for line in write_sieve(filters, {}).splitlines())

    assert instructions(64) <= 1.5 * instructions(8)


def test_a_sieve_stays_in_its_process():
    with pytest.raises(TypeError, match="where it is used"):
        pickle.dumps(trivial_sieve(1))


def test_records_may_be_strided():
    sieve = compile_sieve([only(is_("ttl", 1, 2, 3))], {})
    records = to_records([{**TCP, "ttl": k % 5} for k in range(50)])
    masks = np.zeros(25, np.uint64)
    sieve_records(sieve.address, records[::2], masks)
    assert [int(k % 5 in (1, 2, 3)) for k in range(0, 50, 2)] == masks.tolist()


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing is compiled")
def test_a_kernel_is_compiled_once_for_all_sieves():
    records, masks = to_records([TCP]), np.zeros(1, np.uint64)
    sieve_records(trivial_sieve(1).address, records, masks)
    before = len(sieve_records.signatures)
    for port, expected in ((80, 1), (81, 0)):
        sieve_records(compile_sieve([only(is_("dst_port", port))], {}).address, records, masks)
        assert [expected] == masks.tolist()
    assert before == len(sieve_records.signatures)
