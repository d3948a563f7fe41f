"""Who is told of the events of a program, and what has become of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tmon_agent.managed.declaration import Column, Program, Row, Syntax, Table
from tmon_agent.managed.events import EVENTS, KINDS


@dataclass(frozen=True)
class Told:
    """What an agent counts of a manager. lost: given up, or told in a sum only; reached: the last notification was not given up."""

    sent: int = 0
    lost: int = 0
    waiting: int = 0
    reached: bool = True


def _rows(program: Program) -> Iterator[Row]:
    for number, (name, told) in enumerate(program.known.get("managers", {}).items(), 1):
        yield (KINDS.index(program.kind) + 1, program.name, number), (name, told.sent, told.lost, told.waiting, int(told.reached))


MANAGERS = Table(
    "Manager", 22, "A manager that the agent of a program tells of events; the master agent is one, too.",
    (*EVENTS.index[:2], Column("manager", Syntax.NUMBER, "", "its place among those that are told, from 1")),
    (Column("name", Syntax.TEXT, "", "its name in the configuration, or where the master agent is", label=True),
     Column("sent", Syntax.COUNTER, "", "notifications sent to it, repetitions not counted", metric="notifications_sent"),
     Column("lost", Syntax.COUNTER, "", "notifications given up, and events told in a sum only", metric="notifications_lost"),
     Column("waiting", Syntax.GAUGE, "", "events that wait to be told", metric="notifications_waiting"),
     Column("reached", Syntax.TRUTH, "", "the last notification was not given up", metric="reached")),
    _rows)
