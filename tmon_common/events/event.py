"""An event that has happened."""

from __future__ import annotations

from dataclasses import dataclass

from tmon_common.events.catalogue import CATALOGUE
from tmon_common.events.declaration import Severity

SUBJECT_CHARACTERS = 64
VALUE_CHARACTERS = 160
"""What is longer is cut: an event fits in a PDU, and its line in a pipe."""


@dataclass(frozen=True)
class Event:
    """Something that happened. time_ns: ns since 1970-01-01 UTC, when it was noticed; values: those of its declaration.

    ValueError for a code that is not in the catalogue, or values that are not the declared ones. Texts lose what cannot be
    printed, and what is too long.

    told_as     another severity than the declared one, where the configuration says so
    """

    time_ns: int
    code: str
    subject: str = ""
    values: tuple[tuple[str, int | str], ...] = ()
    told_as: Severity | None = None

    def __post_init__(self) -> None:
        declaration = CATALOGUE.get(self.code)
        if declaration is None:
            raise ValueError(f"no event {self.code!r}")
        expected = [(p.name, p.type) for p in declaration.parameters]
        if [(name, type(value)) for name, value in self.values] != expected:
            raise ValueError(f"event {self.code}: values {self.values!r}, expected {expected!r}")
        object.__setattr__(self, "subject", _plain(self.subject, SUBJECT_CHARACTERS))
        object.__setattr__(self, "values", tuple(
            (name, _plain(value, VALUE_CHARACTERS) if isinstance(value, str) else value) for name, value in self.values))

    @property
    def severity(self) -> Severity:
        return self.told_as or CATALOGUE[self.code].severity

    @property
    def text(self) -> str:
        """A sentence for a person."""
        return CATALOGUE[self.code].text.format(subject=self.subject, **dict(self.values))


def event(code: str, time_ns: int, subject: str = "", told_as: Severity | None = None, **values: int | str) -> Event:
    """An Event, its values by name in any order. KeyError for a code, ValueError for values that are not in the catalogue."""
    order = [p.name for p in CATALOGUE[code].parameters]
    return Event(time_ns, code, subject, tuple(sorted(values.items(), key=lambda v: order.index(v[0]))), told_as)


def _plain(text: str, characters: int) -> str:
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: characters + 1])
    return text if len(text) <= characters else text[: characters - 1] + "…"
