"""The table of warnings and errors in docs/troubleshooting.md, from the catalogue. `scripts/generate_docs` writes it."""

from __future__ import annotations

import re

from tmon_common.events.catalogue import CATALOGUE
from tmon_common.events.declaration import Severity

BEGIN = "<!-- events: written by scripts/generate_docs from tmon_common/events/ -->"
END = "<!-- end -->"


def shown(text: str) -> str:
    """In Markdown, where an element of the configuration that is not marked as code would be taken for one of HTML."""
    return "".join(part if n % 2 else part.replace("<", "&lt;") for n, part in enumerate(re.split("(`[^`]*`)", text)))


def with_troubles(page: str) -> str:
    """The page with the table between its two marks."""
    lines = ["| code | what to do |", "|---|---|"]
    lines += [f"| [{d.code}](events.md#{d.code}) | {shown(d.action)} |" for d in CATALOGUE.values() if d.severity != Severity.INFO]
    table = "\n".join(lines)
    written, count = re.subn(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n\n{table}\n\n{END}", page, flags=re.DOTALL)
    if count != 1:
        raise ValueError(f"the page has no, or more than one, {BEGIN} ... {END}")
    return written
