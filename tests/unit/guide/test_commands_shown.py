"""Command lines that the documents show are ones that the commands take."""

import argparse
import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from tests.unit.guide.documents import ROOT, documents
from trafmon.manual.programs import PROGRAMS

NAMES = {program.name: program for program in PROGRAMS}
BLOCK = re.compile(r"^```(?:sh|console|)\n(.*?)^```|((?:^    .*\n)+)", re.DOTALL | re.MULTILINE)
LINE = re.compile(r"(?:^|[;&|(]\s*|\$ |python )(?:\S*/)?(" + "|".join(map(re.escape, NAMES)) + r")((?: [^\n;&|>#)]*|$))")


def shown() -> list[tuple[Path, str, str]]:
    """Document, command, arguments of every command line in a block, or indented, or in backticks with an option."""
    found = []
    for document in documents():
        text = document.read_text(encoding="utf-8")
        pieces = [a or b for a, b in re.findall(BLOCK, text)] + re.findall(r"`([^`\n]+)`", text)
        for piece in pieces:
            for line in re.sub(r"\\\n", " ", piece).splitlines():
                for name, arguments in LINE.findall(re.sub(r"'[^']*'", lambda q: q[0].replace(" ", "\0"), line.strip())):
                    if re.match(r" [\w-]+:", arguments):  # what the command says
                        continue
                    found.append((document, name, re.split(r" {3,}", arguments.replace("\0", " ").strip())[0]))
    return found


@cache
def parser(name: str) -> argparse.ArgumentParser:
    return NAMES[name].parser(ROOT)


def flags(name: str, words: list[str]) -> set[str]:
    """Of the command, or of the sub-command that is named first."""
    current = parser(name)
    for action in current._actions:
        if isinstance(action, argparse._SubParsersAction):
            named = next((w for w in words if not w.startswith("-")), None)
            if named is None or named.isupper() or named in ("...", "-h"):
                return {"-h", "--help"}
            assert named in action.choices, f"{name} has no command {named}"
            current = action.choices[named]
    return set(current._option_string_actions)


@pytest.mark.parametrize(("document", "name", "arguments"), shown(), ids=lambda v: v.name if isinstance(v, Path) else v[:60])
def test_command(document: Path, name: str, arguments: str):
    """Every option that is typed is one, of that command."""
    try:
        words = shlex.split(arguments.replace("[", " ").replace("]", " "))
    except ValueError:
        words = arguments.split()
    known = flags(name, words)
    for word in words:
        if re.fullmatch(r"--?[a-zA-Z][\w-]*(?:=.*)?", word):
            assert word.partition("=")[0] in known, f"{document}: {name} {arguments}"


def test_there_are_some():
    assert len(shown()) > 60
