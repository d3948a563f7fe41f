"""Pieces of docs/operation.md, and exit statuses, which stand in it or in the docstring of a command."""

from __future__ import annotations

import re

_PROSE = re.compile(r"(?:^|(?<=\. ))Exit status: (?P<text>.*?)(?:\n\n|\Z)", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"^\| exit status \|[^\n]*\n\|[^\n]*\n(?P<rows>(?:\|[^\n]*\n?)+)", re.MULTILINE)


def section(page: str, heading: str) -> str:
    """What stands below the heading of level two that begins with this, up to the next one."""
    found = re.search(rf"^## {re.escape(heading)}(?: \[[^\n]*)?\n(?P<text>.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    if found is None:
        raise LookupError(f'docs/operation.md has no heading "## {heading}"')
    return found["text"].strip()


def exit_statuses(text: str) -> list[tuple[str, str]]:
    """Each status and what it means, from a table whose first column is `exit status`, or from a paragraph `Exit status: 0 ...`."""
    if table := _TABLE.search(text):
        rows = (row.strip("|").split("|") for row in table["rows"].strip().splitlines())
        return [(status.strip(), meaning.strip()) for status, meaning in rows]
    if prose := _PROSE.search(text):
        whole = " ".join(prose["text"].split()).rstrip(".")
        return [tuple(part.split(" ", 1)) for part in re.split(r"[,;] (?=\d+ )", whole)]
    return []


def without_exit_statuses(text: str) -> str:
    return _TABLE.sub("", _PROSE.sub("", text)).strip()
