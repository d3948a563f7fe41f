"""Kernels: the contexts of datagrams, their lists, their pages, and the records of early fragments that wait in them.

Arguments t and out are layout.Tables and layout.Output; `after` is where records go that this sets free.
"""

from numba import int64, njit, uint32, uint64

from tmon_common.kernels.keyed_hash import hash_word
from tmon_probe import records as r
from tmon_probe.child.reassembly import layout

_NONE, _FREE, _OPEN, _DONE, _OLDEST, _NEWEST = layout.NONE, layout.FREE, layout.OPEN, layout.DONE, layout.OLDEST, layout.NEWEST
_FREE_CONTEXTS, _FREE_PAGES, _FREE_HELD = layout.FREE_CONTEXTS, layout.FREE_PAGES, layout.FREE_HELD
_INCOMPLETE, _UNCLAIMED, _EVICTED, _NOT_HELD = layout.INCOMPLETE, layout.UNCLAIMED, layout.EVICTED, layout.NOT_HELD
_EVERY, _WHOLE, _BY_TRANSPORT, _INSERTED = layout.EVERY, layout.WHOLE, layout.BY_TRANSPORT, layout.INSERTED
_HAS_PORTS, _NOT_EARLY = r.HAS_PORTS, ~r.EARLY_FRAGMENT & 0xFFFFFFFF


@njit(cache=True, nogil=True, _nrt=False)
def find_context(t, record):
    """The context that a fragment (records.PACKET) belongs to, or NONE."""
    place, protocol = _key(record)
    c = int64(t.buckets[_bucket(t, record, place, protocol)])
    while c >= 0:
        x = t.contexts[c]
        if (x.src_lo == record.src_lo and x.dst_lo == record.dst_lo and x.place == place and x.src_hi == record.src_hi
                and x.dst_hi == record.dst_hi and x.protocol == protocol and x.ip_version == record.ip_version):
            break
        c = int64(x.next)
    return c


@njit(cache=True, nogil=True, _nrt=False)
def open_context(t, out, after, record):
    """A new context for the datagram of a fragment; the oldest gives way if there is none."""
    while t.state[_FREE_CONTEXTS] == 0:
        _evict(t, out, after, int64(_NONE))
    t.state[_FREE_CONTEXTS] -= 1
    c = int64(t.free_contexts[t.state[_FREE_CONTEXTS]])
    place, protocol = _key(record)
    bucket = _bucket(t, record, place, protocol)
    x = t.contexts[c]
    x.src_hi = record.src_hi
    x.src_lo = record.src_lo
    x.dst_hi = record.dst_hi
    x.dst_lo = record.dst_lo
    x.place = place
    x.protocol = protocol
    x.ip_version = record.ip_version
    x.started_ns = record.time_ns
    x.oldest_ns = record.time_ns
    x.newest_ns = record.time_ns
    x.covered = 0
    x.end = 0
    x.total = _NONE
    x.header = 0
    x.fragments = 0
    x.has_first = 0
    x.wanted = 0
    x.held_first = _NONE
    x.held_last = _NONE
    x.bucket = bucket
    x.next = t.buckets[bucket]
    t.buckets[bucket] = c
    _link(t, c, _OPEN)
    return c


@njit(cache=True, nogil=True, _nrt=False)
def finish_context(t, c, time_ns):
    """The datagram is complete: its context lingers, its header is not needed any more."""
    _unlink(t, c)
    _link(t, c, _DONE)
    t.contexts[c].done_ns = time_ns
    _free_page(t, c, t.pages.shape[1] - 1)


@njit(cache=True, nogil=True, _nrt=False)
def close_context(t, c):
    """Forget a context in which no record waits."""
    x = t.contexts[c]
    _unlink(t, c)
    x.state = _FREE
    before = int64(t.buckets[x.bucket])
    if before == c:
        t.buckets[x.bucket] = x.next
    else:
        while t.contexts[before].next != c:
            before = int64(t.contexts[before].next)
        t.contexts[before].next = x.next
    for number in range(t.pages.shape[1]):
        _free_page(t, c, number)
    t.free_contexts[t.state[_FREE_CONTEXTS]] = c
    t.state[_FREE_CONTEXTS] += 1


@njit(cache=True, nogil=True, _nrt=False)
def expire_context(t, out, after, c):
    """Give up waiting for the rest of a datagram."""
    t.state[_INCOMPLETE if t.contexts[c].wanted else _UNCLAIMED] += 1
    release_held(t, out, after, c)
    close_context(t, c)


@njit(cache=True, nogil=True, _nrt=False)
def take_page(t, out, after, c, number):
    """Page `number` of the context, empty; the oldest of the others give way if there is none."""
    while t.state[_FREE_PAGES] == 0:
        _evict(t, out, after, c)
    t.state[_FREE_PAGES] -= 1
    page = t.free_pages[t.state[_FREE_PAGES]]
    t.pages[c, number] = page
    for word in range(t.covered.shape[1]):
        t.covered[page, word] = 0


@njit(cache=True, nogil=True, _nrt=False)
def hold_record(t, out, after, c, record):
    """Keep the record of an early fragment until the first one comes; without room it is counted at IP level at once."""
    if t.state[_FREE_HELD] == 0:
        t.state[_NOT_HELD] += 1
        insert_record(t, out, after, int64(_NONE), record)
        return
    t.state[_FREE_HELD] -= 1
    h = t.free_held[t.state[_FREE_HELD]]
    t.held[h] = record
    t.held_next[h] = _NONE
    x = t.contexts[c]
    if x.held_first < 0:
        x.held_first = h
    else:
        t.held_next[x.held_last] = h
    x.held_last = h


@njit(cache=True, nogil=True, _nrt=False)
def release_held(t, out, after, c):
    """Records that wait go back into the stream: with ports and classes of the first fragment, if it is known."""
    x = t.contexts[c]
    h = int64(x.held_first)
    known = c if x.has_first else int64(_NONE)
    while h >= 0:
        insert_record(t, out, after, known, t.held[h])
        t.free_held[t.state[_FREE_HELD]] = h
        t.state[_FREE_HELD] += 1
        h = int64(t.held_next[h])
    x.held_first = _NONE
    x.held_last = _NONE


@njit(cache=True, nogil=True, _nrt=False)
def insert_record(t, out, after, known, record):
    """The record of an early fragment, without its octets, for analyses at IP level; none if it belongs to no class.

    known: context whose first fragment tells ports and classes, as it does in the father; or NONE
    """
    mask = record.class_mask
    if known >= 0:
        by_transport = t.masks[_BY_TRANSPORT]
        mask = (mask & ~by_transport) | (t.firsts[known].class_mask & by_transport)
        mask &= t.masks[_EVERY] | t.masks[_WHOLE]
    if mask == uint64(0):
        return
    n = out.filled[_INSERTED]
    out.filled[_INSERTED] = n + 1
    out.records[n] = record
    out.after[n] = after
    new = out.records[n]
    new.class_mask = mask
    new.flags = uint32(record.flags & _NOT_EARLY)
    new.bytes_length = 0
    if known >= 0 and t.firsts[known].flags & _HAS_PORTS:
        new.src_port = t.firsts[known].src_port
        new.dst_port = t.firsts[known].dst_port
        new.flags |= uint32(_HAS_PORTS)


@njit(cache=True, nogil=True, _nrt=False)
def _evict(t, out, after, kept):
    """The oldest context but `kept` gives way: one that only lingers, if there is any. There is one."""
    c = int64(t.state[_OLDEST + _DONE])
    if c >= 0:
        close_context(t, c)
        return
    c = int64(t.state[_OLDEST + _OPEN])
    if c == kept:
        c = int64(t.contexts[c].newer)
    t.state[_EVICTED] += 1
    release_held(t, out, after, c)
    close_context(t, c)


@njit(cache=True, nogil=True, _nrt=False)
def _link(t, c, which):
    """To the new end of the list OPEN or DONE."""
    x = t.contexts[c]
    x.state = which
    x.newer = _NONE
    newest = t.state[_NEWEST + which]
    x.older = newest
    if newest < 0:
        t.state[_OLDEST + which] = c
    else:
        t.contexts[newest].newer = c
    t.state[_NEWEST + which] = c


@njit(cache=True, nogil=True, _nrt=False)
def _unlink(t, c):
    x = t.contexts[c]
    which = int64(x.state)
    if x.older < 0:
        t.state[_OLDEST + which] = x.newer
    else:
        t.contexts[x.older].newer = x.newer
    if x.newer < 0:
        t.state[_NEWEST + which] = x.older
    else:
        t.contexts[x.newer].older = x.older


@njit(cache=True, nogil=True, _nrt=False)
def _free_page(t, c, number):
    if t.pages[c, number] >= 0:
        t.free_pages[t.state[_FREE_PAGES]] = t.pages[c, number]
        t.state[_FREE_PAGES] += 1
        t.pages[c, number] = _NONE


@njit(cache=True, nogil=True, _nrt=False)
def _key(record):
    """RFC 791 section 3.2 has the protocol in it; RFC 8200 section 4.5 has not: IPv6 fragments may differ in their next header."""
    place = uint64(record.fragment_id) | (uint64(record.interface) << uint64(32)) | (uint64(record.vlan) << uint64(48))
    return place, int64(record.protocol) if record.ip_version == 4 else int64(0)


@njit(cache=True, nogil=True, _nrt=False)
def _bucket(t, record, place, protocol):
    seed = t.seed
    h = (seed[0] + hash_word(seed[1], seed[2], record.src_hi) + hash_word(seed[3], seed[4], record.src_lo)
         + hash_word(seed[5], seed[6], record.dst_hi) + hash_word(seed[7], seed[8], record.dst_lo)
         + hash_word(seed[9], seed[10], place) + hash_word(seed[11], seed[12], uint64(protocol)))
    return int64(h >> uint64(32)) & (len(t.buckets) - 1)
