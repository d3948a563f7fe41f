"""How many octets the same rows take in IPFIX messages (RFC 7011) and as compressed JSON."""

from __future__ import annotations

import gzip
import json

import numpy as np

from tmon_common.observations import ABSENT, Column, Rows, Type

MESSAGE_OCTETS, SET_OCTETS = 16, 4
"""Headers of a message and of a set, RFC 7011 sections 3.1 and 3.3.2."""
_MAPPED = 0xFFFF


def ipfix(rows: Rows, max_octets: int, *, reduced: bool = False) -> int:
    """Octets of data messages of at most max_octets, templates left out.

    Types as the IANA registry has them (unsigned64, dateTimeNanoseconds, ipv4Address or ipv6Address, string of variable length).
    reduced: integers in the fewest octets (1, 2, 4 or 8) that hold the largest of the column, and durations in 4 (section 6.2).
    """
    each = np.zeros(len(rows), np.int64)
    for column in rows.kind.expanded:
        each += _ipfix_octets(rows, column, reduced=reduced)
    total = filled = 0
    for octets in each.tolist():
        if not filled or filled + octets > max_octets:
            total += MESSAGE_OCTETS + SET_OCTETS
            filled = MESSAGE_OCTETS + SET_OCTETS
        filled += octets
        total += octets
    return total


def json_gzip(rows: Rows) -> int:
    """Octets of one JSON object a row, empty values left out, all compressed together."""
    at = {c.name: rows.kind.word_of(c.name) for c in rows.kind.expanded}
    words = rows.words.tolist()
    lines = [json.dumps({c.name: rows.strings[w[at[c.name]]] if c.type is Type.STRING else w[at[c.name]]
                         for c in rows.kind.expanded if w[at[c.name]] != ABSENT}) for w in words]
    return len(gzip.compress("\n".join(lines).encode()))


def _ipfix_octets(rows: Rows, column: Column, *, reduced: bool) -> np.ndarray | int:
    at = rows.kind.word_of(column.name)
    values = rows.words[:, at]
    if column.type is Type.STRING:
        lengths = np.array([min(len(s.encode()), 65535) for s in rows.strings] or [0])
        octets = np.where(values == ABSENT, 0, lengths[np.where(values == ABSENT, 0, values)])
        return octets + np.where(octets < 255, 1, 3)
    if column.type is Type.ADDRESS:
        low = rows.words[:, at + 1]
        return np.where((values == 0) & (low >> 32 == _MAPPED), 4, 16)
    if not reduced or column.type is Type.TIME:
        return 8
    if column.type is Type.DURATION:
        return 4
    largest = int(np.abs(values[values != ABSENT]).max(initial=0))
    return next(n for n in (1, 2, 4, 8) if largest < 1 << 8 * n)
