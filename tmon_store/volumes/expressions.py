"""Small pieces of statements that all engines write alike."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class Scope:
    """What a statement is about, as parameters of it. day, next_day: midnights (UTC); flow_class: empty: all classes."""

    day: sa.ColumnElement
    next_day: sa.ColumnElement
    flow_class: sa.ColumnElement

    @classmethod
    def of(cls, day: datetime | None = None, next_day: datetime | None = None, flow_class: str | None = None) -> Scope:
        """Parameters `day`, `next_day` and `flow_class`; without a value they are left to who runs the statement."""
        return cls(*(sa.bindparam(name, **({} if value is None else {"value": value}), type_=kind) for name, value, kind in (
            ("day", day, sa.DateTime()), ("next_day", next_day, sa.DateTime()), ("flow_class", flow_class, sa.String()))))


def later(time: sa.ColumnElement, seconds: int) -> sa.ColumnElement:
    """The time so many seconds on."""
    return time.op("+")(sa.text(f"INTERVAL {int(seconds)} SECOND"))


def earlier(time: sa.ColumnElement, seconds: int) -> sa.ColumnElement:
    """The time so many seconds before."""
    return time.op("-")(sa.text(f"INTERVAL {int(seconds)} SECOND"))


def word(text: str | None) -> sa.ColumnElement:
    """A constant, written into the statement: expressions with parameters cannot be told apart where rows are grouped."""
    if text is None:
        return sa.null()
    assert "'" not in text
    assert "\\" not in text
    return sa.literal_column(f"'{text}'", sa.String())


def number(value: int) -> sa.ColumnElement:
    return sa.literal_column(str(int(value)), sa.BigInteger())


def choice(*cases: tuple[sa.ColumnElement, Any], otherwise: Any = None) -> sa.ColumnElement:
    """The value of the first condition that holds."""
    return sa.case(*cases, else_=sa.null() if otherwise is None else otherwise)
