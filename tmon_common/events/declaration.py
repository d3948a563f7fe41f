"""How an event is declared."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """info: good to know when figures are read; warning: figures are incomplete, or soon will be; error: nothing is measured."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def level(self) -> int:
        """The level of `logging`."""
        return logging.getLevelNamesMapping()[self.name]


@dataclass(frozen=True)
class Parameter:
    """A value that events of one code carry. type: int or str."""

    name: str
    type: type
    meaning: str


@dataclass(frozen=True)
class Declaration:
    """text: `str.format` of `subject` and the parameters; subject: what an event of this code is about."""

    code: str
    severity: Severity
    subject: str
    text: str
    meaning: str
    action: str
    parameters: tuple[Parameter, ...] = ()


def number(name: str, meaning: str) -> Parameter:
    return Parameter(name, int, meaning)


def text(name: str, meaning: str) -> Parameter:
    return Parameter(name, str, meaning)


SECONDS = number("seconds", "how long")
