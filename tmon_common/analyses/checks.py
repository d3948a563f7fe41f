"""What a declaration of others must be for everything that derives from it to work: PDUs, files, tables, documents.

Every check raises ValueError, which says what is wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from tmon_common.analyses.declaration import AnalysisDeclaration, Option
from tmon_common.observations import SOURCE_COLUMNS, Column, Kind, Merge, Type
from tmon_common.pdu.contents import MAX_WORDS

FIRST_PLUGIN_KIND, LAST_KIND = 0x8000, 0xFFFF
HISTOGRAM_UNITS = ("", "octets", "ns")
NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""Of analyses, kinds, columns and options: what XML, CSV, file names and SQL take as it is. With what tables add, 63 characters."""
GRANULARITIES, PARTS = ("1min", "1h", "1day"), ("", "_single", "_merged", "_rows")
"""What the names of derived tables end in, see tmon_store.schema."""
STATISTICS = ("population", "sum", "sum_of_squares", "minimum", "maximum")
OTHER_TABLES = frozenset({"flow", "loaded_file", "ip_info", "ip_info_mark", "protocol_port", "ftp_data_flow", "volume_1h",
                          "volume_1day"})
WORKING = "working_"
"""What names of tables begin with in which a program keeps rows for itself; an administrator drops them all at once."""
MAX_NAME = 64
"""Characters of a name in a server [MariaDB, Identifier Names: Maximum Length]."""
MAX_KEY_OCTETS = 3072
"""Of a key there [InnoDB, Limitations], where a character takes up to four."""
_KEY_OCTETS = {Type.STRING: 4 * 190 + 2, Type.ADDRESS: 4 * 45 + 2}
MAX_SAMPLES = 120
"""Columns of a kind that are sampled: an InnoDB row of their statistics, 65 octets each, fits in half a page of 16 KiB."""
NS_SUFFIX = "_ns"
"""Of the column that a server has beside each time."""
_TAKEN_COLUMNS = frozenset({*(c.name for c in SOURCE_COLUMNS), "flow_key"})
_COUNTED = (Merge.SAMPLE, Merge.SUM, Merge.MINIMUM, Merge.MAXIMUM)
_ANALYSER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", re.ASCII)


def check_declaration(declared: AnalysisDeclaration) -> None:
    """Name, options, place of the analyser; not its kinds."""
    _check_name("analysis", declared.name)
    if not isinstance(declared.analyser, str) or not _ANALYSER.fullmatch(declared.analyser):
        raise ValueError(f'its analyser is {declared.analyser!r}; expected "package.module:Class"')
    if declared.histogram_unit not in HISTOGRAM_UNITS:
        raise ValueError(f'its histogram is in "{declared.histogram_unit}"; expected octets, ns, or "" for none')
    for what, members, wanted in (("options", declared.options, Option), ("kinds", declared.kinds, Kind)):
        if not isinstance(members, tuple) or not all(isinstance(m, wanted) for m in members):
            raise ValueError(f"its {what} are {members!r}; expected a tuple of {wanted.__name__}")
    _check_once("option", (o.name for o in declared.options))
    for option in declared.options:
        _check_name("option", option.name)
        try:
            option.read(option.default)
        except ValueError as error:
            raise ValueError(f'the default "{option.default}" of its option {option.name} is none: {error}') from None


def check_place(declared: AnalysisDeclaration, module: str) -> None:
    """Of a plug-in. module: where its declaration stands.

    What is compiled is kept until a file of that package changes (tmon_common.kernels.cache): kernels elsewhere might be run as
    they once were.
    """
    package, place = module.partition(".")[0], declared.analyser.partition(":")[0].partition(".")[0]
    if place != package:
        raise ValueError(f"its analyser {declared.analyser} lies outside of the package {package} of its declaration; expected "
                         "both in one package")


def check_kind(kind: Kind, known: Iterable[Kind]) -> None:
    """A kind of a plug-in beside those known."""
    _check_name("kind of observation", kind.name)
    for other in known:
        if other.name == kind.name:
            raise ValueError(f"there is a kind of observation {kind.name} already")
        if other.number == kind.number:
            raise ValueError(f"kind {kind.name} has the number {kind.number:#x} of {other.name}")
        if tables_of(kind.name) & tables_of(other.name):
            raise ValueError(f"tables of the kind {kind.name} would have names that those of {other.name} have")
    if kind.name in OTHER_TABLES or tables_of(kind.name) & OTHER_TABLES:
        raise ValueError(f"there is a table {kind.name} already; expected another name of the kind")
    if kind.name.startswith(WORKING):
        raise ValueError(f"kind {kind.name}: tables whose names begin with {WORKING} do not last; expected another name")
    if not isinstance(kind.number, int) or not FIRST_PLUGIN_KIND <= kind.number <= LAST_KIND:
        raise ValueError(f"kind {kind.name} has the number {kind.number}; expected {FIRST_PLUGIN_KIND:#x} to {LAST_KIND:#x}")
    try:
        check_columns(kind)
    except ValueError as error:
        raise ValueError(f"kind {kind.name}: {error}") from None


def tables_of(kind: str) -> set[str]:
    """Names of every table and view that a kind of that name may have."""
    return {kind, *(f"{kind}_{g}{part}" for g in GRANULARITIES for part in PARTS)}


def check_columns(kind: Kind) -> None:
    """Names, types and merges of a kind."""
    if not isinstance(kind.columns, tuple) or not kind.columns or not all(isinstance(c, Column) for c in kind.columns):
        raise ValueError("expected a tuple of Column, at least one")
    for column in kind.columns:
        _check_name("column", column.name)
        _check_column(column)
    _check_once("column", (c.name for c in kind.expanded))
    if taken := _TAKEN_COLUMNS & {c.name for c in kind.expanded}:
        raise ValueError(f"column {min(taken)}: every table has one of that name already")
    _check_for_servers(kind)
    if kind.words > MAX_WORDS:
        raise ValueError(f"its rows have {kind.words} words; expected at most {MAX_WORDS} (an address takes two, all others one)")
    by_name = {c.name: c for c in kind.expanded}
    flow = by_name.get("flow")
    if flow and (flow.type is not Type.INTEGER or flow.merge is not Merge.KEY):
        raise ValueError("column flow is the number of the flow: expected Type.INTEGER and Merge.KEY")
    if not kind.permanent and any(c.merge in _COUNTED for c in kind.columns):
        start = by_name.get("start")
        if flow is None or start is None or start.type is not Type.TIME or start.merge is not Merge.KEY:
            raise ValueError("columns that are summed up over time need flow and start; expected *FLOW_INTERVAL in front")
        _check_once("column or derived column", _merged_names(kind))


def _check_for_servers(kind: Kind) -> None:
    """What their tables take, whose limits are narrower than those of files."""
    names = {c.name for c in kind.expanded}
    for column in kind.expanded:
        derived = column.name + ("_sum_of_squares" if column.merge is Merge.SAMPLE else "")
        if len(derived) > MAX_NAME:
            raise ValueError(f"column {column.name}: with what tables and directions add, its name has {len(derived)} characters; "
                             f"{MAX_NAME} is the most")
        if column.type is Type.TIME and column.name + NS_SUFFIX in names:
            raise ValueError(f"column {column.name}{NS_SUFFIX}: the time {column.name} has one of that name beside it")
    samples = sum(c.merge is Merge.SAMPLE for c in kind.expanded)
    if samples > MAX_SAMPLES:
        raise ValueError(f"it has {samples} columns of samples; {MAX_SAMPLES} is the most")
    octets = sum(_KEY_OCTETS.get(c.type, 8) for c in (*SOURCE_COLUMNS, *kind.expanded) if c.merge is Merge.KEY)
    octets -= _KEY_OCTETS[Type.STRING] * ("flow" in names)  # of the probe: a number stands for it
    if octets > MAX_KEY_OCTETS and (kind.permanent or any(c.merge in _COUNTED for c in kind.columns)):
        raise ValueError(f"its key takes {octets} octets; {MAX_KEY_OCTETS} is the most (a text takes {_KEY_OCTETS[Type.STRING]}, "
                         f"an address {_KEY_OCTETS[Type.ADDRESS]})")


def _check_column(column: Column) -> None:
    what = f"column {column.name}"
    if not isinstance(column.type, Type) or not isinstance(column.merge, Merge):
        raise ValueError(f"{what} is of type {column.type!r}, merge {column.merge!r}; expected a Type and a Merge")
    if column.merge is Merge.KEY and column.nullable:
        raise ValueError(f"{what} is a key and may be empty; expected one of both")
    if column.merge in _COUNTED and column.type not in (Type.INTEGER, Type.DURATION):
        raise ValueError(f"{what}: a {column.type.value} cannot be merged by {column.merge.value}")
    if not isinstance(column.repeat, int) or not 0 <= column.repeat <= 99:
        raise ValueError(f"{what} is repeated {column.repeat} times; expected at most 99")


def _merged_names(kind: Kind) -> list[str]:
    """Columns of a table of several samples."""
    samples = [c.name for c in kind.expanded if c.merge is Merge.SAMPLE]
    others = [c.name for c in kind.expanded if c.merge not in (Merge.SAMPLE, Merge.ATTRIBUTE)]
    return [*others, *(["population"] if samples else []), *(f"{name}_{statistic}" for name in samples for statistic in STATISTICS)]


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"{what} {name!r}: expected a small letter, then up to 47 small letters, digits and _")


def _check_once(what: str, names: Iterable[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"{what} {name} stands there twice")
