"""A filter's formula with all its negations but the outermost pushed down to the predicates, and those joined by field.

    filter = outermost NOT ( must AND clause AND clause ... )
    must   = AND of cells                           clause = OR of cells and of ANDs of cells
A cell says in which intervals (see `intervals`) the value of one field makes it true. Any number of predicates on a field
under one AND, or under one OR, are one cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tmon_common.config.model import Conjunction, Disjunction, Filter, Predicate
from tmon_probe.father.sieve.intervals import Condition, Cut, Key
from tmon_probe.father.sieve.sources import EITHER

Cell = tuple[str, int, int]  # field, mask, 0; for the n-th `addr` or `port` cell of one AND: n


@dataclass(frozen=True)
class Literal:
    condition: Condition
    negated: bool

    def inverse(self) -> Literal:
        return Literal(self.condition, not self.negated)


@dataclass
class And:
    """cells: those absent are true. false: nothing satisfies it."""

    cells: dict[Cell, int] = field(default_factory=dict)
    false: bool = False


@dataclass
class Clause:
    """cells: those absent are false. true: everything satisfies it."""

    cells: dict[Cell, int] = field(default_factory=dict)
    ands: list[And] = field(default_factory=list)
    true: bool = False


@dataclass
class Formula:
    must: And
    clauses: list[Clause]
    negated: bool


def predicates(filter_: Filter) -> Iterator[Predicate]:
    """Every predicate of every layer."""
    for term in filter_.terms:
        for part in term.terms if isinstance(term, Disjunction) else (term,):
            yield from part.terms if isinstance(part, Conjunction) else (part,)


class Normaliser:
    """Turns filters into formulas over the intervals of `cuts`; `prepare` gives the condition of a predicate."""

    def __init__(self, prepare: Callable[[Predicate], Condition], cuts: dict[Key, Cut]) -> None:
        self._prepare = prepare
        self._cuts = cuts

    def formula(self, filter_: Filter) -> Formula:
        must, clauses = And(), []
        for term in filter_.terms:
            if isinstance(term, Predicate):
                self._and(must, self._literal(term))
            else:
                self._disjunction(term, must, clauses)
        return Formula(must, [] if must.false else clauses, filter_.negated)

    def _disjunction(self, disjunction: Disjunction, must: And, clauses: list[Clause]) -> None:
        if not disjunction.negated:
            clause = Clause()
            for part in disjunction.terms:
                self._alternative(clause, part)
            self._require(clause, must, clauses)
            return
        for part in disjunction.terms:  # NOR: none of them
            if isinstance(part, Predicate):
                self._and(must, self._literal(part).inverse())
            elif part.negated:
                for term in part.terms:
                    self._and(must, self._literal(term))
            else:
                clause = Clause()
                self._alternative(clause, Conjunction(part.terms, negated=True))
                self._require(clause, must, clauses)

    def _alternative(self, clause: Clause, part: Predicate | Conjunction) -> None:
        if isinstance(part, Predicate):
            self._or(clause, self._literal(part))
        elif part.negated:
            for term in part.terms:
                self._or(clause, self._literal(term).inverse())
        elif len(part.terms) == 1:
            self._or(clause, self._literal(part.terms[0]))
        else:
            self._or_and(clause, [self._literal(term) for term in part.terms])

    def _require(self, clause: Clause, must: And, clauses: list[Clause]) -> None:
        """Adds a clause; one that is a plain AND or has a single cell becomes part of `must`."""
        if clause.true:
            return
        parts = len(clause.cells) + len(clause.ands)
        if parts == 0:
            must.false = True
        elif parts > 1:
            clauses.append(clause)
        elif clause.cells:
            self._narrow(must, *clause.cells.popitem())
        else:
            for (name, mask, nth), truth in clause.ands[0].cells.items():
                if name in EITHER:
                    self._and_either(must, name, mask, truth)
                else:
                    self._narrow(must, (name, mask, nth), truth)

    def _literal(self, predicate: Predicate) -> Literal:
        return Literal(self._prepare(predicate), predicate.negated)

    def _or_and(self, clause: Clause, literals: list[Literal]) -> None:
        alternative = And()
        for literal in literals:
            self._and(alternative, literal)
        if not alternative.cells and not alternative.false:
            clause.true = True
        elif not alternative.false:
            clause.ands.append(alternative)

    def _or(self, clause: Clause, literal: Literal) -> None:
        condition, cut = literal.condition, self._cuts[literal.condition.key]
        if condition.field in EITHER and literal.negated:  # neither side
            self._or_and(clause, [literal])
            return
        truth = cut.intervals_of(condition.ranges)
        if literal.negated:
            truth ^= cut.everything
        for name in EITHER.get(condition.field, (condition.field,)):
            cell = (name, condition.mask, 0)
            clause.cells[cell] = clause.cells.get(cell, 0) | truth
            clause.true |= clause.cells[cell] == cut.everything
            if not clause.cells[cell]:
                del clause.cells[cell]

    def _and(self, conjunction: And, literal: Literal) -> None:
        condition, cut = literal.condition, self._cuts[literal.condition.key]
        truth = cut.intervals_of(condition.ranges)
        if condition.field in EITHER and not literal.negated:
            self._and_either(conjunction, condition.field, condition.mask, truth)
            return
        if literal.negated:
            truth ^= cut.everything
        for name in EITHER.get(condition.field, (condition.field,)):
            self._narrow(conjunction, (name, condition.mask, 0), truth, cut.everything)

    def _and_either(self, conjunction: And, name: str, mask: int, truth: int) -> None:
        """One of the two sides must be in; a second such condition may be met by the other side, so they do not merge."""
        nth = 0
        while conjunction.cells.get((name, mask, nth), truth) != truth:
            nth += 1
        self._narrow(conjunction, (name, mask, nth), truth)

    def _narrow(self, conjunction: And, cell: Cell, truth: int, everything: int = -1) -> None:
        truth &= conjunction.cells.get(cell, -1)
        conjunction.false |= truth == 0
        if truth != everything:
            conjunction.cells[cell] = truth
