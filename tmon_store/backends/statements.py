"""SQLAlchemy statements as text and values, as a dialect wants them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect


def compiled(statement: sa.Executable, dialect: Dialect) -> tuple[str, list[Any]]:
    """Text with a mark for each value, and the values in their order. The dialect has a positional style of marks."""
    made = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    values = made.params
    return made.string, [_bound(made, name, values[name]) for name in made.positiontup or ()]


def _bound(made: Any, name: str, value: Any) -> Any:
    processor = made._bind_processors.get(name)
    return processor(value) if processor and value is not None else value


def plain(rows: list[tuple]) -> list[tuple]:
    """The rows with whole numbers as int and others as float, where the engine gave decimal ones."""
    return [tuple(_plain(v) if isinstance(v, Decimal) else v for v in row) for row in rows]


def _plain(value: Decimal) -> int | float:
    return int(value) if value.as_tuple().exponent >= 0 else float(value)
