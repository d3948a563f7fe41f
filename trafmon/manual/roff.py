"""Text for manual pages: the man macros of groff and mandoc, out of plain text and of the Markdown that docs/ is written in."""

from __future__ import annotations

import re
import textwrap

WIDTH = 78
INDENTED_WIDTH = 69
"""What a terminal of 80 columns has beside the indentation of text (7) and of an example in it (4)."""
_SPECIAL = {"\\": "\\e", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", "'": "\\(aq"}
_INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*|\[(?P<label>[^\]]*)\]\((?P<url>[^)]*)\)")
_OPTION = re.compile(r"(?<![\w\\-])--?(?=\w)[\w-]*")
_COLUMNS = re.compile(r"(?<=\S) {3,}(?=\S)")
_DECISIONS = re.compile(r"\s\((?:\[\d{4}\]\([^)]*\)(?:, )?)+\)")
_FENCE = re.compile(r"^```.*$")
_ITEM = re.compile(r"^(?:[-*]|\d+\.) ")


def plain(text: str) -> str:
    """Characters that roff would take for its own, and those beyond ASCII."""
    typed = "".join(_SPECIAL.get(c, c if c.isascii() else f"\\[u{ord(c):04X}]") for c in text)
    return _OPTION.sub(lambda found: found[0].replace("-", "\\-"), typed)


def bold(text: str) -> str:
    """As it is typed: hyphens are hyphens."""
    return "\\fB" + _verbatim(text) + "\\fR"


def italic(text: str) -> str:
    """In place of which something else is typed."""
    return "\\fI" + _verbatim(text) + "\\fR"


def _verbatim(text: str) -> str:
    return plain(text).replace("\\-", "-").replace("-", "\\-")


def prose(markdown: str) -> str:
    """One paragraph: code and bold become bold, of links the text stays."""
    out, at = [], 0
    for found in _INLINE.finditer(markdown):
        out.append(plain(markdown[at:found.start()]))
        out.append(prose(found["label"]) if found["label"] is not None else bold((found["code"] or found["bold"]).replace("`", "")))
        at = found.end()
    out.append(plain(markdown[at:]))
    return "".join(out)


def filled(roff: str) -> list[str]:
    """Lines of at most WIDTH, none of which is taken for a request."""
    lines = textwrap.wrap(roff, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"\\&{line}" if line.startswith((".", "'")) else line for line in lines]


def page(lines: list[str]) -> str:
    """The whole, without paragraphs that a heading has begun already."""
    kept = [line for line, before in zip(lines, ["", *lines], strict=False)
            if not (line == ".PP" and before.startswith((".SH", ".SS")))]
    return "\n".join(kept) + "\n"


def heading(text: str) -> list[str]:
    return [f'.SH "{plain(text.upper())}"']


def sub_heading(text: str) -> list[str]:
    return [f'.SS "{plain(text)}"']


def paragraph(markdown: str) -> list[str]:
    return [".PP", *filled(prose(markdown))]


def tagged(tag: str, body: str) -> list[str]:
    """A term, given as roff, and what there is to say about it, indented."""
    return [".TP", tag, *(filled(prose(body)) or ["\\&"])]


def example(lines: list[str]) -> list[str]:
    """As it is, line by line; to the left of the text where it would be wider than a terminal."""
    indented = textwrap.dedent("\n".join(lines)).splitlines()
    begin, end = ([".RS 4"], [".RE"]) if max(map(len, indented), default=0) <= INDENTED_WIDTH else ([".in 2"], [".in"])
    shown = [_verbatim(line) for line in indented]
    return [".PP", *begin, ".nf", *(f"\\&{line}" if line.startswith((".", "\\(aq")) else line for line in shown), ".fi", *end]


def blocks(markdown: str) -> list[str]:
    """A text of several paragraphs, lists, tables (the first column names what the others tell) and examples.

    References to decisions, numbers in brackets, are left out.
    """
    out: list[str] = []
    for block in _split(_DECISIONS.sub("", markdown)):
        first = block[0]
        if _FENCE.match(first):
            out += example(block[1:-1])
        elif first.startswith("    ") or (first.startswith("  ") and not _ITEM.match(first.strip())):
            out += example(block)
        elif first.startswith("|"):
            out += _table(block)
        elif first.startswith("### "):
            out += sub_heading(first[4:])
        elif _ITEM.match(first.strip()):
            out += _list(block)
        else:
            out += paragraph(" ".join(block))
    return out


def _split(markdown: str) -> list[list[str]]:
    """Blocks of lines: as blank lines, fences, and a change from text to list, table or indented lines part them."""
    found: list[list[str]] = []
    fenced = False
    last = ""
    for line in markdown.splitlines():
        kind = _kind(line, last, fenced=fenced)
        if fenced or (kind == last and kind != "blank" and found):
            found[-1].append(line)
        elif kind != "blank":
            found.append([line])
        if _FENCE.match(line):
            fenced = not fenced
            kind = "fence" if fenced else "blank"
        last = kind
    return found


def _kind(line: str, last: str, *, fenced: bool) -> str:
    if fenced or _FENCE.match(line):
        return "fence"
    if not line.strip():
        return "blank"
    if line.startswith("### "):
        return f"heading {line}"
    if line.startswith("|"):
        return "table"
    if _ITEM.match(line.strip()) or (last == "list" and line.startswith("  ")):
        return "list"
    return "indented" if line.startswith("  ") else "text"


def _table(rows: list[str]) -> list[str]:
    out: list[str] = []
    for row in rows[2:]:
        first, *others = (cell.strip() for cell in row.strip("|").split("|"))
        out += tagged(prose(first) if "`" in first else bold(first), "; ".join(filter(None, others)))
    return out


def _list(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        text = _COLUMNS.sub(": ", line.strip())
        if _ITEM.match(text):
            items.append(text)
        else:
            items[-1] += f" {text}"
    out: list[str] = []
    for item in items:
        mark, _, text = item.partition(" ")
        out += [f".IP {mark if mark[0].isdigit() else chr(92) + '(bu'} 4", *filled(prose(text))]
    return out
