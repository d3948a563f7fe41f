"""A page of the guide as a session in a shell: its files are written, its commands run in order, their output is compared.

Blocks of the page:
- ```xml title="NAME"   the file NAME
- ```console            lines after `$ ` are commands, the others what they print; `...` stands for anything
- <!-- numbers differ, but not: A; B -->   before such a block: it shows one run, of which only A and B have to be as they are
Others are left alone.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^(?:<!-- numbers differ, but not: (?P<exact>[^\n]*) -->\n)?"
                   r"```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"<?\d[\d.,]*")
WATCHED = ("trafmon top",)
"""Commands that look at what is starting: asked again until the page is right."""
LIMIT_S = 180  # kernels may have to be compiled
_END = "end-of-the-command"


@dataclass(frozen=True)
class File:
    name: str
    text: str


@dataclass(frozen=True)
class Command:
    """exact: of what it prints, if numbers may be others than on the page; else None."""

    typed: str
    printed: str
    exact: tuple[str, ...] | None = None

    def agrees(self, printed: str) -> bool:
        if self.exact is None:
            return agrees(self.printed, printed)
        text = " ".join(printed.split())
        return all(part in text for part in self.exact) and agrees(NUMBER.sub("0", self.printed), NUMBER.sub("0", printed))


def steps(page: str) -> list[File | Command]:
    """What the page has one do, in order."""
    found: list[File | Command] = []
    for block in BLOCK.finditer(page):
        if block["title"]:
            found.append(File(block["title"], block["text"]))
        elif block["language"] == "console":
            for part in re.split(r"^\$ ", block["text"], flags=re.MULTILINE)[1:]:
                typed, _, printed = part.partition("\n")
                found.append(Command(typed, printed, tuple(block["exact"].split("; ")) if block["exact"] and printed else None))
    return found


class Shell:
    """bash in a directory, with the commands of this checkout. What runs in the background ends with it."""

    def __init__(self, directory: Path) -> None:
        path = os.pathsep.join([str(Path(sys.executable).parent), str(ROOT / "scripts"), os.environ["PATH"]])
        environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "TZ": "UTC"}
        self.directory = directory
        self._bash = subprocess.Popen(["bash", "--norc"], cwd=directory, env=environment, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()

    def run(self, typed: str) -> str:
        """What it prints; nothing of what it leaves running: that goes to background.log."""
        command = f"{typed[:-1]} >>background.log 2>&1 &" if typed.endswith("&") else typed
        self._bash.stdin.write(f"{command}\necho {_END}\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            if line.strip() == _END:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended at: {typed}\n{''.join(lines)}")


def walk(page: str, directory: Path) -> None:
    """Go through the page; AssertionError where it does not tell what happens."""
    with Shell(directory) as shell:
        for step in steps(page):
            if isinstance(step, File):
                (directory / step.name).write_text(step.text, encoding="utf-8")
                continue
            until = time.monotonic() + (LIMIT_S if step.typed.startswith(WATCHED) else 0)
            printed = shell.run(step.typed)
            while not step.agrees(printed) and time.monotonic() < until:
                printed = shell.run(f"sleep 0.2; {step.typed}")
            log = directory / "background.log"
            assert step.agrees(printed), (f"$ {step.typed}\n{printed}\n--- the page has\n{step.printed}\n--- background\n"
                                                   f"{log.read_text() if log.exists() else ''}")


def agrees(shown: str, printed: str) -> bool:
    """The pieces between the dots come in this order, the first at the begin, the last at the end. All space is one space.

    By hand, as a regular expression with twenty times `.*` takes for ever to find out that something is missing.
    """
    text = " ".join(printed.split())
    first, *others = (" ".join(piece.split()) for piece in shown.split("..."))
    if not others:
        return text == first
    if not text.startswith(first):
        return False
    at = len(first)
    for piece in others[:-1]:
        found = text.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return text.endswith(others[-1]) and at <= len(text) - len(others[-1])
