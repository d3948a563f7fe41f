"""Rows that were given up: how many, of which kind, and why; and what of that is still to be told."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum


class Cause(StrEnum):
    QUEUE_FULL = "queue full"
    FINAL_TIMEOUT = "final timeout"
    TOO_LONG = "too long for a PDU"
    OUT_OF_RANGE = "out of range"


class Losses:
    """rows: given up since the start, by (kind, cause)."""

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, Cause]] = Counter()
        self._told: Counter[tuple[str, Cause]] = Counter()

    @property
    def total(self) -> int:
        return self.rows.total()

    @property
    def untold(self) -> int:
        return self.rows.total() - self._told.total()

    def add(self, kind: str, cause: Cause, rows: int) -> None:
        self.rows[kind, cause] += rows

    def tell(self) -> list[tuple[str, Cause, int]]:
        """(kind, cause, rows) of what was given up since the last call."""
        new = self.rows - self._told
        self._told = self.rows.copy()
        return [(kind, cause, rows) for (kind, cause), rows in sorted(new.items())]
