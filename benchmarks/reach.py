"""What is wanted of the figures, and whether it was reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reach:
    """A figure, and the most that it should be, or with `at_least` the least."""

    what: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def print_reaches(reaches: list[Reach]) -> None:
    """A line each."""
    width = max(len(r.what) for r in reaches)
    for r in reaches:
        wanted = f"at {'least' if r.at_least else 'most'} {r.limit:g}"
        print(f"{'reached' if r.reached else 'missed ':8}{r.what:{width}}  {r.value:.2f} ({wanted})")
    print()
