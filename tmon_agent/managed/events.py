"""The last events of a program."""

from __future__ import annotations

from collections.abc import Iterator

from tmon_agent.managed.declaration import Column, Program, Row, Syntax, Table
from tmon_common.event_board import MAX_EVENTS
from tmon_common.events.declaration import Severity

SEVERITIES = tuple(Severity)
KINDS = ("probe", "collector")


def _rows(program: Program) -> Iterator[Row]:
    for e in program.events:
        yield (KINDS.index(program.kind) + 1, program.name, e.sequence), (
            e.time_ns, SEVERITIES.index(e.severity), e.code, e.subject, e.text)


EVENTS = Table(
    "Event", 21, f"The last {MAX_EVENTS} events of each program; docs/events.md explains them.",
    (Column("programKind", Syntax.NUMBER, "", "1: a probe, 2: a collector"),
     Column("program", Syntax.TEXT, "", "which one"),
     Column("number", Syntax.NUMBER, "", "from 1, in the order in which they were told")),
    (Column("time", Syntax.MOMENT, "", "when it was noticed", "ns"),
     Column("severity", Syntax.STATE, "", "how bad it is", states=tuple(SEVERITIES)),
     Column("code", Syntax.TEXT, "", "what kind of event it is"),
     Column("subject", Syntax.TEXT, "", "what it is about"),
     Column("text", Syntax.TEXT, "", "a sentence for a person")),
    _rows)
