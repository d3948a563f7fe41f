"""What requests are answered, against the words of RFC 3416 followed one by one."""

from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import encoder

from tmon_agent.snmp import answers
from tmon_agent.snmp.objects import Smi
from tmon_agent.snmp.responder import binding
from tmon_agent.snmp.tree import Tree

OIDS = st.tuples(st.integers(0, 3), st.integers(0, 3))
END = Smi.END_OF_MIB_VIEW


def tree(oids):
    return Tree([(o, Smi.COUNTER64, 7) for o in oids], [(0,), (1,)])


def plain(instances):
    return [(oid, kind) for oid, kind, _ in instances]


def next_one(oids, asked):
    """Section 4.2.2."""
    later = sorted(o for o in oids if o > asked)
    return (later[0], Smi.COUNTER64) if later else (asked, END)


def test_get_tells_what_is_missing():
    """Section 4.2.1: the object is not there, or it is and has no such instance."""
    found = answers.get(tree([(0, 1)]), [(0, 1), (0, 2), (2, 1), ()])
    expected = [((0, 1), Smi.COUNTER64), ((0, 2), Smi.NO_SUCH_INSTANCE), ((2, 1), Smi.NO_SUCH_OBJECT), ((), Smi.NO_SUCH_OBJECT)]
    assert expected == plain(found)


@given(st.sets(OIDS), st.lists(OIDS, max_size=4), st.integers(-1, 5), st.integers(-1, 5))
def test_bulk(oids, asked, non_repeaters, repetitions):
    """Section 4.2.3 with room for all: N once, then M times R; the answer may end where all R are at the end of the view."""
    n = min(max(non_repeaters, 0), len(asked))
    expected = [next_one(oids, a) for a in asked[:n]]
    turn = asked[n:]
    for _ in range(max(repetitions, 0) if turn else 0):
        row = [next_one(oids, a) for a in turn]
        expected += row
        turn = [oid for oid, _ in row]
        if all(kind is END for _, kind in row):
            break
    assert expected == plain(answers.get_bulk(tree(oids), asked, non_repeaters, repetitions, 1 << 20))


@given(st.sets(OIDS, min_size=3), st.integers(0, 200))
def test_bulk_keeps_to_its_room(oids, room):
    """What is answered fits, and is the beginning of what would be answered with more room."""
    whole = answers.get_bulk(tree(oids), [(0,), (1,)], 0, 10, 1 << 20)
    cut = answers.get_bulk(tree(oids), [(0,), (1,)], 0, 10, room)
    assert cut == whole[: len(cut)]
    assert sum(map(answers.octets_of, cut)) <= room
    assert len(cut) == len(whole) or sum(map(answers.octets_of, whole[: len(cut) + 1])) > room


def test_bulk_is_bounded():
    many = tree([(0, n) for n in range(10_000)])
    assert len(answers.get_bulk(many, [(0,)], 0, 1 << 31, 1 << 30)) == answers.MAX_REPETITIONS


@given(st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=100), st.one_of(
    st.tuples(st.just(Smi.COUNTER64), st.integers(0, (1 << 64) - 1)), st.tuples(st.just(Smi.OCTETS), st.binary(max_size=255)),
    st.tuples(st.just(Smi.INTEGER32), st.integers(-(1 << 31), (1 << 31) - 1)),
    st.tuples(st.just(Smi.TIMETICKS), st.integers(0, (1 << 32) - 1)),
    st.tuples(st.just(Smi.OBJECT_ID), st.lists(st.integers(0, 0xFFFFFFFF), max_size=9).map(lambda o: (1, 3, *o))),
    st.tuples(st.just(END), st.just(0))))
def test_octets_are_never_underrated(oid, value):
    """Against pyasn1's encoding of the binding."""
    instance = ((1, 3, *oid), *value)
    name, shown = binding(instance)
    head = 4  # of the sequence of both, with a length of two octets
    assert head + len(encoder.encode(name)) + len(encoder.encode(shown)) <= answers.octets_of(instance)
