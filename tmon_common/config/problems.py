"""What is wrong in a configuration file: every problem found, not only the first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_PROBLEMS = 500
"""Problems told of one file; those beyond are only counted."""


@dataclass(frozen=True)
class Problem:
    """line: 0 where no line can be named; element: its tag, "" for the file as a whole."""

    file: Path
    line: int
    element: str
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        return f"{where}: {self.message}"


class ConfigurationError(Exception):
    """The configuration cannot be used. `problems` holds all that was found; printed, one a line: `file:line: what, expected`."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(p) for p in self.problems)


class SelectionError(ConfigurationError):
    """Which probe or collector is meant cannot be told, or there is none of that name."""


class ProblemList:
    """Collects problems of one file, without repetition, at most MAX_PROBLEMS."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._found: dict[Problem, None] = {}
        self._beyond = 0

    def __len__(self) -> int:
        return len(self._found) + self._beyond

    def add(self, line: int, element: str, message: str) -> None:
        problem = Problem(self.file, line, element, message)
        if problem in self._found or len(self._found) < MAX_PROBLEMS:
            self._found[problem] = None
        else:
            self._beyond += 1

    def by_line(self) -> list[Problem]:
        """In the order of the file; those of one line in the order of their discovery."""
        problems = sorted(self._found, key=lambda p: p.line)
        if self._beyond:
            problems.append(Problem(self.file, 0, "", f"and {self._beyond} more problems"))
        return problems

    def raise_if_any(self) -> None:
        if self._found:
            raise ConfigurationError(self.by_line())
