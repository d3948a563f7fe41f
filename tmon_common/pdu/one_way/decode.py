"""Payloads of one-way observations back to rows. Whatever the octets are: rows, or a fault."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from tmon_common.kernels.varint import read as read_number
from tmon_common.kernels.varint import unzigzag
from tmon_common.observations import ABSENT
from tmon_common.pdu.error import PduError
from tmon_common.pdu.one_way import rice
from tmon_common.pdu.one_way.form import RESOLUTIONS_NS, SIGNATURE_OCTETS, Form
from tmon_common.pdu.one_way.layout import (
    ALL_PRESENT,
    CONSTANT,
    ENDED,
    FLAGS,
    FLOW,
    HAS_OPTIONAL,
    LAST,
    MAX_FLOW,
    MAX_OBSERVATIONS,
    MAX_POINT,
    MAX_RANKED,
    MAX_SIZE,
    OCTETS,
    OPTIONAL,
    PARAMETER,
    POINT,
    RANKED,
    SIGNATURE,
    SIZES,
    TIME,
    TIME_LIMIT_NS,
    VERSION,
    WATERMARK,
    WORDS,
)

_ABSENT = np.iinfo(np.int64).min
_CUT, _TOO_MANY, _RANGE, _MODE, _PADDING = -1, -2, -3, -4, -5
_FAULTS = {_CUT: "ends before its last number", _TOO_MANY: "more observations than a PDU may have", _RANGE: "a number out of range",
           _MODE: "unknown way to tell a column", _PADDING: "bits left over"}


class Block(NamedTuple):
    """A payload. words: int64 (n, ONE_WAY_OBSERVATION.words) by flow, point and time; signatures without the octets that did not
    travel, times rounded down.

    sequence        number of the PDU among those of its class, run and collector
    watermark_ns    observations before it are in PDUs up to this sequence; ABSENT: not known
    ended           nothing more comes of this class in this run
    """

    form: Form
    sequence: int
    watermark_ns: int
    ended: bool
    words: np.ndarray


def decode(content: bytes, start: int, end: int, rows: int | None = None) -> Block:
    """The payload content[start:end]. rows: how many the header of the PDU says there are.

    PduError("payload") when anything is amiss, also a number of rows that is not `rows`.
    """
    data = np.frombuffer(content, np.uint8)
    if end - start < 2:
        raise PduError("payload", _FAULTS[_CUT])
    version, flags = content[start] >> 4, content[start] & 15
    exponent, signature_octets = content[start + 1] >> 4, content[start + 1] & 15
    if version != VERSION or flags & ~FLAGS:
        raise PduError("payload", f"one-way version {version}, flags {flags}")
    if exponent >= len(RESOLUTIONS_NS) or signature_octets not in SIGNATURE_OCTETS:
        raise PduError("payload", f"resolution {exponent}, signatures of {signature_octets} octets")
    sequence, at = _read(data, start + 2, end)
    length, at = _read(data, at, end)
    if length > end - at:
        raise PduError("payload", _FAULTS[_CUT])
    try:
        name = content[at : at + length].decode()
    except UnicodeDecodeError as error:
        raise PduError("payload", "the name of the class is not UTF-8") from error
    form = Form(name, signature_octets, RESOLUTIONS_NS[exponent], bool(flags & SIZES))
    if sequence >> 62:
        raise PduError("payload", _FAULTS[_RANGE])
    limit = TIME_LIMIT_NS // form.resolution_ns
    base, at = _read_time(data, at + length, end, 0, limit)
    watermark_ns = ABSENT
    if flags & WATERMARK:
        watermark, at = _read_time(data, at, end, base, limit)
        watermark_ns = watermark * form.resolution_ns
    most = min(MAX_OBSERVATIONS, (end - at) // signature_octets)
    if rows is not None and rows > most:
        raise PduError("payload", f"{rows} rows in {end - at} octets")
    words = np.empty((most, WORDS), np.int64)
    count = _groups(data, at, end, form.resolution_ns, signature_octets, form.sizes, base, words, np.empty(MAX_RANKED, np.int64))
    if count < 0:
        raise PduError("payload", _FAULTS[count])
    if rows is not None and rows != count:
        raise PduError("payload", f"{count} rows instead of {rows}")
    return Block(form, sequence, watermark_ns, bool(flags & ENDED), words[:count].copy())


def _read(data: np.ndarray, at: int, end: int) -> tuple[int, int]:
    number, after = read_number(data, at, end)
    if after < 0:
        raise PduError("payload", _FAULTS[_CUT])
    return int(number), int(after)


def _read_time(data: np.ndarray, at: int, end: int, reference: int, limit: int) -> tuple[int, int]:
    """(units of the resolution, position after them)."""
    number, after = _read(data, at, end)
    units = reference + (number >> 1 ^ -(number & 1))
    if not -limit <= units <= limit:
        raise PduError("payload", _FAULTS[_RANGE])
    return units, after


@njit(cache=True, nogil=True)
def _signed(data, at, end):
    """(int64, position after it) of a zigzag number; position -1 when it is cut."""
    number, at = read_number(data, at, end)
    return unzigzag(number), at


@njit(cache=True, nogil=True)
def _groups(data, at, end, resolution_ns, signature_octets, sizes, base, out, ranked):
    """Reads data[at:end] into out (int64 (m, WORDS)); ranked: int64 (MAX_RANKED,), room to work in. Returns rows, or a fault."""
    row, flow, reference = np.int64(0), np.int64(0), np.int64(base)
    limit = np.int64(TIME_LIMIT_NS // resolution_ns)
    while at < end:
        number, at = read_number(data, at, end)
        if at < 0 or at >= end:
            return np.int64(_CUT)
        if number > np.uint64(MAX_FLOW - flow):
            return np.int64(_RANGE)
        flow += np.int64(number)
        point = np.int64(data[at])
        if point == 0 or point > MAX_POINT:
            return np.int64(_RANGE)
        number, at = read_number(data, at + 1, end)
        if at < 0:
            return np.int64(_CUT)
        if number >= np.uint64(len(out) - row):
            return np.int64(_TOO_MANY)
        n = np.int64(number) + 1
        first, at = _signed(data, at, end)
        if at < 0:
            return np.int64(_CUT)
        if first < -limit - reference or first > limit - reference:
            return np.int64(_RANGE)
        reference += first
        at = _group(data, at, end, n, resolution_ns, signature_octets, sizes, flow, point, reference, out, row, ranked)
        if at < 0:
            return at
        row += n
    return row


@njit(cache=True, nogil=True)
def _group(data, at, end, n, resolution_ns, signature_octets, sizes, flow, point, first, out, row, ranked):
    """Reads a group from its parameters on, into out[row:row + n], where there is room. Returns the end, or a fault."""
    parameters = np.zeros(1 + OPTIONAL, np.int64)  # octets as they stand; of times, then of optional columns
    bases = np.zeros(1 + OPTIONAL, np.int64)
    if at >= end:
        return np.int64(_CUT)
    parameters[0] = data[at]
    at += 1
    if parameters[0] & 128 or parameters[0] & PARAMETER > rice.MAX_PARAMETER:
        return np.int64(_MODE)
    if n > 1:
        bases[0], at = _signed(data, at, end)
        if at < 0:
            return np.int64(_CUT)
    size_mode, size_base = np.int64(CONSTANT), np.int64(0)
    if sizes:
        size_mode, size_base, at = _read_size_head(data, at, end, ranked)
        if at < 0:
            return at
    present, at = _read_optional_heads(data, at, end, parameters, bases)
    if at < 0:
        return at
    if end - at < n * signature_octets:
        return np.int64(_CUT)
    at = _read_signatures(data, at, n, signature_octets, flow, point, out, row)
    bit, last_bit = 8 * at, 8 * end
    bit = _read_times(data, bit, last_bit, n, resolution_ns, first, parameters[0] & PARAMETER, bases[0], out, row)
    if bit >= 0 and sizes:
        bit = _read_sizes(data, bit, last_bit, n, size_mode, size_base, ranked, out, row)
    for c in range(OPTIONAL):
        if bit >= 0 and present >> c & 1:
            bit = _read_optional(data, bit, last_bit, n, resolution_ns, parameters[1 + c], bases[1 + c], out, row, LAST + c)
    if bit < 0:
        return bit
    if bit & 7 and data[bit >> 3] >> (bit & 7):
        return np.int64(_PADDING)
    return (bit + 7) >> 3


@njit(cache=True, nogil=True)
def _read_optional_heads(data, at, end, parameters, bases):
    """Fills parameters[1:] and bases[1:]. Returns (bits that tell which optional columns there are, position after, or a fault)."""
    if not parameters[0] & HAS_OPTIONAL:
        return np.int64(0), np.int64(at)
    if at >= end:
        return np.int64(0), np.int64(_CUT)
    present = np.int64(data[at])
    at += 1
    if present >> OPTIONAL:
        return present, np.int64(_MODE)
    for c in range(OPTIONAL):
        if present >> c & 1:
            if at >= end:
                return present, np.int64(_CUT)
            parameters[1 + c] = data[at]
            if parameters[1 + c] & 128 or parameters[1 + c] & PARAMETER > rice.MAX_PARAMETER:
                return present, np.int64(_MODE)
            bases[1 + c], at = _signed(data, at + 1, end)
            if at < 0:
                return present, np.int64(_CUT)
    return present, np.int64(at)


@njit(cache=True, nogil=True)
def _read_size_head(data, at, end, ranked):
    """(octet that tells how, base or how many are listed, position after); the position is a fault when below 0."""
    if at >= end:
        return np.int64(0), np.int64(0), np.int64(_CUT)
    mode = np.int64(data[at])
    if mode & PARAMETER > rice.MAX_PARAMETER or (mode & CONSTANT and mode != CONSTANT):
        return mode, np.int64(0), np.int64(_MODE)
    if not mode & RANKED:
        base, at = _signed(data, at + 1, end)
        if at < 0:
            return mode, base, np.int64(_CUT)
        if base < 0 or base > MAX_SIZE + 1:
            return mode, base, np.int64(_RANGE)
        return mode, base, at
    number, at = read_number(data, at + 1, end)
    if at < 0:
        return mode, np.int64(0), np.int64(_CUT)
    if number == np.uint64(0) or number > np.uint64(MAX_RANKED):
        return mode, np.int64(0), np.int64(_RANGE)
    listed = np.int64(number)
    for d in range(listed):
        number, at = read_number(data, at, end)
        if at < 0:
            return mode, listed, np.int64(_CUT)
        if number > np.uint64(MAX_SIZE + 1):
            return mode, listed, np.int64(_RANGE)
        ranked[d] = np.int64(number)
    return mode, listed, at


@njit(cache=True, nogil=True)
def _read_signatures(data, at, n, signature_octets, flow, point, out, row):
    """Fills the rows, what may be absent being absent. Returns the end."""
    for i in range(row, row + n):
        signature = np.int64(0)
        for _ in range(signature_octets):
            signature = signature << 8 | np.int64(data[at])
            at += 1
        out[i, FLOW], out[i, POINT], out[i, SIGNATURE] = flow, point, signature
        out[i, OCTETS] = _ABSENT
        for c in range(OPTIONAL):
            out[i, LAST + c] = _ABSENT
    return at


@njit(cache=True, nogil=True)
def _read_times(data, bit, last_bit, n, resolution_ns, first, parameter, base, out, row):
    """Column `time`. Returns the end, or a fault."""
    limit = np.int64(TIME_LIMIT_NS // resolution_ns)
    units = first
    out[row, TIME] = units * resolution_ns
    for i in range(row + 1, row + n):
        number, bit = rice.read(data, bit, last_bit, parameter)
        if bit < 0:
            return np.int64(_CUT)
        step = number + np.uint64(base)
        if step > np.uint64(limit - units):
            return np.int64(_RANGE)
        units += np.int64(step)
        out[i, TIME] = units * resolution_ns
    return bit


@njit(cache=True, nogil=True)
def _read_sizes(data, bit, last_bit, n, mode, base, ranked, out, row):
    """Column `octets`. Returns the end, or a fault."""
    size = base
    for i in range(row, row + n):
        if mode != CONSTANT:
            number, bit = rice.read(data, bit, last_bit, mode & PARAMETER)
            if bit < 0:
                return np.int64(_CUT)
            if mode & RANKED:
                if number >= np.uint64(base):
                    return np.int64(_RANGE)
                size = ranked[np.int64(number)]
            else:
                if number > np.uint64(MAX_SIZE + 1 - base):
                    return np.int64(_RANGE)
                size = base + np.int64(number)
        out[i, OCTETS] = _ABSENT if size == 0 else size - 1
    return bit


@njit(cache=True, nogil=True)
def _read_optional(data, bit, last_bit, n, resolution_ns, parameter, base, out, row, column):
    """A column that only some rows have. Returns the end, or a fault."""
    limit = np.int64(TIME_LIMIT_NS // resolution_ns)
    marks = bit
    everywhere = parameter & ALL_PRESENT
    if not everywhere:
        if last_bit - bit < n:
            return np.int64(_CUT)
        bit += n
    for i in range(n):
        if not everywhere and not (data[(marks + i) >> 3] >> ((marks + i) & 7)) & 1:
            continue
        number, bit = rice.read(data, bit, last_bit, parameter & PARAMETER)
        if bit < 0:
            return np.int64(_CUT)
        units = np.int64(np.uint64(out[row + i, TIME] // resolution_ns) + np.uint64(base) + number)
        if units < -limit or units > limit:
            return np.int64(_RANGE)
        out[row + i, column] = units * resolution_ns
    return bit
