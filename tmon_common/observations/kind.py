"""An observation kind: its columns, and the forms derived from them (memory layout, file header)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tmon_common.observations.column import Column, Merge, Type

SOURCE_COLUMNS = (
    Column("probe", Type.STRING, "name of the probe that observed", merge=Merge.KEY),
    Column("run", Type.INTEGER, "run of that probe: its start, ms since 1970-01-01 UTC", unit="ms", merge=Merge.KEY),
)
"""Stand first in every file; in PDUs they are in the header, once."""


@dataclass(frozen=True)
class Kind:
    """One kind of observation, declared once; codec, CSV header, tables and documents derive from it.

    number      identifies the kind in PDUs: 1 to 0x7fff here, 0x8000 and above for plug-ins
    columns     append-only: a collector of an older version skips the last ones, of a newer one leaves them empty
    permanent   definitions and the like: never given up by the retry regime
    transient   only travels from probes to collectors, which make others of it; no files, no tables
    """

    name: str
    number: int
    meaning: str
    columns: tuple[Column, ...]
    permanent: bool = False
    transient: bool = False

    @cached_property
    def expanded(self) -> tuple[Column, ...]:
        """Columns one by one, as they stand in memory, PDUs and files (files put SOURCE_COLUMNS before them)."""
        return tuple(c for column in self.columns for c in column.expanded())

    @cached_property
    def dtype(self) -> np.dtype:
        """Structured dtype of a row, every field made of int64 words (`<i8`, addresses two), nothing between them."""
        return np.dtype([(c.name, "<i8", (2,)) if c.type.words == 2 else (c.name, "<i8") for c in self.expanded])

    @cached_property
    def words(self) -> int:
        """Number of int64 words in a row."""
        return self.dtype.itemsize // 8

    @cached_property
    def header(self) -> tuple[str, ...]:
        """Column names of the CSV file and of the table of single observations."""
        return tuple(c.name for c in (*SOURCE_COLUMNS, *self.expanded))

    def word_of(self, name: str) -> int:
        """Position of a column's (first) word in a row. KeyError if the kind has no such column."""
        return self.dtype.fields[name][1] // 8


ABSENT = np.iinfo(np.int64).min
"""Every word of a nullable column that is empty. No count reaches it; as an address it would be 8000::8000:0:0:0, unassigned."""
