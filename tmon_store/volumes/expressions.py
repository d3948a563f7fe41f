"""Small pieces of statements that all engines write alike."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

DAY = sa.bindparam("day", type_=sa.DateTime())
"""Midnight (UTC) at which the day begins."""
NEXT_DAY = sa.bindparam("next_day", type_=sa.DateTime())


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
