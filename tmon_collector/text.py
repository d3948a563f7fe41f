"""Kernels that write rows of int64 words as CSV text (RFC 4180, lines ended by LF)."""

import numpy as np
from numba import njit

# how the word(s) of a column are written
INTEGER = 0
SECONDS = 1  # ns as seconds with nine decimals
ADDRESS = 2  # two words: dotted when IPv4-mapped, else RFC 5952
STRING = 3  # what the string table has, quoted already where needed

WIDEST = (20, 21, 39, 0)  # octets of the widest value of each, strings apart

_ABSENT = np.iinfo(np.int64).min
_MAPPED = 0xFFFF
_MINUS, _ZERO, _POINT, _COLON, _COMMA, _NEWLINE = 45, 48, 46, 58, 44, 10


@njit(cache=True, nogil=True, inline="always")
def _write_number(out, at, number):
    """Decimal digits of a uint64. Returns the end."""
    ten = np.uint64(10)
    digits, limit = 1, ten
    while number >= limit and digits < 19:
        limit *= ten
        digits += 1
    if number >= limit:  # 20 digits: 10^20 has no place in a uint64
        digits += 1
    for i in range(at + digits - 1, at - 1, -1):
        rest = number // ten
        out[i] = _ZERO + np.uint8(number - rest * ten)
        number = rest
    return at + digits


@njit(cache=True, nogil=True, inline="always")
def _write_signed(out, at, value, seconds):
    """An int64, or with `seconds` that many ns as seconds with nine decimals. Returns the end."""
    if value < 0:
        out[at] = _MINUS
        at += 1
        number = np.uint64(0) - np.uint64(value)
    else:
        number = np.uint64(value)
    if not seconds:
        return _write_number(out, at, number)
    billion = np.uint64(1_000_000_000)
    whole = number // billion
    at = _write_number(out, at, whole)
    out[at] = _POINT
    rest = number - whole * billion
    for i in range(at + 9, at, -1):
        tenth = rest // np.uint64(10)
        out[i] = _ZERO + np.uint8(rest - tenth * np.uint64(10))
        rest = tenth
    return at + 10


@njit(cache=True, nogil=True)
def _write_group(out, at, group):
    """16 bits in lower-case hexadecimal without leading zeros. Returns the end."""
    started = False
    for shift in (12, 8, 4, 0):
        digit = (group >> shift) & 15
        if digit or started or shift == 0:
            started = True
            out[at] = digit + 48 if digit < 10 else digit + 87
            at += 1
    return at


@njit(cache=True, nogil=True)
def _write_address(out, at, high, low):
    """An address given as two int64. RFC 5952: the first longest run of two or more zero groups becomes `::`. Returns the end."""
    if high == 0 and (low >> 32) == _MAPPED:
        for shift in (24, 16, 8, 0):
            at = _write_number(out, at, np.uint64((low >> shift) & 255))
            out[at] = _POINT
            at += 1
        return at - 1
    groups = np.empty(8, np.int64)
    for i in range(4):
        groups[i] = (high >> (48 - 16 * i)) & 0xFFFF
        groups[4 + i] = (low >> (48 - 16 * i)) & 0xFFFF
    run_start, run_length, i = -1, 1, 0
    while i < 8:
        j = i
        while j < 8 and groups[j] == 0:
            j += 1
        if j - i > run_length:
            run_start, run_length = i, j - i
        i = j + 1
    i = 0
    while i < 8:
        if i == run_start:
            out[at] = _COLON
            out[at + 1] = _COLON
            at += 2
            i += run_length
            continue
        if i and i != run_start + run_length:
            out[at] = _COLON
            at += 1
        at = _write_group(out, at, groups[i])
        i += 1
    return at


@njit(cache=True, nogil=True, inline="always")
def _copy(out, at, blob, start, octets):
    """Copies blob[start:start + octets]. Returns the end."""
    for i in range(octets):
        out[at + i] = blob[start + i]
    return at + octets


@njit(cache=True, nogil=True)
def write_rows(words, forms, column_words, first, last, blob, starts, octets, source, table, out, at):
    """Writes rows words[first:last] as lines into out[at:]. Returns the end.

    forms, column_words     int64 (columns,): how each is written and where its (first) word is
    blob, starts, octets    uint8, int64, int64: texts
    source                  text that begins these lines (probe and run, comma included)
    table                   text that index 0 of string columns means
    out                     uint8; the caller has computed that everything fits
    """
    before = np.zeros(len(forms), np.int64)  # time of the row before, where its text begins and ends: times often stay the same
    begins = np.zeros(len(forms), np.int64)
    ends = np.zeros(len(forms), np.int64)
    for r in range(first, last):
        at = _copy(out, at, blob, starts[source], octets[source])
        for c in range(len(forms)):
            word = column_words[c]
            value = words[r, word]
            form = forms[c]
            if form == ADDRESS:
                if value != _ABSENT or words[r, word + 1] != _ABSENT:
                    at = _write_address(out, at, value, words[r, word + 1])
            elif value == _ABSENT:
                pass
            elif form == STRING:
                at = _copy(out, at, blob, starts[table + value], octets[table + value])
            elif form == INTEGER and value >= 0 and value < 10:
                out[at] = _ZERO + value
                at += 1
            elif form == INTEGER:
                at = _write_signed(out, at, value, False)
            elif value == before[c] and ends[c]:
                at = _copy(out, at, out, begins[c], ends[c] - begins[c])
            else:
                before[c], begins[c] = value, at
                at = _write_signed(out, at, value, True)
                ends[c] = at
            out[at] = _COMMA
            at += 1
        out[at - 1] = _NEWLINE
    return at


@njit(cache=True, nogil=True)
def write_blocks(words, forms, column_words, blocks, blob, starts, octets, out):
    """Writes blocks of rows, one behind the other; blocks: int64 (n, 4) of first row, last row, source, table."""
    at = 0
    for b in range(len(blocks)):
        at = write_rows(words, forms, column_words, blocks[b, 0], blocks[b, 1], blob, starts, octets, blocks[b, 2],
                        blocks[b, 3], out, at)
    return at
