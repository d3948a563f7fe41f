"""Kernels of the encoder: sorted observations to groups of one flow at one point each, as many as fit."""

import numpy as np
from numba import njit

from tmon_common.kernels.varint import octets_of, zigzag
from tmon_common.kernels.varint import write as write_number
from tmon_common.pdu.one_way import rice
from tmon_common.pdu.one_way.layout import (
    ALL_PRESENT,
    CONSTANT,
    EXTRA,
    FLOW,
    HAS_OPTIONAL,
    LAST,
    MAX_RANKED,
    OCTETS,
    OPTIONAL,
    POINT,
    RANKED,
    SIGNATURE,
    TIME,
)

_ABSENT = np.iinfo(np.int64).min
COLUMNS = 2 + OPTIONAL  # times, sizes, optional ones: rows of the matrices below
_TIMES, _SIZES, _OPTIONAL = 0, 1, 2
RANKS = 1 << 16  # sizes below that may be ranked
assert EXTRA == LAST + 1

# what is known of a column of the group at hand: places in a row of the plan
_COUNT, _BASE, _PARAMETER, _MODE = range(4)
PLANS = 4


@njit(cache=True, nogil=True)
def _prepare(words, start, n, resolution_ns, sizes, columns):
    """Fills columns (int64 (COLUMNS, >= n)) from words[start:start + n], one group: differences of the times, sizes (0: absent,
    else one more), optional times less the time of their row, ABSENT where there are none. In units of the resolution.
    """
    before = np.int64(0)
    for i in range(n):
        time = words[start + i, TIME] // resolution_ns
        columns[_TIMES, i] = time - before
        before = time
        if sizes:
            octets = words[start + i, OCTETS]
            columns[_SIZES, i] = 0 if octets == _ABSENT else octets + 1
        for c in range(OPTIONAL):
            value = words[start + i, LAST + c]
            columns[_OPTIONAL + c, i] = _ABSENT if value == _ABSENT else value // resolution_ns - time


@njit(cache=True, nogil=True)
def _dense(values, first, n, packed):
    """Copies what is present of values[first:n] (int64) to packed (uint64). Returns (how many, the smallest)."""
    count, least = 0, np.int64(0)
    for i in range(first, n):
        value = values[i]
        if value == _ABSENT:
            continue
        if count == 0 or value < least:
            least = value
        packed[count] = np.uint64(value)
        count += 1
    return np.int64(count), least


@njit(cache=True, nogil=True)
def _plan_column(values, first, n, packed, plan):
    """Chooses base and parameter for what is present of values[first:n]. Returns the bits in the stream, without a bitmap."""
    count, least = _dense(values, first, n, packed)
    parameter, bits = rice.best(packed, count, np.uint64(least))
    plan[_COUNT], plan[_BASE], plan[_PARAMETER], plan[_MODE] = count, least, parameter, 0
    return bits


@njit(cache=True, nogil=True)
def _rank(sizes, n, counts, ranked):
    """Lists the different values of sizes[:n] in ranked (int64 (MAX_RANKED,)), the most frequent first. Returns how many there are,
    0 when too many or too large. counts (int64 (RANKS,)) holds 0 before; after, how often each that is listed occurs.
    """
    different = 0
    for i in range(n):
        size = sizes[i]
        if size >= RANKS or (counts[size] == 0 and different == MAX_RANKED):
            for d in range(different):
                counts[ranked[d]] = 0
            return np.int64(0)
        if counts[size] == 0:
            ranked[different] = size
            different += 1
        counts[size] += 1
    for d in range(1, different):
        size = ranked[d]
        at = d
        while at > 0 and counts[ranked[at - 1]] < counts[size]:
            ranked[at] = ranked[at - 1]
            at -= 1
        ranked[at] = size
    return np.int64(different)


@njit(cache=True, nogil=True)
def _plan_sizes(sizes, n, packed, counts, ranked, plan):
    """Chooses how sizes[:n] are told. Returns (octets of the head, bits in the stream). With RANKED, plan's base is how many are
    listed.
    """
    bits = _plan_column(sizes, 0, n, packed, plan)
    head = 1 + octets_of(zigzag(plan[_BASE]))
    if bits == n and plan[_PARAMETER] == 0:  # all equal the base
        plan[_MODE] = CONSTANT
        return head, np.int64(0)
    different = _rank(sizes, n, counts, ranked)
    if different == 0:
        return head, bits
    listed = 1 + octets_of(np.uint64(different))
    parameter, fewest = np.int64(0), np.int64(-1)
    for k in range(7):
        taken = np.int64(0)
        for d in range(different):
            taken += counts[ranked[d]] * rice.bits_of(np.uint64(d), k)
        if fewest < 0 or taken < fewest:
            parameter, fewest = np.int64(k), taken
    for d in range(different):
        listed += octets_of(np.uint64(ranked[d]))
        counts[ranked[d]] = 0
    if 8 * listed + fewest < 8 * head + bits:
        plan[_PARAMETER], plan[_MODE], plan[_BASE] = parameter, RANKED, different
        return listed, fewest
    return head, bits


@njit(cache=True, nogil=True)
def _plan(n, signature_octets, sizes, columns, packed, counts, ranked, plans):
    """Plans (int64 (COLUMNS, PLANS)) the first n rows of the group. Returns octets, without what stands before its first time."""
    head, bits = np.int64(1), np.int64(0)
    bits += _plan_column(columns[_TIMES], 1, n, packed, plans[_TIMES])
    if n > 1:
        head += octets_of(zigzag(plans[_TIMES, _BASE]))
    if sizes:
        size_head, size_bits = _plan_sizes(columns[_SIZES], n, packed, counts, ranked, plans[_SIZES])
        head += size_head
        bits += size_bits
    optional = False
    for c in range(_OPTIONAL, COLUMNS):
        bits += _plan_column(columns[c], 0, n, packed, plans[c])
        if plans[c, _COUNT]:
            optional = True
            head += 1 + octets_of(zigzag(plans[c, _BASE]))
            if plans[c, _COUNT] < n:
                bits += n
    if optional:
        head += 1
    return head + n * signature_octets + ((bits + 7) >> 3)


@njit(cache=True, nogil=True)
def _write_head(out, at, sizes, n, ranked, plans):
    """Writes what is told of the columns. Returns the end."""
    present = 0
    for c in range(OPTIONAL):
        if plans[_OPTIONAL + c, _COUNT]:
            present |= 1 << c
    out[at] = plans[_TIMES, _PARAMETER] | (HAS_OPTIONAL if present else 0)
    at += 1
    if n > 1:
        at = write_number(out, at, zigzag(plans[_TIMES, _BASE]))
    if sizes:
        mode, base = plans[_SIZES, _MODE], plans[_SIZES, _BASE]
        out[at] = CONSTANT if mode == CONSTANT else mode | plans[_SIZES, _PARAMETER]
        at += 1
        if mode == RANKED:
            at = write_number(out, at, np.uint64(base))
            for d in range(base):
                at = write_number(out, at, np.uint64(ranked[d]))
        else:
            at = write_number(out, at, zigzag(base))
    if present:
        out[at] = present
        at += 1
        for c in range(_OPTIONAL, COLUMNS):
            count = plans[c, _COUNT]
            if count:
                out[at] = plans[c, _PARAMETER] | (ALL_PRESENT if count == n else 0)
                at = write_number(out, at + 1, zigzag(plans[c, _BASE]))
    return at


@njit(cache=True, nogil=True)
def _write_sizes(out, bit, n, sizes, counts, ranked, plan):
    """Writes sizes[:n] as planned, at a bit. Returns the end."""
    mode = plan[_MODE]
    if mode == CONSTANT:
        return bit
    if mode == RANKED:
        for d in range(plan[_BASE]):
            counts[ranked[d]] = d
    for i in range(n):
        value = counts[sizes[i]] if mode == RANKED else sizes[i] - plan[_BASE]
        bit = rice.write(out, bit, np.uint64(value), plan[_PARAMETER])
    if mode == RANKED:
        for d in range(plan[_BASE]):
            counts[ranked[d]] = 0
    return bit


@njit(cache=True, nogil=True)
def _write_group(words, start, n, out, at, signature_octets, sizes, columns, counts, ranked, plans):
    """Writes the n rows planned, from their parameters on. Returns the end."""
    at = _write_head(out, at, sizes, n, ranked, plans)
    for i in range(start, start + n):
        signature = words[i, SIGNATURE]
        for octet in range(signature_octets):
            out[at] = np.uint8((signature >> (8 * (signature_octets - 1 - octet))) & 255)
            at += 1
    bit = 8 * at
    for i in range(1, n):
        bit = rice.write(out, bit, np.uint64(columns[_TIMES, i]) - np.uint64(plans[_TIMES, _BASE]), plans[_TIMES, _PARAMETER])
    if sizes:
        bit = _write_sizes(out, bit, n, columns[_SIZES], counts, ranked, plans[_SIZES])
    for c in range(_OPTIONAL, COLUMNS):
        if plans[c, _COUNT] == 0:
            continue
        if plans[c, _COUNT] < n:
            for i in range(n):
                bit = rice.put(out, bit, np.uint64(1 if columns[c, i] != _ABSENT else 0), 1)
        for i in range(n):
            if columns[c, i] != _ABSENT:
                bit = rice.write(out, bit, np.uint64(columns[c, i]) - np.uint64(plans[c, _BASE]), plans[c, _PARAMETER])
    return (bit + 7) >> 3


@njit(cache=True, nogil=True)
def encode(words, start, most, resolution_ns, signature_octets, sizes, max_octets, base, out, columns, packed, counts, ranked,
           plans):
    """As many rows as fit in max_octets, but at most `most`, from words[start] on, written into out.

    words       int64 (n, WORDS), ordered by flow, point and time, all values within the limits of `layout`
    base        units of the resolution since 1970, where the first group's time counts from
    out         uint8, at least max_octets
    columns (int64 (COLUMNS, m)), packed (uint64 (m,)), counts (int64 (RANKS,), all 0, and so again at return), ranked (int64
    (MAX_RANKED,)), plans (int64 (COLUMNS, PLANS)): room to work in, m at least `most`
    Returns (rows, octets).
    """
    total = len(words)
    row, at = start, np.int64(0)
    flow, reference = np.int64(0), np.int64(base)
    while row < total and row - start < most:
        n = 1
        limit = min(total - row, most - (row - start), (max_octets - at) // signature_octets)
        while n < limit and words[row + n, FLOW] == words[row, FLOW] and words[row + n, POINT] == words[row, POINT]:
            n += 1
        first = words[row, TIME] // resolution_ns
        before = octets_of(np.uint64(words[row, FLOW] - flow)) + 1 + octets_of(zigzag(first - reference))
        room = max_octets - at - before
        _prepare(words, row, n, resolution_ns, sizes, columns)
        fitting = _longest(n, room, signature_octets, sizes, columns, packed, counts, ranked, plans)
        if fitting == 0:
            break
        at = write_number(out, at, np.uint64(words[row, FLOW] - flow))
        out[at] = words[row, POINT]
        at = write_number(out, at + 1, np.uint64(fitting - 1))
        at = write_number(out, at, zigzag(first - reference))
        at = _write_group(words, row, fitting, out, at, signature_octets, sizes, columns, counts, ranked, plans)
        flow, reference = words[row, FLOW], first
        row += fitting
        if fitting < n:
            break
    return np.int64(row - start), at


@njit(cache=True, nogil=True)
def _longest(n, room, signature_octets, sizes, columns, packed, counts, ranked, plans):
    """How many of n rows fit in so many octets, their number included; they are planned then."""
    fits, fails = 0, n + 1
    trial = n
    while fails - fits > 1:
        octets = octets_of(np.uint64(trial - 1)) + _plan(trial, signature_octets, sizes, columns, packed, counts, ranked, plans)
        if octets <= room:
            fits = trial
        else:
            fails = trial
        trial = (fits + fails) >> 1
    if fits and fits != n:
        _plan(fits, signature_octets, sizes, columns, packed, counts, ranked, plans)
    return np.int64(fits)
