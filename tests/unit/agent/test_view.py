"""What an agent knows of its program: tables of its numbers, and what happens when it ends or starts anew."""

from tests.unit.agent.programs import (
    COLLECTOR_NUMBERS,
    PROBE_NUMBERS,
    SECOND,
    START_NS,
    collector_source,
    probe_source,
    setting,
    view_of,
)
from tmon_agent.managed.collector import COLLECTORS
from tmon_agent.managed.collector import PROBES as HEARD
from tmon_agent.managed.events import EVENTS
from tmon_agent.managed.probe import INTERFACES, LINKS, PROBES
from tmon_agent.managed.tables import TABLES
from tmon_agent.view import FRESH_NS, View
from tmon_common.clock import FakeClock
from tmon_common.event_board import BoardEvent
from tmon_common.events import Severity


def value(view, table, index, column):
    names = [c.name for c in table.columns]
    return view.tables()[table][index][names.index(column)]


def test_tables_show_the_numbers_of_a_probe():
    """Each column its number; what the block does not have is not known; other programs' tables are empty."""
    view = view_of(probe_source())
    assert value(view, PROBES, ("edge",), "packets") == PROBE_NUMBERS["packets_seen"]
    assert value(view, PROBES, ("edge",), "rowsGivenUp") is None
    assert value(view, PROBES, ("edge",), "upTime") == 10 * SECOND
    assert value(view, PROBES, ("edge",), "run") == START_NS
    assert value(view, INTERFACES, ("edge", 2), "packets") == PROBE_NUMBERS["interface_1_packets_seen"]
    assert value(view, LINKS, ("edge", "second"), "longRetry") == 1
    assert set(TABLES) == set(view.tables())
    assert not view.tables()[COLLECTORS]


def test_tables_show_the_numbers_of_a_collector():
    view = view_of(collector_source(), "collector")
    assert value(view, COLLECTORS, ("central",), "rows") == COLLECTOR_NUMBERS["rows"]
    assert value(view, HEARD, ("central", "edge"), "clockOffset") == COLLECTOR_NUMBERS["probe_0_clock_offset_ns"]
    assert value(view, HEARD, ("central", "core"), "state") == 0
    assert not view.tables()[PROBES]


def test_it_is_looked_at_no_more_often_than_told():
    """The same tables until they are old."""
    source, clock = probe_source(), FakeClock(START_NS)
    view = view_of(source, clock=clock)
    first = view.tables()
    source.numbers["packets_seen"] += 1
    clock.advance(FRESH_NS - 1)
    assert view.tables() is first
    clock.advance(1)
    assert value(view, PROBES, ("edge",), "packets") == PROBE_NUMBERS["packets_seen"] + 1


def test_a_program_that_is_not_there_has_no_rows():
    view = view_of(None)
    assert view.program() is None
    assert set(view.tables()) == set(TABLES)
    assert not any(view.tables().values())
    assert view.events() == ([], 0)


def test_a_program_that_starts_anew_is_found_again():
    """Its old block is let go; while there is none, it does not run."""
    clock, found = FakeClock(START_NS), [probe_source()]

    def find(_setting):
        if not found:
            raise FileNotFoundError
        return found[0]

    view = View(setting(), clock, open_source=find)
    assert value(view, PROBES, ("edge",), "packets") == PROBE_NUMBERS["packets_seen"]
    [old] = found
    old.ended = True
    found.clear()
    clock.advance(FRESH_NS)
    assert view.program() is None
    assert old.closed
    found.append(probe_source(packets_seen=1))
    clock.advance(FRESH_NS)
    assert value(view, PROBES, ("edge",), "packets") == 1


def test_events_and_own_counts_are_shown():
    """Those of the board; what services count of themselves."""
    source = probe_source()
    source.told = [BoardEvent(n, START_NS, Severity.ERROR, "father_lost", "edge", "text") for n in (3, 4)]
    view = view_of(source)
    view.counts["notifications_lost"] += 5
    assert set(view.tables()[EVENTS]) == {(1, "edge", 3), (1, "edge", 4)}
    assert value(view, PROBES, ("edge",), "notificationsLost") == 5
    assert [e.sequence for e in view.events(3)[0]] == [4]
