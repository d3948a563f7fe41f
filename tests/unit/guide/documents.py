"""The documents of the project, and their links."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
_FENCE = re.compile(r"^(?:```.*?^```|(?:    [^\n]*\n)+)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def documents() -> list[Path]:
    """Everything in Markdown that people read."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")])


def links(text: str) -> list[str]:
    """Targets of links and pictures, not those in examples."""
    shown = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    return [first or second for first, second in _LINK.findall(shown)]


def anchors(text: str) -> set[str]:
    """Of headings, as GitHub makes them: small letters; letters, digits, - and _ stay, spaces become -."""
    found: dict[str, int] = {}
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        name = "".join(c for c in plain.strip().replace(" ", "-") if c.isalnum() or c in "-_")
        found[name] = found.get(name, -1) + 1
    return {name if not n else f"{name}-{n}" for name, count in found.items() for n in range(count + 1)}
