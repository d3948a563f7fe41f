"""Manual pages: man/<command>.<section>, in the man macros."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from trafmon.manual import roff
from trafmon.manual.arguments import Command, Option, command
from trafmon.manual.guide import exit_statuses, section, without_exit_statuses
from trafmon.manual.programs import ENVIRONMENT, OVERVIEW, PROGRAMS, REVISED, WITH_KERNELS, Program, files

GUIDE = "The user guide in docs/, whose page operation.md tells more about running the programs."
OWN_PAGES = "trafmon"
"""Sub-commands of this one have pages of their own, as `man trafmon-query` is how one looks for them."""


def man_pages(root: Path) -> dict[str, str]:
    """Path below `root` -> text, of every page."""
    operation = (root / "docs" / "operation.md").read_text(encoding="utf-8")
    pages = {"man/trafmon.7": _overview(operation)}
    for program in PROGRAMS:
        declared = command(program.parser(root), program.name)
        pages[f"man/{program.name}.{program.section}"] = _page(program, declared, program.about(root, declared), operation)
        for sub in declared.commands if program.name == OWN_PAGES else ():
            other = Program(sub.name.replace(" ", "-"), program.section, see_also=("trafmon(1)", *program.see_also))
            pages[f"man/{other.name}.{other.section}"] = _page(other, sub, sub.description, operation)
    return pages


def _page(program: Program, declared: Command, about: str, operation: str) -> str:
    summary, _, rest = about.partition("\n")
    more = "\n\n".join(section(operation, heading) for heading in program.guide)
    statuses = exit_statuses(rest) or exit_statuses(more)
    lines = [*_title(program.name, program.section), *roff.heading("Name"), f"{program.name} \\- {_short(summary)}",
             *roff.heading("Synopsis"), *_synopsis(declared), *roff.heading("Description"), *roff.filled(roff.prose(summary)),
             *roff.blocks(without_exit_statuses(rest)), *_arguments(declared, program)]
    if more:
        lines += [*roff.heading("Operation"), *roff.blocks(without_exit_statuses(more))]
    if statuses:
        lines += roff.heading("Exit status")
        for status, meaning in statuses:
            lines += roff.tagged(roff.bold(status), meaning)
    flags = {flag for option in declared.options for flag in option.flags}
    if "-c" in flags:
        lines += _listed("Files", files(program.name, flags))
    if program.name in WITH_KERNELS:
        lines += _listed("Environment", ENVIRONMENT)
    lines += _see_also(program.see_also)
    return roff.page(lines)


def _overview(operation: str) -> str:
    lines = [*_title("trafmon", 7), *roff.heading("Name"), "trafmon \\- running a passive network performance monitor",
             *roff.heading("Description"), *roff.filled(
                 "Probes look at packets without touching them and tell a collector what they saw; a loader puts that into a "
                 "database. All programs run in the foreground and read one configuration.")]
    for heading in OVERVIEW:
        lines += [*roff.heading(heading), *roff.blocks(section(operation, heading))]
    lines += [*_listed("Files", files("trafmon", {"-l"})), *_listed("Environment", ENVIRONMENT),
              *_see_also(tuple(f"{p.name}({p.section})" for p in PROGRAMS))]
    return roff.page(lines)


def _title(name: str, number: int) -> list[str]:
    return ['.\\" Written by scripts/generate_docs. Do not edit.',
            f'.TH "{name.upper()}" "{number}" "{REVISED}" "trafMon" "trafMon"', ".nh", ".ad l"]


def _short(summary: str) -> str:
    text = re.split(r"[.:](?: |$)", summary)[0]
    return roff.plain(text[0].lower() + text[1:] if text[1:2].islower() else text)


def _synopsis(declared: Command) -> list[str]:
    if declared.commands and declared.name == OWN_PAGES:
        return [f"{roff.bold(declared.name)} {roff.italic('COMMAND')} ..."]
    if declared.commands:
        return [line for sub in declared.commands for line in (*_synopsis(sub), ".br")][:-1]
    words = [roff.bold(declared.name)]
    shown: set[str] = set()
    for option in declared.options:
        if option.flags[-1] in shown:
            continue
        rivals = [o for o in declared.options if o.flags[-1] in option.rivals]
        shown.update(o.flags[-1] for o in rivals)
        text = "\\~|\\~".join(_typed(o) for o in (option, *rivals))
        words.append(text if option.required else f"[{text}]")
    words += [p.usage.replace(p.name, roff.italic(p.name)) for p in declared.positionals]
    return roff.filled(" ".join(words))


def _typed(option: Option) -> str:
    return roff.bold(option.flags[0]) + (f"\\~{roff.italic(option.value)}" if option.value else "")


def _arguments(declared: Command, program: Program) -> list[str]:
    lines: list[str] = []
    if declared.commands and declared.name == OWN_PAGES:
        lines += roff.heading("Commands")
        for sub in declared.commands:
            page = f"{sub.name.replace(' ', '-')}({program.section})"
            lines += roff.tagged(roff.bold(page), sub.summary)
        return lines
    for sub in declared.commands:
        told = roff.paragraph(_capitalised(sub.description or sub.summary))
        lines += [*roff.heading(sub.name.rpartition(" ")[2]), *told, *_lists(sub)]
    return lines if declared.commands else [*roff.heading("Options"), *_lists(declared)]


def _lists(declared: Command) -> list[str]:
    lines: list[str] = []
    for positional in declared.positionals:
        lines += roff.tagged(roff.italic(positional.name), positional.help)
    for option in declared.options:
        flags = ", ".join(roff.bold(flag) for flag in option.flags)
        lines += roff.tagged(flags + (f" {roff.italic(option.value)}" if option.value else ""), option.help)
    return [*lines, *roff.tagged(f"{roff.bold('-h')}, {roff.bold('--help')}", "show a short help and exit")]


def _capitalised(text: str) -> str:
    ended = text if text.endswith(".") else f"{text}."
    return ended[0].upper() + ended[1:]


def _listed(title: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    lines = roff.heading(title)
    for names, meaning in rows:
        lines += roff.tagged(", ".join(roff.bold(name) for name in names.split(", ")), meaning)
    return lines


def _see_also(pages: tuple[str, ...]) -> list[str]:
    named = [re.sub(r"^(.*)\((\d)\)$", lambda m: f"{roff.bold(m[1])}({m[2]})", page) for page in pages]
    return [*roff.heading("See also"), *roff.filled(", ".join(named)), *roff.paragraph(GUIDE)]
