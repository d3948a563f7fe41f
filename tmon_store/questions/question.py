"""What a ready-made question is, what it may be asked about, and what an answer looks like. Nothing here knows an engine.

Values of an answer are the same from every backend: whole numbers int, fractions float, times naive datetimes in UTC, lengths of
time in ns, what is not known None. Rows come in an order that leaves no two of them to chance.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from tmon_store.questions.span import Span

if TYPE_CHECKING:
    from datetime import datetime

    from tmon_store.backends.backend import Backend

MAX_ROWS = 1_000_000
"""Rows of the largest answer: they are held in memory."""


class Form(Enum):
    """What a value is, hence how it is written: for people in tables, as it is in files (docs/queries.md)."""

    TEXT = "text"
    NUMBER = "number"  # names something: a port, a key, a code
    PROTOCOL = "protocol number"
    COUNT = "count"
    OCTETS = "octets"
    RATE = "bit/s"
    SHARE = "share, 0 to 1"
    DURATION = "ns"
    TIME = "time, whole seconds"
    MOMENT = "time, microseconds"


@dataclass(frozen=True)
class Column:
    """Of an answer. head: in tables for people; empty: `name`."""

    name: str
    form: Form
    meaning: str
    head: str = ""


@dataclass(frozen=True)
class Scope:
    """What a question is asked about.

    addresses   flows (or records) that have one of them as an end; empty: all
    flow        description of a flow, by column of the table `flow`; empty: all flows
    limit       rows of the answer
    now         when it is asked, UTC
    present     tables of the question that are in the database
    hops        by flow class the names of its hops in their order, where they are known
    """

    now: datetime
    span: Span = field(default_factory=Span)
    probe: str | None = None
    flow_class: str | None = None
    addresses: tuple[str, ...] = ()
    flow: tuple[tuple[str, Any], ...] = ()
    limit: int = MAX_ROWS
    present: frozenset[str] = frozenset()
    hops: dict[str, tuple[str, ...]] = field(default_factory=dict)


ALL = frozenset({"time", "probe", "class", "address", "flow"})
"""What most questions can be narrowed by: --since, --until, --last; --probe; --class; --address, --host; --flow."""


@dataclass(frozen=True)
class Question:
    """A ready-made one.

    name        as on the command line
    title       of its table
    about       what it tells, a paragraph
    ask         rows, at most scope.limit of them
    tables      kinds, or tables, that it asks; an answer is empty where none of them is in the database
    narrowed    what it can be narrowed by, see ALL; "by" where rollups are asked
    course      over time: a row for each interval
    limit       rows unless asked for more or less; None: all
    partly      it can be answered when only some of the tables are there
    needs_flow  it is about one flow, which has to be given
    """

    name: str
    title: str
    about: str
    columns: tuple[Column, ...]
    ask: Callable[[Backend, Scope], list[tuple]]
    tables: tuple[str, ...]
    narrowed: frozenset[str] = ALL | {"by"}
    course: bool = False
    limit: int | None = 20
    partly: bool = False
    needs_flow: bool = False

    @property
    def plain_about(self) -> str:
        """`about` without the marks of a document."""
        return re.sub(r" ?\(\[.*?\]\(.*?\)\)|`", "", self.about)

    @property
    def rollups(self) -> bool:
        """Whether granularities matter."""
        return "by" in self.narrowed


@dataclass(frozen=True)
class Answer:
    """Rows of a question. more: there would be more rows. missing: tables that are not in the database."""

    question: Question
    rows: list[tuple]
    scope: Scope
    more: bool = False
    missing: tuple[str, ...] = ()
