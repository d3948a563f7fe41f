"""Kernels of the codec: rows of int64 words, column by column, in as few octets as a handful of modes allow.

A matrix is coded as its modes, four bits a column (the first column in the low half of the first octet), followed by the
columns one after the other. Numbers are varints of zigzag (kernels/varint.py); differences wrap at 64 bits. A bitmap has a bit
a row, the first row in the lowest bit of the first octet; a set bit marks a row whose value follows.
"""

import numpy as np
from numba import njit

from tmon_common.kernels.varint import octets_of, read, unzigzag, write, zigzag

# modes of a column: what follows for it
ALL_ABSENT = 0  # nothing: every row is ABSENT
ALL_ZERO = 1  # nothing: every row is 0
SAME = 2  # one number
PLAIN = 3  # a number a row
DELTA = 4  # the first number, then differences to the row before
PRESENT_SAME = 5  # bitmap, one number: rows marked have it, others are ABSENT
PRESENT_PLAIN = 6  # bitmap, a number for each row marked, others are ABSENT
PRESENT_DELTA = 7  # bitmap, first number and differences between rows marked, others are ABSENT
NONZERO_SAME = 8  # bitmap, one number: rows marked have it, others are 0
NONZERO_PLAIN = 9  # bitmap, a number for each row marked, others are 0
CHANGES = 10  # bitmap, differences: a row marked differs by so much from the row before, the others are as it is
PRESENT_CHANGES = 11  # bitmap of rows that are not ABSENT, then of these as CHANGES
MODES = 12

_ABSENT = np.iinfo(np.int64).min

# what is known of a column while rows are added: places in a row of the state matrix
_PRESENT, _ZEROS, _FIRST, _LAST, _SAME, _PLAIN, _DELTA, _NONZERO, _NONZERO_SAME, _CHANGES = range(10)
_STATES = 10

_BLOCK = 16  # rows tried first

BAD_STRING = -1  # encode: an index outside the string table
CUT = -2  # decode: ends before its last number
BAD_MODE = -3  # decode: a mode that does not exist
BAD_INDEX = -4  # decode: an index outside the string table
TRAILING = -5  # decode: octets left over


@njit(cache=True, nogil=True)
def _learn(words, start, end, c, local, is_string, known):
    """Adds the values of words[start:end, c] to what is known (int64 (_STATES,)) of the column."""
    present, zeros, plain, delta = known[_PRESENT], known[_ZEROS], known[_PLAIN], known[_DELTA]
    last, same, nonzero, nonzero_same = known[_LAST], known[_SAME], known[_NONZERO], known[_NONZERO_SAME]
    changes = known[_CHANGES]
    octets = octets_of(zigzag(last))
    for r in range(start, end):
        value = words[r, c]
        if value == _ABSENT:
            continue
        if is_string:
            value = local[value]
        if present == 0:
            known[_FIRST] = value
            octets = octets_of(zigzag(value))
            delta = octets
            changes = octets if value != 0 else np.int64(0)
        elif value == last:
            delta += 1
        else:
            same = 0
            octets = octets_of(zigzag(value))
            change = octets_of(zigzag(value - last))
            delta += change
            changes += change
        last = value
        present += 1
        plain += octets
        if value == 0:
            zeros += 1
        elif nonzero == 0:
            nonzero = value
        elif nonzero != value:
            nonzero_same = 0
    known[_PRESENT], known[_ZEROS], known[_PLAIN], known[_DELTA] = present, zeros, plain, delta
    known[_LAST], known[_SAME], known[_NONZERO], known[_NONZERO_SAME] = last, same, nonzero, nonzero_same
    known[_CHANGES] = changes


@njit(cache=True, nogil=True)
def _choose(known, rows):
    """(mode, octets) that code the `rows` values of a column in the fewest octets. More rows never take fewer octets."""
    present, zeros, plain, delta = known[_PRESENT], known[_ZEROS], known[_PLAIN], known[_DELTA]
    bitmap = (rows + 7) >> 3
    if present == 0:
        return ALL_ABSENT, np.int64(0)
    if present < rows:
        if known[_SAME]:
            return PRESENT_SAME, bitmap + octets_of(zigzag(known[_FIRST]))
        mode, octets = PRESENT_PLAIN, plain
        if delta < octets:
            mode, octets = PRESENT_DELTA, delta
        changes = ((present + 7) >> 3) + known[_CHANGES]
        if changes < octets:
            mode, octets = PRESENT_CHANGES, changes
        return mode, bitmap + octets
    if zeros == rows:
        return ALL_ZERO, np.int64(0)
    if known[_SAME]:
        return SAME, octets_of(zigzag(known[_FIRST]))
    mode, octets = PLAIN, plain
    if delta < octets:
        mode, octets = DELTA, delta
    if zeros:
        if known[_NONZERO_SAME]:
            sparse, sparse_octets = NONZERO_SAME, bitmap + octets_of(zigzag(known[_NONZERO]))
        else:
            sparse, sparse_octets = NONZERO_PLAIN, bitmap + plain - zeros
        if sparse_octets < octets:
            mode, octets = sparse, sparse_octets
    if bitmap + known[_CHANGES] < octets:
        mode, octets = CHANGES, bitmap + known[_CHANGES]
    return mode, octets


@njit(cache=True, nogil=True)
def _number_strings(words, start, end, c, string_octets, local, used, strings):
    """Gives numbers to the strings that words[start:end, c] use for the first time in this PDU.

    Returns (strings, octets they add to the table); strings is BAD_STRING for an index out of range, above len(used) when full.
    """
    octets = np.int64(0)
    for r in range(start, end):
        value = words[r, c]
        if value == _ABSENT:
            continue
        if value < 0 or value >= len(local):
            return np.int64(BAD_STRING), octets
        if local[value] < 0:
            if strings == len(used):
                return np.int64(len(used) + 1), octets
            local[value] = strings
            used[strings] = value
            strings += 1
            octets += octets_of(np.uint64(string_octets[value])) + string_octets[value]
    return strings, octets


@njit(cache=True, nogil=True)
def _forget_strings(local, used, start, end):
    """Takes back the numbers of used[start:end]."""
    for s in range(start, end):
        local[used[s]] = -1


@njit(cache=True, nogil=True)
def _write_changes(words, start, rows, c, mode, local, is_string, out, at):
    """Writes column c as CHANGES or PRESENT_CHANGES. Returns the end."""
    present = 0
    if mode == PRESENT_CHANGES:
        marks = at
        at += (rows + 7) >> 3
        out[marks:at] = 0
        for i in range(rows):
            if words[start + i, c] != _ABSENT:
                out[marks + (i >> 3)] |= np.uint8(1 << (i & 7))
                present += 1
    else:
        present = rows
    bitmap = at
    at += (present + 7) >> 3
    out[bitmap:at] = 0
    last, seen = np.int64(0), 0
    for i in range(rows):
        value = words[start + i, c]
        if value == _ABSENT:
            continue
        if is_string:
            value = local[value]
        if value != last:
            out[bitmap + (seen >> 3)] |= np.uint8(1 << (seen & 7))
            at = write(out, at, zigzag(value - last))
            last = value
        seen += 1
    return at


@njit(cache=True, nogil=True)
def _write_column(words, start, rows, c, mode, local, is_string, out, at):
    """Writes column c of words[start:start + rows]; the room was computed by `_choose`. Returns the end."""
    if mode <= ALL_ZERO:
        return at
    if mode >= CHANGES:
        return _write_changes(words, start, rows, c, mode, local, is_string, out, at)
    skipped = _ABSENT if mode < NONZERO_SAME else np.int64(0)
    bitmap = at
    if mode >= PRESENT_SAME:
        at += (rows + 7) >> 3
        out[bitmap:at] = 0
    same = mode in (SAME, PRESENT_SAME, NONZERO_SAME)
    delta = mode in (DELTA, PRESENT_DELTA)
    last = np.int64(0)
    written = 0
    for i in range(rows):
        value = words[start + i, c]
        if is_string and value != _ABSENT:
            value = local[value]
        if mode >= PRESENT_SAME:
            if value == skipped:
                continue
            out[bitmap + (i >> 3)] |= np.uint8(1 << (i & 7))
        if same and written:
            if mode == SAME:
                break
            continue
        at = write(out, at, zigzag(value - last))
        written += 1
        if delta:
            last = value
    return at


@njit(cache=True, nogil=True)
def _write(words, start, rows, modes, local, is_string, used, string_octets, blob, blob_start, out):
    """Writes the string table and words[start:start + rows] in the modes chosen. Returns how many octets that took."""
    at = np.int64(0)
    if rows == 0:
        return at
    for s in used:
        at = write(out, at, np.uint64(string_octets[s]))
        for i in range(string_octets[s]):
            out[at] = blob[blob_start[s] + i]
            at += 1
    w = len(modes)
    for c in range(0, w, 2):
        out[at] = modes[c]
        if c + 1 < w:
            out[at] |= np.uint8(modes[c + 1] << 4)
        at += 1
    for c in range(w):
        at = _write_column(words, start, rows, c, modes[c], local, is_string[c], out, at)
    return at


@njit(cache=True, nogil=True)
def encode(words, start, is_string, string_octets, blob, blob_start, local, max_octets, max_rows, max_strings, out):
    """As many rows as fit in max_octets, from words[start] on, written into out: the string table, then the columns.

    words           int64 (n, w)
    is_string       uint8 (w,): 1 where words are indexes in the string table of the caller
    string_octets   int64 (s,): length of each string; blob: uint8, the strings; blob_start: int64 (s,), where each begins
    local           int64 (s,), all -1, and so again at return: number of each string in this PDU
    out             uint8, at least max_octets
    Returns (rows, octets, strings); rows is 0 when the first one does not fit, BAD_STRING when an index is out of range.
    """
    n, w = words.shape
    end = min(n, start + max_rows)
    known = np.zeros((w, _STATES), np.int64)
    known[:, _SAME] = 1
    known[:, _NONZERO_SAME] = 1
    before = known.copy()
    modes = np.zeros(w, np.uint8)
    trial_modes = np.zeros(w, np.uint8)
    used = np.empty(max_strings, np.int64)
    strings, table = np.int64(0), np.int64(0)
    rows = 0
    most = max_rows  # rows to try at most; halved when they do not fit
    left = max_octets
    while most and start + rows < end:
        first = start + rows
        # If the next ones take as much as those before, nearly as many as still fit: every trial costs a call a column.
        likely = left * rows // max(1, max_octets - left) * 15 // 16 if rows else _BLOCK
        last = min(end, first + max(1, min(most, likely)))
        trial_strings, trial_table = strings, table
        for c in range(w):
            if is_string[c]:
                numbered, octets = _number_strings(words, first, last, c, string_octets, local, used, trial_strings)
                if numbered < 0:
                    local[:] = -1
                    return BAD_STRING, 0, 0
                trial_strings = numbered
                trial_table += octets
                if trial_strings > max_strings:
                    break
        fits = trial_strings <= max_strings
        if fits:
            total = trial_table + ((w + 1) >> 1)
            for c in range(w):
                _learn(words, first, last, c, local, is_string[c], known[c])
                trial_modes[c], octets = _choose(known[c], np.int64(last - start))
                total += octets
            fits = total <= max_octets
        if fits:
            rows = last - start
            left = max_octets - total
            strings, table = trial_strings, trial_table
            before[:] = known
            modes, trial_modes = trial_modes, modes
        else:
            _forget_strings(local, used, strings, min(trial_strings, max_strings))
            known[:] = before
            most = (last - first) >> 1

    at = _write(words, start, rows, modes, local, is_string, used[:strings], string_octets, blob, blob_start, out)
    _forget_strings(local, used, 0, strings)
    return rows, at, strings


@njit(cache=True, nogil=True)
def _read_changes(data, at, end, mode, rows, out, row, c):
    """Reads column c, CHANGES or PRESENT_CHANGES, into out[row:row + rows, c]. Returns the position after it, or CUT."""
    marks, present = at, rows
    if mode == PRESENT_CHANGES:
        at += (rows + 7) >> 3
        if at > end:
            return np.int64(CUT)
        present = 0
        for i in range(rows):
            present += (data[marks + (i >> 3)] >> (i & 7)) & 1
    bitmap = at
    at += (present + 7) >> 3
    if at > end:
        return np.int64(CUT)
    value, seen = np.int64(0), 0
    for i in range(rows):
        if mode == PRESENT_CHANGES and not (data[marks + (i >> 3)] >> (i & 7)) & 1:
            out[row + i, c] = _ABSENT
            continue
        if (data[bitmap + (seen >> 3)] >> (seen & 7)) & 1:
            number, at = read(data, at, end)
            if at < 0:
                return np.int64(CUT)
            value += unzigzag(number)
        seen += 1
        out[row + i, c] = value
    return at


@njit(cache=True, nogil=True)
def _read_column(data, at, end, mode, rows, out, row, c):
    """Reads column c into out[row:row + rows, c], which is all zeros. Returns the position after it, or CUT."""
    if mode == ALL_ZERO:
        return at
    if mode == ALL_ABSENT:
        for i in range(rows):
            out[row + i, c] = _ABSENT
        return at
    if mode >= CHANGES:
        return _read_changes(data, at, end, mode, rows, out, row, c)
    fill = _ABSENT if mode < NONZERO_SAME else np.int64(0)
    bitmap = at
    marked = mode >= PRESENT_SAME
    if marked:
        at += (rows + 7) >> 3
        if at > end:
            return np.int64(CUT)
    same = mode in (SAME, PRESENT_SAME, NONZERO_SAME)
    delta = mode in (DELTA, PRESENT_DELTA)
    value = np.int64(0)
    seen = False
    for i in range(rows):
        if marked and not (data[bitmap + (i >> 3)] >> (i & 7)) & 1:
            out[row + i, c] = fill
            continue
        if not (same and seen):
            if at < end and data[at] < 128:  # most numbers take one octet
                number, at = np.uint64(data[at]), at + 1
            else:
                number, at = read(data, at, end)
                if at < 0:
                    return np.int64(CUT)
            value = value + unzigzag(number) if delta else unzigzag(number)
            seen = True
        out[row + i, c] = value
    return at


@njit(cache=True, nogil=True)
def decode(data, at, end, rows, sent_words, strings, is_string, string_starts, string_octets, out, row):
    """Reads rows from data[at:end] (uint8) into out[row:row + rows] (int64, known words wide).

    sent_words      columns in the data: more than out has are passed over, missing ones become ABSENT
    strings         entries of the string table: their places go into string_starts and string_octets (int64, at least that long)
    is_string       uint8 (known words,): 1 where words must be ABSENT or below `strings`
    Returns the position of the end of what was read, or CUT, BAD_MODE, BAD_INDEX, TRAILING; then the rows hold anything.
    """
    for s in range(strings):
        number, at = read(data, at, end)
        if at < 0 or number > np.uint64(end - at):
            return np.int64(CUT)
        string_starts[s] = at
        string_octets[s] = np.int64(number)
        at += np.int64(number)
    modes = at
    at += (sent_words + 1) >> 1
    if at > end:
        return np.int64(CUT)
    known = out.shape[1]
    out[row : row + rows] = 0  # one row after the other; column by column it takes longer
    for c in range(min(sent_words, known)):
        mode = (data[modes + (c >> 1)] >> (4 * (c & 1))) & 15
        if mode >= MODES:
            return np.int64(BAD_MODE)
        at = _read_column(data, at, end, mode, rows, out, row, c)
        if at < 0:
            return at
        if is_string[c]:
            for i in range(rows):
                value = out[row + i, c]
                if value != _ABSENT and (value < 0 or value >= strings):
                    return np.int64(BAD_INDEX)
    for c in range(sent_words, known):
        for i in range(rows):
            out[row + i, c] = _ABSENT
    if sent_words <= known and at != end:
        return np.int64(TRAILING)
    return at
