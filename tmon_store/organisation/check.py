"""What makes declarations an organisation: names that mean something, nothing said twice, a place for every own address."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tmon_common.config.problems import ProblemList
from tmon_store.organisation.model import INTERNET, UNKNOWN, Declaration, Organisation, format_range
from tmon_store.organisation.prefix_map import NONE

MAX_LABEL = 100
"""Characters of the name of an activity, a location, a host."""
_LAST = (1 << 128) - 1


def parse_label(text: str) -> str:
    """The name of an activity, a location or a host. ValueError tells what is wrong with it."""
    text = text.strip()
    if not text or len(text) > MAX_LABEL or not text.isprintable():
        raise ValueError(f"expected a name of 1 to {MAX_LABEL} printable characters")
    if text.casefold() in (INTERNET.casefold(), UNKNOWN):
        raise ValueError(f"expected another name: {INTERNET} and {UNKNOWN} stand for the addresses that are not declared")
    return text


def check(organisation: Organisation, problems: ProblemList) -> None:
    """Adds what is wrong with the declarations, by their lines."""
    if not organisation.declarations:
        problems.add(0, "", "declares no network and no host; expected at least one")
    _check_spelling(organisation.declarations, problems)
    _check_twice(organisation.declarations, problems)
    _check_complete(organisation, problems)


def _check_spelling(declarations: Sequence[Declaration], problems: ProblemList) -> None:
    """Two names that differ in the size of letters only are one name, misspelt."""
    for what in ("activity", "location"):
        first: dict[str, tuple[str, int]] = {}
        for d in declarations:
            label = getattr(d, what)
            known, line = first.setdefault(" ".join(label.casefold().split()), (label, d.line))
            if label != known:
                problems.add(d.line, "", f'{what} "{label}" is written "{known}" in line {line}; expected one way of writing it')


def _check_twice(declarations: Sequence[Declaration], problems: ProblemList) -> None:
    first: dict[tuple, Declaration] = {}
    for d in declarations:
        for what in ("activity", "location", "name"):
            label = getattr(d, what)
            if not label or (what == "name" and not d.is_host):
                continue
            known = first.setdefault((what, *d.ranges), d)
            if known is not d:
                problems.add(d.line, "", f"{d.prefix} has got its {what} in line {known.line} already, {getattr(known, what)};"
                                         " expected one declaration of it")


def _check_complete(organisation: Organisation, problems: ProblemList) -> None:
    """Every own address has both; told once for each declaration that leaves one out."""
    starts, (own, activity, location) = organisation.pieces()
    ends = [*(s - 1 for s in starts[1:]), _LAST]
    told: set[tuple[int, str]] = set()
    for what, default, found in (("activity", organisation.activity, activity), ("location", organisation.location, location)):
        for piece in np.flatnonzero((own != NONE) & (found == NONE)).tolist() if not default else ():
            index = int(own[piece])
            if (index, what) not in told:
                told.add((index, what))
                d = organisation.declarations[index]
                problems.add(d.line, "", f"{d.prefix}: {format_range(starts[piece], ends[piece])} has no {what}; expected one, said"
                                         " here, by a larger network that holds it, or for the whole organisation")
