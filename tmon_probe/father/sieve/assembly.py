"""Planes of words as a function in LLVM assembly: class mask of the PACKET record at an address."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from llvmlite import ir

from tmon_probe import records
from tmon_probe.father.sieve import lookup
from tmon_probe.father.sieve.intervals import Cut, Key
from tmon_probe.father.sieve.planes import Column, Planes
from tmon_probe.father.sieve.sources import EITHER, SOURCES, offset
from tmon_probe.father.sieve_call import SIEVE_TYPE

MAX_STEPS = 4  # a column with so few changes from word to word needs no table
_FRAGMENT_SHIFT = 4
assert (records.FRAGMENT, records.LATER_FRAGMENT, records.MORE_FRAGMENTS, records.DONT_FRAGMENT) == (16, 32, 64, 128)


def assembly_of(planes: Planes, cuts: dict[Key, Cut], name: str) -> str:
    return _Writer(planes, cuts, name).text


class _Writer:
    """Writes each value, comparison and word once; whatever asks for it later finds it in a dictionary."""

    def __init__(self, planes: Planes, cuts: dict[Key, Cut], name: str) -> None:
        self._cuts = cuts
        self._module = ir.Module()
        function = ir.Function(self._module, SIEVE_TYPE, name)
        self._record = function.args[0]
        self._b = ir.IRBuilder(function.append_basic_block())
        self._written: dict[tuple, ir.Value] = {}
        self._tables: dict[tuple[str, int], list[Column]] = {}
        self._lay_out(planes)
        self._write(planes)
        self.text = str(self._module)

    def _write(self, planes: Planes) -> None:
        b = self._b
        mask: ir.Value = lookup.I64(planes.candidates)
        cheap = [c for c in planes.must if not self._is_dear(c)]
        dear = [c for c in planes.must if self._is_dear(c)]
        for column in cheap:
            mask = b.and_(mask, self._word(column))
        if cheap and (dear or planes.clauses):
            self._return_if_none(mask, planes.negated)
        for column in dear:
            mask = b.and_(mask, self._word(column))
        if dear and planes.clauses:
            self._return_if_none(mask, planes.negated)
        for clause in planes.clauses:
            word: ir.Value = lookup.I64(0)
            for column in clause.any_of:
                word = b.or_(word, self._word(column))
            for members, columns in clause.groups:
                group: ir.Value = lookup.I64(members)
                for column in columns:
                    group = b.and_(group, self._word(column))
                word = b.or_(word, group)
            mask = b.and_(mask, b.or_(word, lookup.I64(~clause.members)))
        b.ret(b.xor(mask, lookup.I64(planes.negated)))

    def _return_if_none(self, mask: ir.Value, negated: int) -> None:
        """Nothing that follows adds a class."""
        with self._b.if_then(self._b.icmp_unsigned("==", mask, lookup.I64(0))):
            self._b.ret(lookup.I64(negated))

    def _word(self, column: Column) -> ir.Value:
        sides = [self._side(column, name) for name in EITHER.get(column.field, (column.field,))]
        return self._b.or_(*sides) if len(sides) > 1 else sides[0]

    def _side(self, column: Column, name: str) -> ir.Value:
        key = ("word", name, column)
        if key not in self._written:
            self._written[key] = self._look_up(column, name) if _needs_table(column) else self._steps(column, name)
        return self._written[key]

    def _steps(self, column: Column, name: str) -> ir.Value:
        b, cut, words = self._b, self._cut(name, column.mask), column.words
        word: ir.Value = lookup.I64(words[0])
        for k, (before, after) in enumerate(pairwise(words[:-1])):
            if before != after:
                word = b.select(self._reaches(name, column.mask, cut.starts[k]), lookup.I64(after), word)
        present = self._present(name)
        return word if present is None else b.select(present, word, lookup.I64(words[-1]))

    def _look_up(self, column: Column, name: str) -> ir.Value:
        """A row of the table holds the words of all columns of a field for one interval."""
        columns = self._tables[column.field, column.mask]
        row = self._b.mul(self._interval(name, column.mask), lookup.I64(len(columns)))
        return lookup.load(self._b, self._table(column), self._b.add(row, lookup.I64(columns.index(column))))

    def _table(self, column: Column) -> ir.Value:
        key = ("table", column.field, column.mask)
        if key not in self._written:
            words = np.array([c.words for c in self._tables[column.field, column.mask]], np.uint64)
            self._written[key] = lookup.table(self._module, np.ascontiguousarray(words.T), lookup.I64)
        return self._written[key]

    def _interval(self, name: str, mask: int) -> ir.Value:
        key = ("interval", name, mask)
        if key not in self._written:
            cut, present = self._cut(name, mask), self._present(name)
            number = lookup.interval(self._b, self._value(name, mask), cut)
            self._written[key] = number if present is None else self._b.select(present, number, lookup.I64(cut.missing))
        return self._written[key]

    def _reaches(self, name: str, mask: int, start: int) -> ir.Value:
        key = ("reaches", name, mask, start)
        if key not in self._written:
            value = self._value(name, mask)
            self._written[key] = self._b.icmp_unsigned(">=", value, value.type(start))
        return self._written[key]

    def _present(self, name: str) -> ir.Value | None:
        needs = SOURCES[name].needs
        if not needs:
            return None
        key = ("present", needs)
        if key not in self._written:
            bit = self._b.and_(self._read("flags", 32), lookup.I32(needs))
            self._written[key] = self._b.icmp_unsigned("!=", bit, lookup.I32(0))
        return self._written[key]

    def _value(self, name: str, mask: int) -> ir.Value:
        key = ("value", name, mask)
        if key not in self._written:
            value = self._unmasked(name)
            self._written[key] = self._b.and_(value, value.type(mask)) if mask else value
        return self._written[key]

    def _unmasked(self, name: str) -> ir.Value:
        b, source = self._b, SOURCES[name]
        if source.bits == 128:
            high = b.zext(self._read(source.column, 64), lookup.I128)
            low = b.zext(self._read(source.column.replace("_hi", "_lo"), 64), lookup.I128)
            return b.or_(b.shl(high, lookup.I128(64)), low)
        if name == "fragment":
            bits = b.and_(b.trunc(b.lshr(self._read("flags", 32), lookup.I32(_FRAGMENT_SHIFT)), lookup.I8), lookup.I8(15))
            later = b.and_(b.lshr(bits, lookup.I8(1)), lookup.I8(1))
            return b.and_(bits, b.not_(later))  # any fragment that is not a later one is the first
        value = self._read(source.column, source.bits)
        return b.lshr(value, lookup.I8(2)) if name == "dscp" else value

    def _read(self, column: str, bits: int) -> ir.Value:
        key = ("read", column, bits)
        if key not in self._written:
            pointer = self._b.gep(self._record, [lookup.I64(offset(column))])
            self._written[key] = self._b.load(self._b.bitcast(pointer, ir.IntType(bits).as_pointer()), align=1)
        return self._written[key]

    def _cut(self, name: str, mask: int) -> Cut:
        return self._cuts[SOURCES[name].domain, mask]

    def _lay_out(self, planes: Planes) -> None:
        columns = [*planes.must]
        for clause in planes.clauses:
            columns += [*clause.any_of, *(c for _, group in clause.groups for c in group)]
        for column in columns:
            if _needs_table(column):
                of_field = self._tables.setdefault((column.field, column.mask), [])
                if column not in of_field:
                    of_field.append(column)

    def _is_dear(self, column: Column) -> bool:
        """It takes a search to find the interval."""
        return _needs_table(column) and SOURCES[EITHER.get(column.field, (column.field,))[0]].bits > 16


def _needs_table(column: Column) -> bool:
    return column.changes > MAX_STEPS
