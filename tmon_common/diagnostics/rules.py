"""What a `.diag` file and the steps of SIGUSR1 and SIGUSR2 make of the diagnostics that the configuration asks for. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tmon_common.config.model import Diagnostics

LEVELS = ("critical", "error", "warning", "info", "debug")
"""From the least to the most talkative."""
MAX_STEPS = len(LEVELS) - 1
EVERYTHING = "*"
"""Instead of a module: what nothing else is said about."""
MAX_LINES = 1000

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Rule:
    """A line of the file. destination: as in the configuration; "": what it would be without."""

    module: str
    level: str
    destination: str = ""


def parse(text: str, directory: Path, *, known: Callable[[str], bool],
          try_out: Callable[[str], str]) -> tuple[tuple[Rule, ...], tuple[tuple[int, str], ...]]:
    """Rules of a file, and what is wrong in it: (line, problem). A line with a problem makes no rule.

    directory   where relative paths start; known: is there such a module?; try_out: what keeps a destination from being used, or ""
    """
    rules: dict[str, Rule] = {}
    problems: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if number > MAX_LINES:
            problems.append((number, f"more than {MAX_LINES} lines; the rest is left out"))
            break
        plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line.split("#", 1)[0].expandtabs(1))
        words = plain.split(None, 2)
        if not words:
            continue
        try:
            rule = _rule(words, directory, known)
            if rule.destination and (problem := try_out(rule.destination)):
                raise ValueError(problem)
        except ValueError as error:
            problems.append((number, str(error)))
        else:
            rules[rule.module] = rule  # the last one counts
    return tuple(rules.values()), tuple(problems)


def _rule(words: list[str], directory: Path, known: Callable[[str], bool]) -> Rule:
    module, level, destination = (*words, "", "")[:3]
    if module != EVERYTHING and not (_MODULE.fullmatch(module) and known(module)):
        raise ValueError(f"{module}: there is no such module; expected one such as tmon_probe.father, or * for everything")
    if level.lower() not in LEVELS:
        raise ValueError(f"{level or 'no level'}: expected module, level ({', '.join(reversed(LEVELS))}) and perhaps a destination")
    return Rule(module, level.lower(), _destination(destination.strip(), directory))


def _destination(text: str, directory: Path) -> str:
    if text in {"", "stderr", "journal"}:
        return text
    if text.startswith("file:") and text != "file:":
        return f"file:{directory / text.removeprefix('file:')}"
    raise ValueError(f"{text}: expected stderr, journal or file:PATH")


def tuned(configured: Diagnostics, rules: Iterable[Rule], steps: int) -> Diagnostics:
    """The configured ones, overruled by rules, and all of it `steps` more talkative."""
    level, destination = configured.level, configured.destination
    modules = {name: (name, of_it, where) for name, of_it, where in configured.modules}
    for rule in rules:
        if rule.module == EVERYTHING:
            level, destination = rule.level, rule.destination or destination
        else:
            before = modules.get(rule.module, ("", "", ""))[2]
            modules[rule.module] = (rule.module, rule.level, rule.destination or before)
    return replace(configured, level=lower(level, steps), destination=destination,
                   modules=tuple((name, lower(of_it, steps), where) for name, of_it, where in modules.values()))


def lower(level: str, steps: int) -> str:
    """A level so many steps more talkative; debug is the end."""
    return LEVELS[min(LEVELS.index(level) + steps, MAX_STEPS)]


def steps_to_debug(configured: Diagnostics) -> int:
    """Steps after which nothing can become more talkative."""
    return max(MAX_STEPS - LEVELS.index(level) for level in (configured.level, *(m[1] for m in configured.modules)))
