"""Where managed objects lie, and what their values are on the wire."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmon_agent.managed.declaration import Column, Syntax
from tmon_agent.managed.tables import TABLES
from tmon_agent.snmp.objects import NEVER, OBJECTS, column_oid, date_and_time, entry_oid, index_oid, wire_value
from tmon_agent.snmp.tree import Tree, instances, objects


def column(syntax, unit="", states=()):
    return Column("c", syntax, "", "", unit, states=states)


@pytest.mark.parametrize(("syntax", "unit", "value", "expected"), [
    (Syntax.COUNTER, "", 1 << 63, 1 << 63),
    (Syntax.COUNTER, "ns", 12_345_678_901, 12_345_678_901),
    (Syntax.GAUGE, "", -1, 0),
    (Syntax.GAUGE, "octets", 1 << 33, (1 << 32) - 1),
    (Syntax.GAUGE, "ns", 5_000_999, 5_000),
    (Syntax.SIGNED, "ns", -1_999, -1),
    (Syntax.SIGNED, "ns", -(1 << 62), -(1 << 31)),
    (Syntax.SIGNED, "ns", 1 << 62, (1 << 31) - 1),
    (Syntax.NUMBER, "", 7, 7),
    (Syntax.DURATION, "ns", 1_239_999_999, 123),
    (Syntax.DURATION, "ns", ((1 << 32) + 5) * 10_000_000, 5),
    (Syntax.TRUTH, "", 1, 1),
    (Syntax.TRUTH, "", 0, 2),
    (Syntax.TEXT, "", "ä" * 200, ("ä" * 127).encode()),
    (Syntax.TEXT, "", "\ud800", b"?"),
    (Syntax.MOMENT, "ns", 0, NEVER),
])
def test_values_at_their_limits(syntax, unit, value, expected):
    assert expected == wire_value(column(syntax, unit), value)


def test_states_begin_at_one():
    states = column(Syntax.STATE, states=("never", "alive"))
    assert [wire_value(states, v) for v in (0, 1, 99)] == [1, 2, 2]


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 in UTC by `timezones`
def test_moments_are_read_back(moment):
    """RFC 2579: year of two octets, month, day, hour, minute, second, decisecond, +, 0, 0."""
    ns = int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
    octets = date_and_time(ns)
    assert (moment.year, moment.month, moment.day) == (int.from_bytes(octets[:2], "big"), octets[2], octets[3])
    assert (moment.hour, moment.minute, moment.second, moment.microsecond // 100_000) == tuple(octets[4:8])
    assert octets[8:] == b"+\0\0"


def test_indexes_of_programs_share_no_subtree():
    """The rows of "edge" are not among those of "edge1", nor the other way round."""
    text = (column(Syntax.TEXT),)
    assert index_oid(text, ("edge",)) == (4, 101, 100, 103, 101)
    short, long = (index_oid(text, (name,)) for name in ("edge", "edge1"))
    assert long[: len(short)] != short


def test_no_two_objects_have_one_place():
    found = [column_oid(t, c) for t in TABLES for c in (*t.index, *t.columns)]
    assert len(set(found)) == len(found)
    assert all(o[: len(OBJECTS)] == OBJECTS for o in found)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), unique=True), st.tuples(
    st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)))
def test_tree_is_an_ordered_list(oids, asked):
    """Against a look through the whole list."""
    tree = Tree([(o, None, 0) for o in oids])
    assert (asked in oids) == (tree.get(asked) is not None)
    after = min((o for o in oids if o > asked), default=None)
    assert after == (tree.after(asked) or (None,))[0]


def test_what_is_not_known_has_no_instance():
    table = TABLES[0]
    values = tuple(None if c.syntax is not Syntax.COUNTER else 5 for c in table.columns)
    tree = Tree(instances({table: {("edge",): values}}), objects(TABLES))
    assert len(tree) == sum(c.syntax is Syntax.COUNTER for c in table.columns)
    first = (*entry_oid(table), 2, *index_oid(table.index, ("edge",)))
    assert tree.get(first) is None
    assert tree.has_object(first)
    assert not tree.has_object((*entry_oid(table), 999, 1))
