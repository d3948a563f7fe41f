"""Kernels: fragments of a batch into their datagrams; what has waited too long; the batch with what comes of it."""

from numba import int64, njit, uint64

from tmon_probe import records as r
from tmon_probe.child.reassembly import layout
from tmon_probe.child.reassembly.contexts import (
    close_context,
    expire_context,
    find_context,
    finish_context,
    hold_record,
    insert_record,
    open_context,
    release_held,
    take_page,
)
from tmon_probe.child.reassembly.datagram import build_datagram
from tmon_probe.child.reassembly.octets import find_payload, place_octets

_FRAGMENT, _LATER, _MORE, _QUOTED, _EARLY = r.FRAGMENT, r.LATER_FRAGMENT, r.MORE_FRAGMENTS, r.QUOTED, r.EARLY_FRAGMENT
_NONE, _OPEN, _DONE, _OLDEST, _UNIT, _PAGE = layout.NONE, layout.OPEN, layout.DONE, layout.OLDEST, layout.UNIT, layout.PAGE
_LIFETIME, _LINGER, _MAX_IP, _HEADER_PAGE, _MAX_OCTETS = (
    layout.LIFETIME_NS, layout.LINGER_NS, layout.MAX_IP, layout.HEADER_PAGE, layout.MAX_OCTETS)
_IPV6_HEADERS = 48  # IPv6 header and fragment header: the length of the datagram counts neither
_MAX_PACKET = _IPV6_HEADERS + _MAX_IP
_WHOLE, _BY_TRANSPORT, _INSERTED, _OCTETS, _FREE_HELD = (
    layout.WHOLE, layout.BY_TRANSPORT, layout.INSERTED, layout.OCTETS, layout.FREE_HELD)
_REASSEMBLED, _DUPLICATE, _OVERLAP, _MALFORMED, _CUT = (
    layout.REASSEMBLED, layout.DUPLICATE, layout.OVERLAP, layout.MALFORMED, layout.CUT)
_GOOD_FRAGMENT, _CUT_FRAGMENT, _BAD_FRAGMENT = 0, 1, 2
_LAST_NS = int64((1 << 63) - 1)
_NO_CLASS, _EVERY_CLASS = uint64(0), uint64(0xFFFFFFFFFFFFFFFF)


@njit(cache=True, nogil=True)
def any_fragment(records):
    """Is any of the records (records.PACKET) that of a fragment?"""
    flags = 0
    for i in range(len(records)):
        flags |= int64(records[i].flags)
    return flags & _FRAGMENT != 0


@njit(cache=True, nogil=True, _nrt=False)
def reassemble(records, lanes, areas, first, t, out):
    """Fragments among the records (records.PACKET) from `first` on go into the tables t, what comes of them into `out`.

    lanes, areas    int16 (n,), uint8 (lanes, power of two): where octets lie, see FlowBatch
    Returns the first record not done: all are, or `out` lacks room for what may come of the next.
    """
    whole = t.masks[_WHOLE]
    for i in range(first, len(records)):
        flags = records[i].flags
        if flags & (_FRAGMENT | _QUOTED) != _FRAGMENT:
            continue
        if records[i].class_mask & whole == _NO_CLASS and not flags & _EARLY and t.state[_FREE_HELD] == len(t.held):
            continue
        held = len(t.held) - t.state[_FREE_HELD]
        if (out.filled[_INSERTED] + held + 3 > len(out.records) or out.filled[_OCTETS] + _MAX_OCTETS > len(out.octets)):
            return i
        _fragment(records, lanes, areas, i, t, out)
    return len(records)


@njit(cache=True, nogil=True, _nrt=False)
def _fragment(records, lanes, areas, i, t, out):
    """Record i into its datagram. When that is complete, it comes after the record, and after what this one sets free."""
    record = records[i]
    after = i + 1 if i + 1 < len(records) and records[i + 1].flags & _QUOTED else i
    early, is_first = record.flags & _EARLY != 0, record.flags & _LATER == 0
    if early:
        out.dropped[i] = 1
    c = _living_context(t, out, after, record)
    if not early and record.class_mask & t.masks[_WHOLE] == _NO_CLASS:
        _nobody_wants(t, out, after, c, record)
        return
    lane, start = int64(lanes[i]), int64(record.bytes_offset) & (areas.shape[1] - 1)
    verdict, body, named_at, offset, end = _measure(record, areas, lane, start)
    if verdict == _GOOD_FRAGMENT and c >= 0:
        verdict, c = _agree(record, areas, lane, start + body, offset, end, t, c)
    if verdict != _GOOD_FRAGMENT:
        t.state[_CUT if verdict == _CUT_FRAGMENT else _MALFORMED] += 1
    if c < 0 and verdict != _BAD_FRAGMENT:
        c = open_context(t, out, after, record)
    if c < 0 or t.contexts[c].state == _DONE:
        t.state[_DUPLICATE] += c >= 0 and verdict == _GOOD_FRAGMENT
        if early:
            insert_record(t, out, after, c, record)
        return
    x = t.contexts[c]
    claimed = record.class_mask & t.masks[_WHOLE] & (~t.masks[_BY_TRANSPORT] if early else _EVERY_CLASS)
    if claimed != _NO_CLASS:
        x.wanted = 1
    if verdict == _GOOD_FRAGMENT:
        _take(record, areas, lane, start, body, named_at, offset, end, t, out, after, c)
    if is_first and not x.has_first and verdict != _BAD_FRAGMENT:
        t.firsts[c] = record
        x.has_first = 1
        release_held(t, out, after, c)
    if early:
        if x.has_first:
            insert_record(t, out, after, c, record)
        else:
            hold_record(t, out, after, c, record)
    if x.covered * _UNIT >= x.total > 0:
        _complete(t, out, after, c, record.time_ns)


@njit(cache=True, nogil=True, _nrt=False)
def _living_context(t, out, after, record):
    """The context that the fragment's key leads to, or NONE: one that is too old for it ends."""
    c = find_context(t, record)
    if c >= 0:
        x = t.contexts[c]
        if x.state == _OPEN and abs(record.time_ns - x.started_ns) > _LIFETIME:
            expire_context(t, out, after, c)
            c = int64(_NONE)
        elif x.state == _DONE and abs(record.time_ns - x.done_ns) > _LINGER:
            close_context(t, c)
            c = int64(_NONE)
    return c


@njit(cache=True, nogil=True, _nrt=False)
def _nobody_wants(t, out, after, c, record):
    """No class wants the datagram of this fragment whole; if it is the first one, those that came before have waited for this."""
    if c >= 0 and record.flags & _LATER == 0 and not t.contexts[c].has_first:
        t.firsts[c] = record
        t.contexts[c].has_first = 1
        release_held(t, out, after, c)
        close_context(t, c)


@njit(cache=True, nogil=True, _nrt=False)
def _agree(record, areas, lane, start, offset, end, t, c):
    """Do the bounds of a good fragment agree with what is known of the datagram of context c? (verdict, context).

    The total length that came first counts, and nothing may lie beyond it. A complete datagram ends, and the fragment begins
    another one with the same identification, if it is not a duplicate, octet by octet.
    """
    x = t.contexts[c]
    total, more = int64(x.total), record.flags & _MORE != 0
    fits = end <= total if more else end == total
    if x.state == _DONE:
        if fits:
            _, _, same = place_octets(t, c, areas, lane, start, offset, end)
            fits = same != 0
        if not fits:
            close_context(t, c)
            return _GOOD_FRAGMENT, int64(_NONE)
    elif (total >= 0 and not fits) or (total < 0 and not more and end < x.end):
        return _BAD_FRAGMENT, c
    return _GOOD_FRAGMENT, c


@njit(cache=True, nogil=True, _nrt=False)
def _measure(record, areas, lane, start):
    """What the fragment at areas[lane, start:] covers: (verdict, octets before its payload, see find_payload, its offset, its end).

    Cut: it was not captured whole. Bad: nothing in it, more than an IP packet holds, headers too long or not to be found, a
    fragment within a fragment, or not the last and not a multiple of 8 octets long. Of IPv4 then, as in the Linux kernel, the
    octets up to that multiple count.
    """
    length = int64(record.ip_octets)
    if length > _MAX_PACKET:
        return _BAD_FRAGMENT, int64(0), int64(0), int64(0), int64(0)
    if record.bytes_length < length or start + length > areas.shape[1]:
        return _CUT_FRAGMENT, int64(0), int64(0), int64(0), int64(0)
    body, named_at = find_payload(areas, lane, start, start + length, record)
    offset = int64(record.fragment_offset) * _UNIT
    end = offset + length - body
    if record.flags & _MORE and record.ip_version == 4:
        end -= end % _UNIT
    before = body if record.ip_version == 4 else body - _IPV6_HEADERS
    if (body < 0 or body > _PAGE or end <= offset or before + end > _MAX_IP or (record.flags & _MORE and end % _UNIT)):
        return _BAD_FRAGMENT, int64(0), int64(0), int64(0), int64(0)
    return _GOOD_FRAGMENT, body, named_at, offset, end


@njit(cache=True, nogil=True, _nrt=False)
def _take(record, areas, lane, start, body, named_at, offset, end, t, out, after, c):
    """The octets of a good fragment into its pages, its header too if it is the first; what this tells into context c."""
    for number in range(offset // _PAGE, (end - 1) // _PAGE + 1):
        if t.pages[c, number] < 0:
            take_page(t, out, after, c, number)
    new, old, same = place_octets(t, c, areas, lane, start + body, offset, end)
    x = t.contexts[c]
    if offset == 0 and x.header == 0:
        take_page(t, out, after, c, _HEADER_PAGE)
        at = int64(t.pages[c, _HEADER_PAGE]) * _PAGE
        for k in range(body):
            t.pool[at + k] = areas[lane, start + k]
        x.header = body
        x.named_at = named_at
    if record.flags & _MORE == 0:
        x.total = end
    x.end = max(int64(x.end), end)
    if old:
        t.state[_OVERLAP if new or not same else _DUPLICATE] += 1
    if new:
        x.oldest_ns = min(x.oldest_ns, record.time_ns) if x.fragments else record.time_ns
        x.newest_ns = max(x.newest_ns, record.time_ns) if x.fragments else record.time_ns
        x.covered += new
        x.fragments += 1


@njit(cache=True, nogil=True, _nrt=False)
def _complete(t, out, after, c, time_ns):
    """All octets of the datagram of context c are there."""
    if build_datagram(t, out, after, c):
        t.state[_REASSEMBLED] += 1
        finish_context(t, c, time_ns)
    else:
        t.state[_MALFORMED] += 1
        close_context(t, c)


@njit(cache=True, nogil=True, _nrt=False)
def expire(t, out, now_ns):
    """Packet time has reached now_ns: give up what has waited too long, forget what has lingered."""
    c = int64(t.state[_OLDEST + _OPEN])
    while c >= 0 and now_ns - t.contexts[c].started_ns > _LIFETIME:
        expire_context(t, out, int64(0), c)
        c = int64(t.state[_OLDEST + _OPEN])
    c = int64(t.state[_OLDEST + _DONE])
    while c >= 0 and now_ns - t.contexts[c].done_ns > _LINGER:
        close_context(t, c)
        c = int64(t.state[_OLDEST + _DONE])


@njit(cache=True, nogil=True, _nrt=False)
def oldest_waiting(contexts, first, held, held_next):
    """Time of the oldest fragment in the contexts (layout.CONTEXT) of list OPEN from `first` on. Where several sources share a lane
    it is not always one of the datagram that was begun first."""
    oldest, c = _LAST_NS, int64(first)
    while c >= 0:
        x = contexts[c]
        oldest = min(oldest, x.started_ns, x.oldest_ns)
        h = int64(x.held_first)
        while h >= 0:
            oldest = min(oldest, held[h].time_ns)
            h = int64(held_next[h])
        c = int64(x.newer)
    return oldest


@njit(cache=True, nogil=True, _nrt=False)
def expire_all(t, out):
    """Nothing more comes."""
    while t.state[_OLDEST + _OPEN] >= 0:
        expire_context(t, out, int64(0), int64(t.state[_OLDEST + _OPEN]))
    while t.state[_OLDEST + _DONE] >= 0:
        close_context(t, int64(t.state[_OLDEST + _DONE]))


@njit(cache=True, nogil=True, _nrt=False)
def splice(words, lanes, inserted, after, dropped, count, new_words, new_lanes):
    """The records `words` (int64 (n, words of a record)) without those dropped, the first `count` of `inserted` between them.

    lanes       int16 (n,): an inserted record has the lane of the one it comes after
    dropped     uint8 (n,): set back to 0
    Returns how many are in new_words and new_lanes now.
    """
    written, taken = 0, 0
    for i in range(len(words)):
        if dropped[i]:
            dropped[i] = 0
        else:
            for word in range(words.shape[1]):
                new_words[written, word] = words[i, word]
            new_lanes[written] = lanes[i]
            written += 1
        while taken < count and after[taken] == i:
            for word in range(words.shape[1]):
                new_words[written, word] = inserted[taken, word]
            new_lanes[written] = lanes[i]
            written += 1
            taken += 1
    return written
