"""docs/observations.md, from the declarations. `scripts/generate_docs` writes it."""

from __future__ import annotations

from tmon_common.observations import KINDS, SOURCE_COLUMNS, Column, Kind, Merge, Type

_HEAD = """\
# Observations

<!-- Written by scripts/generate_docs from tmon_common/observations/. Do not edit. -->

Every kind of observation is declared once in `tmon_common/observations/`; PDUs, CSV files, database tables and this page
derive from the declaration.

The collector writes each kind into files `<kind>.<collector>.<UTC>.csv`: RFC 4180 with LF, UTF-8, a header row, columns in the
order given here, first `probe` and `run`. A column marked *both directions* is followed by the same with `_rev` for packets from
destination to source of a bidirectional flow (RFC 5103). A numbered column stands as `name_01`, `name_02`, and so on. Columns are
only ever added at the end: a reader takes them by name.

| type | in files | in PDUs and memory |
|---|---|---|
"""
_TYPES = (
    (Type.INTEGER, "decimal number", "64-bit word"),
    (Type.TIME, "seconds since 1970-01-01 UTC, nine decimals", "64-bit word, ns"),
    (Type.DURATION, "seconds, nine decimals", "64-bit word, ns"),
    (Type.RATIO, "number with nine decimals", "64-bit word, billionths"),
    (Type.ADDRESS, "dotted quad, or RFC 5952", "two 64-bit words, IPv4 as ::ffff:a.b.c.d"),
    (Type.STRING, "text", "64-bit word, index in the table of strings"),
)
_MERGES = (
    (Merge.KEY, "rows merge only where it is equal"),
    (Merge.SAMPLE, "each row is one sample: number, sum, sum of squares, minimum and maximum are kept"),
    (Merge.SUM, "added"),
    (Merge.MINIMUM, "the smallest"),
    (Merge.MAXIMUM, "the largest"),
    (Merge.ATTRIBUTE, "describes; not in aggregates"),
)


def observations_page() -> str:
    """The whole page."""
    lines = [_HEAD.rstrip("\n")]
    lines += [f"| {t.value} | {text} | {memory} |" for t, text, memory in _TYPES]
    lines += ["", "| merge | when rows are aggregated over time |", "|---|---|"]
    lines += [f"| {m.value} | {text} |" for m, text in _MERGES]
    lines += ["", "| kind | number | |", "|---|---|---|"]
    lines += [f"| [{k.name}](#{k.name}) | {k.number} | {_cell(k.meaning)} |" for k in KINDS.values()]
    for kind in KINDS.values():
        lines += ["", *section(kind)]
    return "\n".join(lines) + "\n"


def section(kind: Kind) -> list[str]:
    """Lines of one kind."""
    kept = " Kept by probes until acknowledged, for ever if need be." if kind.permanent else ""
    lines = [f"## {kind.name}", "", f"Kind number {kind.number}. {kind.meaning}{kept}", "",
             "| column | type | unit | may be empty | merge | meaning | reference |", "|---|---|---|---|---|---|---|"]
    return lines + [_row(c) for c in (*SOURCE_COLUMNS, *kind.columns)]


def _row(column: Column) -> str:
    name = f"`{column.name}_01` to `{column.name}_{column.repeat:02d}`" if column.repeat else f"`{column.name}`"
    meaning = column.meaning + (" (both directions)" if column.reverse else "")
    cells = (name, column.type.value, column.unit, "yes" if column.nullable else "", column.merge.value, meaning, column.reference)
    return "| " + " | ".join(_cell(c) for c in cells) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
