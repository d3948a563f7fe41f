"""What is wrong in a configuration file: every problem found, not only the first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_PROBLEMS = 500
"""Problems told of one file."""
MAX_CHARACTERS = 1000
"""Of a message; in longer ones the middle is left out."""


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
    """Collects problems of one file, without repetition. The MAX_PROBLEMS-th ends the reading with ConfigurationError."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._found: dict[Problem, None] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, line: int, element: str, message: str) -> None:
        if len(message) > MAX_CHARACTERS:
            message = f"{message[: MAX_CHARACTERS // 2]} ... {message[-MAX_CHARACTERS // 2 :]}"
        self._found[Problem(self.file, line, element, message)] = None
        if len(self._found) == MAX_PROBLEMS:
            last = Problem(self.file, 0, "", f"{MAX_PROBLEMS} problems found; what else there may be was not looked for")
            raise ConfigurationError([*self.by_line(), last])

    def by_line(self) -> list[Problem]:
        """In the order of the file; those of one line in the order of their discovery."""
        return sorted(self._found, key=lambda p: p.line)

    def raise_if_any(self) -> None:
        if self._found:
            raise ConfigurationError(self.by_line())
