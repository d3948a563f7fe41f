"""The formulas of all classes side by side: bit c of every 64-bit word belongs to class c.

Cells in the same place of several formulas make one column of words, a word for each interval of the field's values. A
packet picks one word of each column; AND and OR of those words evaluate up to 64 formulas at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from tmon_probe.father.sieve.formula import Cell, Clause, Formula
from tmon_probe.father.sieve.intervals import Cut, Key, domain_of

ALL = (1 << 64) - 1


@dataclass(frozen=True)
class Column:
    """words[k]: classes (bits) whose cell is true in interval k; the last one for packets without the field.

    field, mask     whose value picks the word; of an `addr` or `port`, the OR of the words that both sides pick
    """

    field: str
    mask: int
    words: tuple[int, ...]

    @cached_property
    def changes(self) -> int:
        """How often the word is another than that of the interval before."""
        return sum(before != after for before, after in pairwise(self.words[:-1]))

    @cached_property
    def _hash(self) -> int:
        return hash((self.field, self.mask, self.words))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True)
class Alternatives:
    """One clause of the classes `members`: OR of the columns `any_of` and of `groups`: (members of it, AND of columns)."""

    members: int
    any_of: tuple[Column, ...]
    groups: tuple[tuple[int, tuple[Column, ...]], ...]


@dataclass(frozen=True)
class Planes:
    """mask = negated XOR (candidates AND columns of `must` AND clauses)."""

    candidates: int
    negated: int
    must: tuple[Column, ...]
    clauses: tuple[Alternatives, ...]


def planes_of(formulas: Sequence[Formula], cuts: dict[Key, Cut]) -> Planes:
    alive = {c: f for c, f in enumerate(formulas) if not f.must.false}
    depth = max((len(f.clauses) for f in alive.values()), default=0)
    clauses = [{c: f.clauses[i] for c, f in alive.items() if len(f.clauses) > i} for i in range(depth)]
    return Planes(
        candidates=_members(alive),
        negated=_members(c for c, f in enumerate(formulas) if f.negated),
        must=_columns({c: f.must.cells for c, f in alive.items()}, cuts, absent=1),
        clauses=tuple(_alternatives(clause, cuts) for clause in clauses),
    )


def _alternatives(clauses: dict[int, Clause], cuts: dict[Key, Cut]) -> Alternatives:
    depth = max(len(clause.ands) for clause in clauses.values())
    groups = [{c: clause.ands[j] for c, clause in clauses.items() if len(clause.ands) > j} for j in range(depth)]
    return Alternatives(
        members=_members(clauses),
        any_of=_columns({c: clause.cells for c, clause in clauses.items()}, cuts, absent=0),
        groups=tuple((_members(group), _columns({c: a.cells for c, a in group.items()}, cuts, absent=1)) for group in groups),
    )


def _columns(cells_by_class: dict[int, dict[Cell, int]], cuts: dict[Key, Cut], absent: int) -> tuple[Column, ...]:
    """A column for each cell of any class; `absent` is the truth of the cell for classes that do not have it."""
    by_cell: dict[Cell, dict[int, int]] = {}
    for c, cells in cells_by_class.items():
        for cell, truth in cells.items():
            by_cell.setdefault(cell, {})[c] = truth
    return tuple(
        Column(name, mask, _words(truths, cuts[domain_of(name)[0], mask].missing + 1, absent))
        for (name, mask, _nth), truths in sorted(by_cell.items())
    )


def _words(truths: dict[int, int], intervals: int, absent: int) -> tuple[int, ...]:
    words = np.full(intervals, (ALL ^ _members(truths)) * absent, np.uint64)
    for c, truth in truths.items():
        octets = np.frombuffer(truth.to_bytes(-(-intervals // 8), "little"), np.uint8)
        words |= np.unpackbits(octets, count=intervals, bitorder="little").astype(np.uint64) << np.uint64(c)
    return tuple(words.tolist())


def _members(classes: Iterable[int]) -> int:
    return sum(1 << c for c in classes)
