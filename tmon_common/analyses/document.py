"""docs/analyses.md, from the declarations. `scripts/generate_docs` writes it; `trafmon analyses` tells of those installed."""

from __future__ import annotations

from collections.abc import Iterable

from tmon_common.analyses.built_in import ALL
from tmon_common.analyses.declaration import AnalysisDeclaration, Option
from tmon_common.config.classes import OPTION_ATTRIBUTES

_HEAD = """\
# Analyses

<!-- Written by scripts/generate_docs from tmon_common/analyses/built_in.py. Do not edit. -->

What `<analysis kind="...">` of a flow class may be. `trafmon analyses` lists those that are installed on a machine, plug-ins
included ([plugins.md](plugins.md) tells how to write one), and `trafmon analyses NAME` what this page tells of each.

An option is written `<option name="..." value="..."/>` inside the element; {attributes} may also be attributes of
it. `interval` is the same for all, `histogram` names the one whose slices are used.

"""


def analyses_page(analyses: Iterable[AnalysisDeclaration] = ALL) -> str:
    """The whole page."""
    analyses = list(analyses)
    *first, last = (f"`{a}`" for a in OPTION_ATTRIBUTES)
    lines = [_HEAD.format(attributes=f"{', '.join(first)} and {last}").rstrip("\n"), "",
             "| analysis | what it measures | in `trafmon analyse` |", "|---|---|---|"]
    lines += [f"| [{a.name}](#{a.name}) | {_cell(a.meaning)} | {'yes' if a.standard else 'only with --config'} |" for a in analyses]
    for analysis in analyses:
        lines += ["", *section(analysis)]
    return "\n".join(lines) + "\n"


def section(analysis: AnalysisDeclaration, link: str = "observations.md#") -> list[str]:
    """Lines of one analysis. link: what leads to the description of a kind, without the kind's name."""
    kinds = ", ".join(f"[{k.name}]({link}{k.name})" for k in analysis.kinds) or "nothing"
    needs = f" Needs a histogram in {analysis.histogram_unit}." if analysis.histogram_unit else ""
    lines = [f"## {analysis.name}", "", f"{analysis.meaning[:1].upper()}{analysis.meaning[1:]}.{needs} Publishes {kinds}."]
    if analysis.options:
        lines += ["", "| option | values | default | meaning |", "|---|---|---|---|"]
        lines += [_row(o) for o in analysis.options]
    return lines


def _row(option: Option) -> str:
    values = " or ".join(f"`{v}`" for v in option.values)
    return "| " + " | ".join((f"`{option.name}`", values, f"`{option.default}`" if option.default else "",
                              _cell(option.meaning))) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
