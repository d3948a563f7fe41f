"""Declared objects and the statistics they show: no column without its number, no number that nobody shows."""

import pytest

from tmon_agent.managed.collector import COLLECTORS, KINDS, ONE_WAY, REJECTIONS
from tmon_agent.managed.collector import PROBES as HEARD
from tmon_agent.managed.probe import INTERFACES, LINKS, PROBES, RINGS
from tmon_agent.managed.tables import TABLES
from tmon_collector import health_names as of_collector
from tmon_probe import health_names as of_probe

TOTALS = {*of_probe.LANE, *of_probe.FATHER_OWN, *of_probe.CHILD, *of_probe.CHILD_HEALTH}
NOT_SHOWN = {
    RINGS.name: {"pid", "events_lost", "turns"},
    COLLECTORS.name: {"pid", "progress", "written_ns"},
}
"""Told elsewhere (identity, the sum in another table), or of use to programs only."""


@pytest.mark.parametrize(("table", "names"), [
    (RINGS, of_probe.FATHER_OWN), (LINKS, of_probe.LINK), (COLLECTORS, of_collector.OWN), (HEARD, of_collector.PROBE),
    (KINDS, of_collector.KIND), (ONE_WAY, of_collector.ONE_WAY), (REJECTIONS, ("datagrams",)),
], ids=lambda x: getattr(x, "name", ""))
def test_columns_and_numbers_are_the_same(table, names):
    sources = {c.source for c in table.columns if not c.source.startswith("@")}
    assert sources == set(names) - NOT_SHOWN.get(table.name, set())


@pytest.mark.parametrize("table", [PROBES, INTERFACES], ids=lambda t: t.name)
def test_columns_of_totals_have_numbers(table):
    """Reasons of malformed packets and the like are many; they are in `trafmon top --json`."""
    sources = {c.source for c in table.columns if c.source and not c.source.startswith("@")}
    assert sources <= TOTALS


def test_numbers_of_tables_and_names_are_unique():
    assert len({t.number for t in TABLES}) == len({t.name for t in TABLES}) == len(TABLES)
    for table in TABLES:
        names = [c.name for c in (*table.index, *table.columns)]
        assert len(set(names)) == len(names), table.name
