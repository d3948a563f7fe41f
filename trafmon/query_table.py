"""Answers as tables for people."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tmon_store.questions.question import Form
from trafmon.console_table import human_octets, human_rate, print_table, printable, share, signed_duration

if TYPE_CHECKING:
    from rich.console import Console

    from tmon_store.questions.question import Answer, Column

UNFOLDED = 1000
"""Columns where the output is no terminal: lines are not folded there."""
_ENDPOINTS = {"src_addr": "src_port", "dst_addr": "dst_port", "server_addr": "server_port"}
_LEFT = (Form.TEXT, Form.PROTOCOL, Form.TIME, Form.MOMENT)


def _protocol(value: int) -> str:
    from trafmon.summary import protocol_name

    return protocol_name(value)


_WRITTEN: dict[Form, Callable[[Any], str]] = {
    Form.TEXT: printable,
    Form.NUMBER: str,
    Form.PROTOCOL: _protocol,
    Form.COUNT: lambda n: f"{n:,}",
    Form.OCTETS: human_octets,
    Form.RATE: human_rate,
    Form.SHARE: lambda part: share(part, 1),
    Form.DURATION: signed_duration,
    Form.TIME: lambda time: f"{time:%Y-%m-%d %H:%M}",
    Form.MOMENT: lambda time: f"{time:%Y-%m-%d %H:%M:%S}",
}


def print_answer(console: Console, answer: Answer) -> None:
    """A table below its title.

    Columns in which nothing is known are left out, of a single flow those in which nothing was counted, too; probe and class, where
    they are the same in all rows, stand in the title.
    """
    columns, rows = answer.question.columns, answer.rows
    title = [answer.question.title, *_of(answer)]
    shown = []
    for at, column in enumerate(columns):
        values = {row[at] for row in rows}
        if rows and values <= ({None, 0} if answer.question.needs_flow else {None}):
            continue
        if column.name in ("probe", "flow_class") and len(values) == 1:
            title.append(f"{'probe' if column.name == 'probe' else 'class'} {printable(values.pop())}")
        elif not (column.name in _ENDPOINTS.values() and any(_ENDPOINTS.get(c.name) == column.name for c in columns)):
            shown.append(at)
    heads = [columns[at].head + ("" if columns[at].form in _LEFT else ">") for at in shown]
    at_of = {c.name: at for at, c in enumerate(columns)}
    cells = [tuple(_cell(row, at, columns, at_of) for at in shown) for row in rows]
    print_table(console, ", ".join(title), heads, cells, [])
    if answer.more:
        console.print(f"and more; --limit all gives all, the first {len(rows):,} are here" if len(rows) > 1 else "and more",
                      highlight=False)


def table_text(answer: Answer) -> str:
    """The same without a terminal."""
    from rich.console import Console

    out = io.StringIO()
    print_answer(Console(file=out, width=UNFOLDED), answer)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _of(answer: Answer) -> list[str]:
    """The span, as it was answered."""
    if "time" not in answer.question.narrowed:
        return []
    span = answer.scope.span
    ends = [_moment(span.since), _moment(span.until)]
    words = [f"{word} {end}" for word, end in zip(("from", "until"), ends, strict=True) if end]
    return [" ".join([*words, "UTC"])] * bool(words) + [f"by {span.granularity}"] * answer.question.rollups


def _moment(time: datetime | None) -> str:
    return "" if time is None else f"{time:%Y-%m-%d %H:%M}" if not time.second and not time.microsecond else str(time)


def _cell(row: tuple, at: int, columns: tuple[Column, ...], at_of: dict[str, int]) -> str:
    column, value = columns[at], row[at]
    port = row[at_of[_ENDPOINTS[column.name]]] if _ENDPOINTS.get(column.name) in at_of else None
    if port is not None:
        from trafmon.summary import endpoint

        return endpoint(value, port)
    return "-" if value is None else _WRITTEN[column.form](value)
