"""List the analyses that are installed, plug-ins among them; of those named, every option, and every column that they publish.

Exit status: 0 listed; 2 there is no such analysis, or a plug-in cannot be used.
"""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="an analysis, as in <analysis kind=\"NAME\">; its description is "
                                                                 "in Markdown, as docs/analyses.md and docs/observations.md are")


def run(options: argparse.Namespace) -> int:
    from tmon_common.analyses.catalogue import PluginError, catalogue

    try:
        found = catalogue().analyses
    except PluginError as error:
        return _fail(str(error))
    if unknown := [n for n in options.names if n not in found]:
        return _fail(f"there is no analysis {', '.join(unknown)}; there is {', '.join(found)}")
    print(_described([found[n] for n in options.names]) if options.names else _listed())
    return 0


def _listed() -> str:
    """A line for each: name, package that it came with, what it measures."""
    from tmon_common.analyses.catalogue import catalogue

    rows = [(name, catalogue().packages[name], declared.meaning) for name, declared in catalogue().analyses.items()]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{name:<{widths[0]}}  {package:<{widths[1]}}  {meaning}" for name, package, meaning in rows)


def _described(analyses) -> str:
    from tmon_common.analyses import document
    from tmon_common.observations.document import section

    lines: list[str] = []
    for analysis in analyses:
        lines += [*document.section(analysis, "#kind-"), ""]
        for kind in analysis.kinds:
            lines += [f"### Kind {kind.name}", *section(kind)[1:], ""]
    return "\n".join(lines).rstrip("\n")


def _fail(message: str) -> int:
    print(f"trafmon analyses: {message}", file=sys.stderr)
    return 2
