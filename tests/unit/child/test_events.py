"""Events as rows."""

import json
from types import SimpleNamespace

import numpy as np

from tmon_common.events import CATALOGUE, event
from tmon_common.events.rows import rows_of
from tmon_common.observations import EVENT
from tmon_probe.child.events import EventRows


def cells(rows):
    """Rows with their strings in place."""
    return [tuple(int(v) if n == "time" else rows.strings[v] for n, v in zip(EVENT.dtype.names, row, strict=True))
            for row in rows.values.tolist()]


def test_columns_say_what_the_event_says():
    """Details are JSON, empty without values; nothing is emitted for nothing."""
    emitted = []
    rows = EventRows("host1", emitted.append)
    rows.publish([], "father")
    assert emitted == []
    drops = event("kernel_drops", 7, "lan", packets=1234, seconds=2)
    rows.publish([drops, event("father_lost", 8, "edge")], "child")
    assert cells(emitted[0]) == [
        (7, "child", "host1", "warning", "kernel_drops", "lan", drops.text, '{"packets":1234,"seconds":2}'),
        (8, "child", "host1", "error", "father_lost", "edge",
         "probe edge: its father process died; the child finishes what it has", "")]
    assert rows.published == 2


def test_events_are_on_the_board_too():
    """All of them, in their order, whoever noticed them; before they are rows, for whom the way to a collector is long."""
    board, told = [], [event("father_lost", n, f"p{n}") for n in range(3)]
    rows = EventRows("host1", lambda _: board.append("rows"), SimpleNamespace(publish=board.append))
    rows.publish(iter(told[:2]), "father")
    rows.publish(told[2:], "child")
    assert board == [*told[:2], "rows", told[2], "rows"]
    assert rows.published == 3


def test_every_event_has_its_values_in_details():
    for declaration in CATALOGUE.values():
        values = {p.name: 3 if p.type is int else 'a "quoted" ü' for p in declaration.parameters}
        details = cells(rows_of([event(declaration.code, 0, "lan", **values)], "h", "father"))[0][-1]
        assert values == (json.loads(details) if details else {})


def test_times_that_cannot_be():
    """A clock far outside: clamped, never the value that means empty."""
    rows = rows_of([event("father_lost", t, "p") for t in (-(2**70), 2**70)], "h", "child")
    assert rows.values["time"].tolist() == [np.iinfo(np.int64).min + 1, np.iinfo(np.int64).max]
