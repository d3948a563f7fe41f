"""What is wanted of the figures, and whether it was reached."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reach:
    """A figure, and the most that it should be."""

    what: str
    value: float
    most: float

    @property
    def reached(self) -> bool:
        return self.value <= self.most


def print_reaches(reaches: list[Reach]) -> None:
    """A line each."""
    width = max(len(r.what) for r in reaches)
    for r in reaches:
        print(f"{'reached' if r.reached else 'missed ':8}{r.what:{width}}  {r.value:.2f} (at most {r.most:g})")
    print()
