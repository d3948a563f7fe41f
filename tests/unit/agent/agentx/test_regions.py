"""What programs register: each all of its rows, whichever they are, and none of another's."""

from hypothesis import given
from hypothesis import strategies as st

from tmon_agent.agentx.regions import regions
from tmon_agent.managed.declaration import Syntax
from tmon_agent.managed.events import KINDS
from tmon_agent.managed.tables import TABLES
from tmon_agent.snmp.tree import instances

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=30)
VALUES = {Syntax.TEXT: "x", Syntax.MOMENT: 5}


def covered(oid, region):
    """RFC 2741 section 6.2.3, word by word."""
    place = region.range_subid - 1
    return any(oid[: len(region.subtree)] == (*region.subtree[:place], n, *region.subtree[place + 1:])
               for n in range(region.subtree[place], region.upper_bound + 1))


def rows_of(kind, name, others):
    """A row of every table that a program of this kind has, for each of the names, in the last place of an index that has more."""
    for table in TABLES:
        first = (KINDS.index(kind) + 1, name) if table.index[0].syntax is Syntax.NUMBER else (name,)
        if len(first) == 1 and table.index[0].name != kind:
            continue
        columns = table.index[len(first):]
        for n, other in enumerate(others):
            index = (*first, *(other if c.syntax is Syntax.TEXT else n for c in columns))
            yield table, index, tuple(VALUES.get(c.syntax, 1) for c in table.columns)


@given(st.sampled_from(KINDS), NAMES, st.lists(NAMES, min_size=1, max_size=3), st.sampled_from(KINDS), NAMES)
def test_rows_are_in_one_region_of_their_program(kind, name, others, another_kind, another):
    """Also of programs whose names begin alike, or are the same for a probe and a collector."""
    own, foreign = list(regions(kind, name)), list(regions(another_kind, another))
    rows = {}
    for table, index, values in rows_of(kind, name, others):
        rows.setdefault(table, {})[index] = values
    found = instances(rows)
    assert found
    for oid, *_ in found:
        assert 1 == sum(covered(oid, r) for r in own)
        if (kind, name) != (another_kind, another):
            assert not any(covered(oid, r) for r in foreign)


def test_every_table_is_registered_by_some_program():
    """A table that is added is not forgotten here."""
    registered = {r.subtree[r.range_subid - 3] for kind in KINDS for r in regions(kind, "x")}
    assert {t.number for t in TABLES} == registered
