"""Two samples of the statistics of a program, and what has happened in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """numbers: a snapshot of its statistics; monotonic_ns, wall_ns: when it was taken."""

    monotonic_ns: int
    wall_ns: int
    numbers: Mapping[str, int]


class Between:
    """Two samples. A counter that is lower than before has started again."""

    def __init__(self, before: Sample, after: Sample) -> None:
        self.before, self.after = before, after
        self.seconds = (after.monotonic_ns - before.monotonic_ns) / 1e9

    def now(self, name: str) -> int:
        return self.after.numbers.get(name, 0)

    def grown(self, name: str) -> int:
        return max(self.now(name) - self.before.numbers.get(name, 0), 0)

    def rate(self, name: str, of_each: int = 1) -> float | None:
        return self.grown(name) * of_each / self.seconds if self.seconds > 0 else None

    def cpu(self, name: str) -> float | None:
        """Share of a CPU; None if the program does not tell."""
        return self.rate(name) / 1e9 if self.now(name) and self.seconds > 0 else None
