"""Tables, derived from the observation declarations. Nothing here knows an engine: a backend writes each `Storage` its way.

A kind becomes, by its columns:

- definitions (`Kind.permanent`): one table of its name, one row per key. `flow_definition` becomes the table `flow`, which
  gives every (probe, run, flow) the number `flow_key` by which all other tables refer to it.
- counters (any column that merges): at each granularity a rollup `<kind>_1min`, `<kind>_1h`, `<kind>_1day`.
- single records (all others): one table of its name, one row per observation.

A rollup of a kind with SAMPLE columns is a view over two tables, because most of its rows hold one sample, whose sum, minimum
and maximum are the same number: `<rollup>_single` keeps the samples themselves, `<rollup>_merged` the statistics of several.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from tmon_common.observations import FLOW_DEFINITION, SOURCE_COLUMNS, Column, Kind, Merge, Type

MINUTE_NS = 60_000_000_000
GRANULARITIES = {"1min": MINUTE_NS, "1h": 60 * MINUTE_NS, "1day": 1440 * MINUTE_NS}
"""Suffix of the table: length of its intervals, which start at multiples of it (UTC), ns."""

FLOW_IDENTITY = ("probe", "run", "flow")
SAMPLE_LIMIT = 1 << 53
"""Largest magnitude of a sample that is loaded: sums of squares over a day of them stay within 128 bits at one a second."""
KEY_TEXT_LIMIT = 190
"""Characters of text in a key: servers limit the octets of keys, and three such texts have to fit."""


class Storage(Enum):
    """How a value is kept in the database."""

    INTEGER = "integer"  # 64 bits, signed
    WIDE = "wide"  # 38 decimal digits, exact: sums, sums of squares
    TEXT = "text"  # of any length
    NAME = "name"  # text in a key, of at most KEY_TEXT_LIMIT characters
    ADDRESS = "address"  # text of an IP address
    TIME = "time"  # UTC, whole seconds are enough
    TIME_NS = "time_ns"  # UTC, ns


_STORAGE = {Type.INTEGER: Storage.INTEGER, Type.DURATION: Storage.INTEGER, Type.RATIO: Storage.INTEGER, Type.TIME: Storage.TIME_NS,
            Type.ADDRESS: Storage.ADDRESS, Type.STRING: Storage.TEXT}


@dataclass(frozen=True)
class Field:
    """A column of a table. merge: sum, minimum or maximum where rows of one key are merged, else empty."""

    name: str
    storage: Storage
    merge: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the database.

    key     fields whose values together occur in one row only; empty: no such promise
    time    the field that says when a row was, by which old rows are purged; empty for what does not age
    span    how much time lies together in the tables of engines that keep such pieces apart: "day" or "month"
    """

    name: str
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    time: str = ""
    span: str = "day"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f.name for f in self.fields)


@dataclass(frozen=True)
class Rollup:
    """A kind at one granularity. What is asked is `name`; it is a view if `single` is not None, else the table `merged`.

    length_ns   of its intervals
    samples     SAMPLE columns, as they stand in files
    single      key and samples of the rows that hold one sample, or None
    merged      key, `population` and statistics; merge of every field but the key
    """

    kind: Kind
    name: str
    length_ns: int
    samples: tuple[Column, ...]
    single: Table | None
    merged: Table


def is_counted(kind: Kind) -> bool:
    """Whether rows of the kind merge over time."""
    return not kind.permanent and any(c.merge not in (Merge.KEY, Merge.ATTRIBUTE) for c in kind.expanded)


def has_flow(kind: Kind) -> bool:
    """Whether rows of the kind are about a flow."""
    return "flow" in kind.dtype.names


def flow_table() -> Table:
    """Descriptions of the flows; all but the identity is empty as long as the definition has not arrived."""
    described = tuple(_field(c) for c in FLOW_DEFINITION.expanded if c.name != "flow")
    identity = tuple(_field(c) for c in SOURCE_COLUMNS)
    return Table("flow", (Field("flow_key", Storage.INTEGER), *identity, Field("flow", Storage.INTEGER), *described),
                 FLOW_IDENTITY)


def manifest_table() -> Table:
    """Files that were loaded: rows and manifest row arrive in one transaction. rejected: rows that were refused."""
    return Table("loaded_file", (
        Field("name", Storage.NAME), Field("kind", Storage.TEXT), Field("rows", Storage.INTEGER),
        Field("rejected", Storage.INTEGER), Field("octets", Storage.INTEGER),
        Field("sha256", Storage.TEXT), Field("loaded", Storage.TIME)), ("name",))


def record_table(kind: Kind) -> Table:
    """Table of a kind whose rows stand for themselves: definitions, single records."""
    source = (Field("flow_key", Storage.INTEGER),) if has_flow(kind) else tuple(_field(c) for c in SOURCE_COLUMNS)
    columns = [c for c in kind.expanded if c.name != "flow"]
    key = (*(f.name for f in source), *(c.name for c in columns if c.merge is Merge.KEY)) if kind.permanent else ()
    times = [c.name for c in columns if c.type is Type.TIME and not c.nullable and (not key or c.name in key)]
    return Table(kind.name, (*source, *(_field(c) for c in columns)), key, times[0] if times else "")


def loaded_tables(kinds: Iterable[Kind]) -> tuple[list[Table], list[Rollup]]:
    """All that the loader fills with observations of these kinds."""
    kept = [k for k in kinds if not k.transient]
    plain = [record_table(k) for k in kept if not is_counted(k) and k is not FLOW_DEFINITION]
    return [flow_table(), manifest_table(), *plain], [r for k in kept if is_counted(k) for r in rollups(k)]


def rollups(kind: Kind) -> list[Rollup]:
    """Rollups of a counted kind, finest first. ValueError if names that the kind chose collide with derived ones."""
    return [_rollup(kind, f"{kind.name}_{suffix}", length_ns) for suffix, length_ns in GRANULARITIES.items()]


def _rollup(kind: Kind, name: str, length_ns: int) -> Rollup:
    samples = tuple(c for c in kind.expanded if c.merge is Merge.SAMPLE)
    others = tuple(c for c in kind.expanded if c.merge in (Merge.SUM, Merge.MINIMUM, Merge.MAXIMUM))
    key = (Field("flow_key", Storage.INTEGER), Field("start", Storage.TIME),
           *(_field(c) for c in kind.expanded if c.merge is Merge.KEY and c.name not in ("flow", "start")))
    key_names = tuple(f.name for f in key)
    merged = [Field("population", Storage.WIDE, "sum")] if samples else []
    for column in samples:
        merged += [Field(f"{column.name}_population", Storage.WIDE, "sum")] if column.nullable else []
        merged += [Field(f"{column.name}_sum", Storage.WIDE, "sum"), Field(f"{column.name}_sum_of_squares", Storage.WIDE, "sum"),
                   Field(f"{column.name}_minimum", Storage.INTEGER, "minimum"),
                   Field(f"{column.name}_maximum", Storage.INTEGER, "maximum")]
    merged += [Field(c.name, Storage.WIDE if c.merge is Merge.SUM else Storage.INTEGER, c.merge.value) for c in others]
    span = "month" if length_ns == GRANULARITIES["1day"] else "day"
    table = Table(f"{name}_merged" if samples else name, (*key, *merged), key_names, "start", span)
    if len(set(table.names)) < len(table.names):
        msg = f"{kind.name}: a column has the name of a derived one, as population or <sample>_sum"
        raise ValueError(msg)
    single = Table(f"{name}_single", (*key, *(_field(c) for c in (*samples, *others))), key_names, "start", span)
    return Rollup(kind, name, length_ns, samples, single if samples else None, table)


def _field(column: Column) -> Field:
    if column.type is Type.STRING and column.merge is Merge.KEY:
        return Field(column.name, Storage.NAME)
    return Field(column.name, _STORAGE[column.type])
