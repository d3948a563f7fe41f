"""What is in the database: which files, of what time, how fresh; and when a probe saw nothing."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import sqlalchemy as sa

from tmon_common.analyses.catalogue import catalogue
from tmon_store import tables
from tmon_store.questions.pieces import PROBE, of_flow, with_flow, within
from tmon_store.questions.present import held, stored, tables_of
from tmon_store.questions.question import Column, Form, Question
from tmon_store.schema import is_counted, manifest_table, record_table

if TYPE_CHECKING:
    from datetime import datetime

    from tmon_store.backends.backend import Backend
    from tmon_store.questions.question import Scope

MANIFEST = "loaded_file"


def loaded(store: Backend, scope: Scope) -> list[tuple]:
    """By kind: files, rows, the time they are about, and how long ago its end is."""
    c = tables.sql(manifest_table()).c
    files = {kind: row for kind, *row in store.query(sa.select(
        c.kind, sa.func.count(), sa.func.sum(c.rows), sa.func.sum(c.rejected), sa.func.sum(c.octets), sa.func.max(c.loaded))
        .group_by(c.kind))}
    rows, present = [], tables_of(store)
    for kind, (number, count, rejected, octets, last) in sorted(files.items()):
        begin, end = _span(store, present, kind)
        age = None if end is None else max(scope.now - end, type(scope.now - end)())
        rows.append((kind, number, count, rejected, octets, last, begin, end,
                     None if age is None else (age.days * 86400 + age.seconds) * 10**9 + age.microseconds * 1000))
    return rows[:scope.limit]


def _span(store: Backend, present: frozenset[str], kind: str) -> tuple[datetime | None, datetime | None]:
    """Of the rows in the database; for counted kinds from the start of the first interval to the end of the last one."""
    declared = catalogue().kinds.get(kind)
    if declared is None or stored(kind) not in present:
        return None, None
    if is_counted(declared):
        return held(store, kind) or (None, None)
    table = tables.record(kind)
    name = record_table(declared).time or next((c.name for c in table.columns if isinstance(c.type, sa.DateTime)), "")
    if not name:
        return None, None
    return store.query(sa.select(sa.func.min(table.c[name]), sa.func.max(table.c[name])))[0]


def gaps(store: Backend, scope: Scope) -> list[tuple]:
    """Times between the first and the last interval of a probe in which it counted nothing, the longest first."""
    f, rollup = tables.flow.c, tables.rollup("ip_counters", scope.span.granularity)
    c, step = rollup.c, scope.span.step
    flows = sa.select(c.flow_key, c.start).where(*within(c.start, scope)).subquery("counted")
    asked = with_flow(flows, f.probe, flows.c.start).where(*of_flow(scope)).group_by(f.probe, flows.c.start)
    rows = []
    for probe, found in groupby(store.query(asked.order_by(f.probe, flows.c.start)), lambda row: row[0]):
        rows += [(probe, before + step, after, (after - before - step) // step * int(step.total_seconds()) * 10**9)
                 for (_, before), (_, after) in pairwise(found) if after - before > step]
    return sorted(rows, key=lambda row: (-row[3], row[1], row[0]))[:scope.limit]


QUESTIONS = (
    Question(
        "loaded", "What is loaded", "Files and rows by kind of observation, the time they are about, and how long ago that ended: "
        "whether figures are fresh.",
        (Column("kind", Form.TEXT, "kind of observation ([observations.md](observations.md))", "Kind"),
         Column("files", Form.COUNT, "files loaded", "Files"), Column("rows", Form.COUNT, "rows loaded", "Rows"),
         Column("rejected", Form.COUNT, "rows refused", "Refused"), Column("octets", Form.OCTETS, "of the files", "Octets"),
         Column("loaded", Form.TIME, "when the last file was, UTC", "Loaded (UTC)"),
         Column("begin", Form.MOMENT, "start of what is held, UTC", "From (UTC)"),
         Column("end", Form.MOMENT, "its end, UTC", "To (UTC)"),
         Column("age_ns", Form.DURATION, "since that end", "Age")), loaded, (MANIFEST,), frozenset(), limit=None),
    Question(
        "gaps", "Gaps", "Times in which a probe counted no packet at all, between such in which it did; the longest first. A line "
        "without traffic looks alike: `events` tell of a probe that was down.",
        (PROBE, Column("begin", Form.TIME, "start of the gap, UTC", "From (UTC)"),
         Column("end", Form.TIME, "its end, UTC", "To (UTC)"), Column("length_ns", Form.DURATION, "how long", "Length")), gaps,
        ("ip_counters",), frozenset({"time", "probe", "class", "by"}), course=True),
)
