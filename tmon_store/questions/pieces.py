"""Pieces that the statements of questions are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement

from tmon_store import tables
from tmon_store.questions.question import Column, Form

if TYPE_CHECKING:
    from tmon_store.questions.question import Scope

DESCRIPTION = ("probe", "flow_class", "interface", "src_addr", "src_port", "dst_addr", "dst_port", "protocol", "vlan", "dscp")
"""What a flow is, apart from its number: a flow that was forgotten and seen again, or after a restart, is the same."""
PROBE = Column("probe", Form.TEXT, "name of the probe", "Probe")
CLASS = Column("flow_class", Form.TEXT, "flow class; empty as long as the flow's definition has not arrived", "Class")
FLOW_COLUMNS = (
    Column("flow", Form.NUMBER, "number of the flow (the first of them), for `--flow`", "Flow"),
    PROBE, CLASS,
    Column("interface", Form.TEXT, "interface of the probe", "Interface"),
    Column("src_addr", Form.TEXT, "source of the first packet", "Source"),
    Column("src_port", Form.NUMBER, "its port", "Port"),
    Column("dst_addr", Form.TEXT, "destination of the first packet", "Destination"),
    Column("dst_port", Form.NUMBER, "its port", "Port"),
    Column("protocol", Form.PROTOCOL, "transport protocol", "Protocol"),
    Column("vlan", Form.NUMBER, "VLAN", "VLAN"),
    Column("dscp", Form.NUMBER, "differentiated services code point", "DSCP"),
)
"""Of the rows that `described` gives."""


def number(value: int) -> sa.ColumnElement:
    """A constant, written into the statement."""
    return sa.literal_column(str(int(value)), sa.BigInteger())


def total(column: sa.ColumnElement) -> sa.ColumnElement:
    """Sum; 0 of nothing."""
    return sa.func.coalesce(sa.func.sum(column), number(0))


def in_order(columns: Iterable[sa.ColumnElement]) -> list[sa.ColumnElement]:
    """To order by: ascending, what is empty last, whatever the engine thinks of it."""
    return [part for column in columns for part in (column.is_(None), column)]


class Micro(ColumnElement):
    """The time of a record in whole microseconds, to order by: not all engines keep more in one column."""

    type = sa.DateTime()
    inherit_cache = True

    def __init__(self, time: sa.ColumnElement) -> None:
        self.time = time


@compiles(Micro)
def _by_duckdb(element: Micro, compiler: Any, **options: Any) -> str:
    return f"date_trunc('microseconds', {compiler.process(element.time, **options)})"


@compiles(Micro, "mysql", "mariadb")
def _by_mysql(element: Micro, compiler: Any, **options: Any) -> str:
    return compiler.process(element.time, **options)


def within(time: sa.ColumnElement, scope: Scope) -> list[sa.ColumnElement]:
    """Conditions: the time lies in the span."""
    return [*([time >= scope.span.since] if scope.span.since else []), *([time < scope.span.until] if scope.span.until else [])]


def of_flow(scope: Scope, *, ends: Sequence[sa.ColumnElement] = ()) -> list[sa.ColumnElement]:
    """Conditions on the table `flow`. ends: columns that an address may stand in, instead of the flow's own."""
    f = tables.flow.c
    found = [f.probe == scope.probe] if scope.probe is not None else []
    found += [f.flow_class == scope.flow_class] if scope.flow_class is not None else []
    found += described_as(scope.flow)
    if scope.addresses:
        found.append(sa.or_(*(end.in_(scope.addresses) for end in (ends or (f.src_addr, f.dst_addr)))))
    return found


def described_as(description: Iterable[tuple[str, Any]]) -> list[sa.ColumnElement]:
    """Conditions on the table `flow`: these columns have these values."""
    f = tables.flow.c
    return [f[name].is_(None) if value is None else f[name] == value for name, value in description]


def per_flow(scope: Scope, kind: str, values: dict[str, sa.ColumnElement], *, by: Sequence[str] = (), where: Sequence = (),
             ends: Sequence[sa.ColumnElement] = ()) -> sa.Subquery:
    """A counted kind in the span, one row for each flow (and `by`): flow_key, `by`, values (aggregates).

    Flows are narrowed here, before they are put together, and told apart by their number: what they are is looked up once each.
    """
    c = tables.rollup(kind, scope.span.granularity).c
    asked = sa.select(c.flow_key, *(c[name] for name in by), *(value.label(name) for name, value in values.items()))
    wanted = of_flow(scope, ends=ends)
    if ends and scope.addresses:  # an end of the row itself: row and flow are looked at together
        asked = asked.join_from(tables.rollup(kind, scope.span.granularity), tables.flow, tables.flow.c.flow_key == c.flow_key)
        asked = asked.where(*wanted)
    elif wanted:
        asked = asked.where(c.flow_key.in_(sa.select(tables.flow.c.flow_key).where(*wanted)))
    return asked.where(*within(c.start, scope), *where).group_by(c.flow_key, *(c[name] for name in by)).subquery(f"{kind}_sums")


def with_flow(rows: sa.FromClause, *columns: sa.ColumnElement) -> sa.Select:
    """Columns of rows that have a flow_key, beside those of the table `flow`."""
    return sa.select(*columns).join_from(rows, tables.flow, tables.flow.c.flow_key == rows.c.flow_key)


def described(rows: sa.FromClause, values: dict[str, sa.ColumnElement], what: Sequence[str] = DESCRIPTION) -> sa.Subquery:
    """Rows that have a flow_key, one for each description of flows: flow, `what`, values (aggregates)."""
    f = tables.flow.c
    group = [f[name] for name in what]
    asked = with_flow(rows, sa.func.min(f.flow_key).label("flow"), *group, *(v.label(name) for name, v in values.items()))
    return asked.group_by(*group).subquery("described")


def listed(rows: sa.FromClause, names: Sequence[str], order: Sequence[sa.ColumnElement], scope: Scope,
           ties: Sequence[str]) -> sa.Select:
    """The columns of these names, in that order, and of the `ties` where it leaves rows to chance."""
    asked = sa.select(*(rows.c[name] for name in names))
    return asked.order_by(*order, *in_order(rows.c[name] for name in ties)).limit(scope.limit)
