"""Manual pages: one for each command, with exactly the options that it takes, in sound roff."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.unit.guide.documents import ROOT
from trafmon.__main__ import SUBCOMMANDS
from trafmon.manual.programs import PROGRAMS, Program

PAGES = sorted((ROOT / "man").iterdir())
FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")


def helps(program: Program, *words: str) -> str:
    """What the command prints when it is asked with --help, which is argparse's doing."""
    if program.name == "tmon_agent":  # it makes itself nice before it reads its arguments
        command = [sys.executable, "-m", "tmon_agent", "--help"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    printed = io.StringIO()
    kept, sys.argv = sys.argv, [program.name, *words, "--help"]
    try:
        with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as ended:
            program.main(ROOT)()
        assert ended.value.code == 0
    finally:
        sys.argv = kept
    return printed.getvalue()


def options(text: str) -> set[str]:
    """Flags at the beginning of lines, where options are listed."""
    listed = re.findall(r"^ +(-[^\n]*?)(?:  |$)", text, re.MULTILINE)
    return {flag for line in listed for flag in FLAG.findall(line)}


def rendered(page: Path) -> str:
    """As `man` shows it, without bold."""
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    text = subprocess.run(["mandoc", "-T", "utf8", page], capture_output=True, text=True, check=True).stdout
    return re.sub(".\b", "", text)


def section(text: str, *names: str) -> str:
    """What stands below these headings."""
    return "\n".join(re.findall(rf"^(?:{'|'.join(names)})\n(.*?)(?=^\S|\Z)", text, re.DOTALL | re.MULTILINE))


CASES = [pytest.param(program, (), program.name, ("OPTIONS",), id=program.name) for program in PROGRAMS
         if program.name not in {"trafmon", "trafmon_mysql.py", "trafmon_netflow.py"}]
TRAFMON = next(p for p in PROGRAMS if p.name == "trafmon")
CASES += [pytest.param(TRAFMON, (word,), f"trafmon-{word}", ("OPTIONS",), id=word)
          for word in (name.replace("_", "-") for name in SUBCOMMANDS)]
CASES += [pytest.param(p, (word,), p.name, (word.upper(),), id=f"{p.name} {word}") for p in PROGRAMS
          for word in {"trafmon_mysql.py": ("setup", "check"), "trafmon_netflow.py": ("receive", "read")}.get(p.name, ())]


@pytest.mark.parametrize(("program", "words", "name", "headings"), CASES)
def test_options(program: Program, words: tuple[str, ...], name: str, headings: tuple[str, ...]):
    """All that --help lists are in the page, and no others; positional arguments too."""
    asked = helps(program, *words)
    shown = section(rendered(ROOT / "man" / f"{name}.{program.section}"), *headings)
    assert options(asked) == options(shown)
    if "positional arguments:" in asked:
        positional = asked.partition("positional arguments:")[2].partition("options:")[0]
        for line in re.findall(r"^  (\S[^\n]*?)(?:  |$)", positional, re.MULTILINE):
            assert re.search(rf"^ +{re.escape(line)}(?:  |$)", shown, re.MULTILINE), line


def test_every_command_has_one():
    """Entry points, scripts that take arguments, sub-commands; and no page without its command."""
    entries = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    scripts = {path.name for path in (ROOT / "scripts").glob("*.py")}
    assert {p.name for p in PROGRAMS if p.module and p.name in entries} == set(entries)
    assert {p.name for p in PROGRAMS if not p.module} == scripts
    expected = {f"{p.name}.{p.section}" for p in PROGRAMS} | {"trafmon.7"}
    expected |= {f"trafmon-{name.replace('_', '-')}.1" for name in SUBCOMMANDS}
    assert expected == {page.name for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_sound(page: Path):
    """mandoc and groff have nothing to say, and a terminal of 80 columns has room for every line."""
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True, check=False)
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", "")
    if shutil.which("man") and shutil.which("groff"):
        terminal = os.environ | {"LC_ALL": "C.UTF-8", "MANPAGER": "cat", "MANWIDTH": "80"}
        shown = subprocess.run(["man", "--warnings", "-l", page], env=terminal, capture_output=True, text=True, check=False)
        assert (shown.returncode, shown.stderr) == (0, "")
        assert [line for line in re.sub(r".\x08|\x1b\[[0-9;]*m", "", shown.stdout).splitlines() if len(line) > 80] == []


def test_references():
    """SEE ALSO names pages that are there."""
    there = {f"{page.stem}({page.suffix[1:]})" for page in PAGES}
    for page in PAGES:
        named = set(re.findall(r"\\fB([\w\\.-]+)\\fR(\(\d\))", page.read_text(encoding="utf-8")))
        assert {name.replace("\\-", "-") + number for name, number in named} <= there, page.name


def test_markup():
    """What roff would take for its own is shown as it was written."""
    from trafmon.manual import roff

    text = ".start 'quoted' \\back ~home ^up `a.b --long-option` and **bold `code`**, [a link](x.md) ([0001](d/0001.md)) -x"
    table, item = "| head | x |\n|---|---|\n| `one` | two |", "- item\n  goes on"
    lines = roff.page([*roff.heading("Name"), *roff.blocks(f"{text}\n\n{table}\n\n{item}\n")])
    assert r"\&.start \(aqquoted\(aq \eback \(tihome \(haup \fBa.b \-\-long\-option\fR" in lines
    assert r"\fBbold code\fR, a link \-x" in lines.replace("\n", " ")
    assert ".TP\n\\fBone\\fR\ntwo\n" in lines
    assert ".IP \\(bu 4\nitem goes on\n" in lines
