"""One column of an observation kind: its name, its type, what it means and how it merges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Type(Enum):
    """What the 64-bit word(s) of a column hold, and so how they are written as text.

    In memory and in PDUs every value is made of signed 64-bit words, so that one kernel packs every kind.
    """

    INTEGER = "integer"  # a count, a number, an identifier
    TIME = "time"  # ns since 1970-01-01 UTC; text: epoch seconds with nine decimals
    DURATION = "duration"  # ns; text: seconds with nine decimals
    RATIO = "ratio"  # billionths; text: a number with nine decimals
    ADDRESS = "address"  # two words, the 128 bits of an IPv6 address; IPv4 as ::ffff:a.b.c.d; text: RFC 5952 or dotted
    STRING = "string"  # index in the string table that travels with the rows

    @property
    def words(self) -> int:
        """Number of 64-bit words a value takes."""
        return 2 if self is Type.ADDRESS else 1

    @property
    def fractional(self) -> bool:
        """Written with nine decimals, kept in billionths."""
        return self in (Type.TIME, Type.DURATION, Type.RATIO)


class Merge(Enum):
    """How the values of several rows become one when rows are aggregated over time (rollups)."""

    KEY = "key"  # rows merge only where it is equal
    SAMPLE = "sample"  # each row is one sample: aggregates keep population, sum, sum of squares, min and max
    SUM = "sum"  # a population, a sum, a sum of squares or a bucket count: added
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    ATTRIBUTE = "attribute"  # describes; never aggregated


@dataclass(frozen=True)
class Column:
    """A column of an observation kind.

    name        IPFIX information element (RFC 7012) or IPPM term, in snake_case; unit in `unit`
    reverse     the same thing counted for the other direction of a bidirectional flow follows as `<name>_rev` (RFC 5103)
    nullable    may be empty: the granular flow does not hold the field, or the value does not exist
    repeat      that many numbered columns `<name>_01` ... instead of one
    """

    name: str
    type: Type
    meaning: str
    unit: str = ""
    merge: Merge = Merge.ATTRIBUTE
    reference: str = ""
    reverse: bool = False
    nullable: bool = False
    repeat: int = 0

    def expanded(self) -> list[Column]:
        """The columns as they stand in files: numbered ones written out, each followed by its reverse."""
        names = [f"{self.name}_{i:02d}" for i in range(1, self.repeat + 1)] if self.repeat else [self.name]
        columns = []
        for name in names:
            columns.append(replace(self, name=name, repeat=0, reverse=False))
            if self.reverse:
                meaning = f"{self.meaning}, reverse direction"
                columns.append(replace(self, name=f"{name}_rev", meaning=meaning, repeat=0, reverse=False))
        return columns
