"""Rows of one kind in memory: a structured array and the strings that its string columns point to."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tmon_common.observations.kind import Kind


@dataclass
class Rows:
    """values: structured array (n,) of `kind.dtype`; strings: what Type.STRING columns index."""

    kind: Kind
    values: np.ndarray
    strings: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def words(self) -> np.ndarray:
        """The same rows as a matrix (n, kind.words) of int64, without a copy."""
        return self.values.view(np.int64).reshape(len(self.values), self.kind.words)

    @classmethod
    def from_words(cls, kind: Kind, words: np.ndarray, strings: list[str] | None = None) -> Rows:
        """Rows around a C-contiguous int64 matrix (n, kind.words), without a copy."""
        values = np.ascontiguousarray(words).view(kind.dtype).reshape(len(words))
        return cls(kind, values, strings or [])
