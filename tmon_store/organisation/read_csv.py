"""An organisation as a table, as address managers and spreadsheets write it.

A header row with the columns prefix, activity, location and, if wanted, name, in any order; commas or semicolons between them.
Blank rows and rows that begin with # do not count.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from tmon_common.config.problems import ConfigurationError, Problem, ProblemList
from tmon_common.config.structure import nearest
from tmon_store.organisation.check import check, parse_label
from tmon_store.organisation.declaration import parse_network_or_host
from tmon_store.organisation.model import Declaration, Organisation

COLUMNS = ("prefix", "activity", "location", "name")
REQUIRED = COLUMNS[:3]
MAX_OCTETS = 64 << 20
MAX_ROWS = 500_000


def read_csv(path: Path) -> Organisation:
    """As read_organisation. There are no defaults: a row 10.0.0.0/8 says what counts for all that is longer and does not say it."""
    problems = ProblemList(path)
    rows = _rows(_text(path), problems)
    line, header = next(rows, (0, []))
    _check_header(line, [h.lower() for h in header], problems)
    problems.raise_if_any()
    header = [h.lower() for h in header]
    declarations = []
    for line, row in rows:
        if len(declarations) == MAX_ROWS:
            problems.add(line, "", f"has more than {MAX_ROWS} rows; expected larger networks")
            break
        if len(row) != len(header):
            problems.add(line, "", f"{len(row)} fields; expected {len(header)}: {', '.join(header)}")
            continue
        declaration = _declaration(line, dict(zip(header, row, strict=True)), problems)
        if declaration:
            declarations.append(declaration)
    problems.raise_if_any()
    organisation = Organisation(declarations, path=path)
    check(organisation, problems)
    problems.raise_if_any()
    return organisation


def _declaration(line: int, fields: dict[str, str], problems: ProblemList) -> Declaration | None:
    def value(name: str, parse: Callable[[str], str]) -> str:
        text = fields.get(name, "")
        if not text and name != "prefix":
            return ""
        try:
            return parse(text)
        except ValueError as error:
            problems.add(line, "", f"{name} {text!r}: {error}")
            return ""

    prefix = value("prefix", parse_network_or_host)
    labels = [value(name, parse_label) for name in COLUMNS[1:]]
    return Declaration(prefix, *labels, line) if prefix else None


def _check_header(line: int, header: list[str], problems: ProblemList) -> None:
    for name in header:
        if name not in COLUMNS:
            problems.add(line, "", f'unknown column "{name}"{nearest(name, COLUMNS)}')
        elif header.count(name) > 1:
            problems.add(line, "", f'column "{name}" comes twice')
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        problems.add(line, "", f"the header lacks {', '.join(missing)}; expected {','.join(COLUMNS)}")


def _rows(text: str, problems: ProblemList) -> Iterator[tuple[int, list[str]]]:
    """(line where it begins, fields without blanks around them) of the rows that count."""
    first = next((li for li in text.splitlines() if li.strip() and not li.lstrip().startswith("#")), "")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first and "," not in first else ",", strict=True)
    begins = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(begins, "", f"not a row of CSV: {error}")
            problems.raise_if_any()
        fields = [f.strip() for f in row]
        if any(fields) and not fields[0].startswith("#"):
            yield begins, fields
        begins = reader.line_num + 1


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_OCTETS + 1)
        if len(data) > MAX_OCTETS:
            raise ConfigurationError([Problem(path, 0, "", f"is larger than {MAX_OCTETS >> 20} MiB; no organisation is")])
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError([Problem(path, 0, "", f"cannot be read: {error.strerror or error}")]) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError([Problem(path, line, "", "is not UTF-8 here; expected text in UTF-8")]) from None
