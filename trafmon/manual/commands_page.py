"""docs/commands.md: every command, every option, every exit status."""

from __future__ import annotations

from pathlib import Path

from trafmon.manual.arguments import Command, Option, command
from trafmon.manual.guide import exit_statuses, section, without_exit_statuses
from trafmon.manual.programs import PROGRAMS, Program

_HEAD = """\
# Commands

<!-- Written by scripts/generate_docs from the parsers of the commands. Do not edit. -->

Every command with its options. Each has a manual page with the same, and more: `man -l man/tmon_probe.8`, or `man tmon_probe` where
trafMon is installed. All take `-h`. Where neither `-c` nor `-l` is given the configuration is `/etc/trafMon/xml/tmon.xml`.
How they run, stop and fail: [operation.md](operation.md).

| command | |
|---|---|
"""


def commands_page(root: Path) -> str:
    """The whole page."""
    operation = (root / "docs" / "operation.md").read_text(encoding="utf-8")
    contents, sections = [], []
    for program in PROGRAMS:
        declared = command(program.parser(root), program.name)
        about = program.about(root, declared)
        parts = declared.commands or (declared,)
        for part in parts:
            text = about if part is declared else part.description or part.summary
            statuses = exit_statuses(text) or exit_statuses(about) or _of_guide(program, operation)
            contents.append(f"| [{part.name}](#{_anchor(part.name)}) | {_sentence(text)} |")
            sections += ["", *_section(part, text, statuses)]
    return _HEAD + "\n".join([*contents, *sections]) + "\n"


def _of_guide(program: Program, operation: str) -> list[tuple[str, str]]:
    return exit_statuses("\n\n".join(section(operation, heading) for heading in program.guide))


def _anchor(name: str) -> str:
    return "".join(c for c in name.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _sentence(text: str) -> str:
    """The first one."""
    first = text.partition("\n")[0].partition(". ")[0].rstrip(".")
    return first[0].upper() + first[1:] + "."


def _section(part: Command, text: str, statuses: list[tuple[str, str]]) -> list[str]:
    told = _paragraphs(without_exit_statuses(text) if "\n" in text else _sentence(text))
    lines = [f"## {part.name}", "", *told, "", f"    {_usage(part)}", ""]
    if part.positionals or part.options:
        lines += ["| option | |", "|---|---|"]
        lines += [f"| `{p.usage}` | {_cell(p.help)} |" for p in part.positionals]
        lines += [f"| {_typed(o)} | {_cell(o.help)} |" for o in part.options]
        lines.append("")
    if statuses:
        lines += ["| exit status | |", "|--:|---|", *(f"| {status} | {meaning} |" for status, meaning in statuses), ""]
    return lines[:-1] if lines[-1] == "" else lines


def _usage(part: Command) -> str:
    return " ".join([part.name, *(["[OPTION ...]"] if part.options else []), *(p.usage for p in part.positionals)])


def _typed(option: Option) -> str:
    last = f"{option.flags[-1]} {option.value}".strip()
    return ", ".join(f"`{flag}`" for flag in (*option.flags[:-1], last))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _paragraphs(text: str) -> list[str]:
    """As written, indented lines as code; what stands in angle brackets or asterisks stays as it is."""
    lines: list[str] = []
    for line in text.splitlines():
        indented = line.startswith("  ")
        if line and lines and lines[-1] and indented != lines[-1].startswith("    "):
            lines.append("")
        lines.append(f"    {line.strip()}" if indented else line.replace("<", "&lt;").replace("*", "\\*"))
    return lines
