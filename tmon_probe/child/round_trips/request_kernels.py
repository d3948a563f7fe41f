"""Kernels of the table of requests that wait for an answer: entries lie densely, those of one hash value are chained."""

import numpy as np
from numba import int64, njit, uint64

from tmon_common.kernels.keyed_hash import hash_word
from tmon_probe.child.round_trips import message, sample

PENDING = np.dtype([
    ("requester_hi", "<u8"), ("requester_lo", "<u8"), ("responder_hi", "<u8"), ("responder_lo", "<u8"),
    ("identifier", "<u8"),
    ("question", "<u8"),  # see MESSAGE
    ("time_ns", "<i8"),
    ("number", "<i8"),  # of the flow, as published
    ("flow", "<i4"),  # its entry
    ("next", "<i4"),  # entry that follows in the chain, -1: none
    ("hash", "<u4"),
    ("requester_port", "<u2"), ("responder_port", "<u2"),
    ("point", "<u2"),  # observation point: where else it passes, it is another request
    ("metric", "u1"),
    ("way", "u1"),  # direction of the request in its flow
    ("unused", "<u4"),
])
assert PENDING.itemsize == 88
SEED_WORDS = 13
REPEAT_NS = 5_000_000_000
"""A request repeated within this time is the same one; later, the first has remained without an answer."""
JUMP_NS = 60_000_000_000
"""Packet time this far back is that of another recording."""
MAX_QUESTIONS = 8
"""Requests with everything equal but the question; beyond that the oldest of them is given up."""
PENDING_COUNT, EVICTED, REPEATED, UNMATCHED, UNANSWERED = range(5)
"""Words of `state`."""
EVERYBODY, MARKED, OVERDUE = range(3)

_ANSWER_ROLE = message.ANSWER
_ICMP_ECHO, _NTP, _UNANSWERED_OUTCOME, _ANSWERED_OUTCOME, _ERROR_OUTCOME = (
    sample.ICMP_ECHO, sample.NTP, sample.UNANSWERED, sample.ANSWERED, sample.ERROR)
_63_BITS = 0x7FFFFFFFFFFFFFFF


@njit(cache=True, nogil=True, _nrt=False)
def match(messages, start, records, points, flow, direction, numbers, wanted, timeout_ns, seed,  # noqa: C901 one pass
          entries, heads, state, samples, owners):
    """Messages from `start` on into the table and out of it.

    messages    MESSAGE (k,); records, flow, direction, numbers: of FlowBatch, for one granular flow definition
    points      uint16 (256,): observation point of each interface
    wanted      uint8 (metrics,): metrics that are looked for
    entries     PENDING (capacity,), the first state[PENDING_COUNT] in use; heads int32 (power of two,): first of each chain, or -1
    samples, owners    SAMPLE, OWNER, at least k: round trips found and requests given up, filled from the start
    Returns (message not done for want of a free entry, or k; samples).
    """
    wrap = len(heads) - 1
    found = 0
    for m in range(start, len(messages)):
        asked = messages[m]
        i = asked.record
        f = flow[i]
        if f < 0 or not wanted[asked.metric]:
            continue
        record = records[i]
        now = record.time_ns
        point = points[record.interface & 0xFF] | (record.interface & 0xFF00)
        answers = asked.role == _ANSWER_ROLE
        if answers:
            a_hi, a_lo, b_hi, b_lo = record.dst_hi, record.dst_lo, record.src_hi, record.src_lo
            a_port, b_port = record.dst_port, record.src_port
        else:
            a_hi, a_lo, b_hi, b_lo = record.src_hi, record.src_lo, record.dst_hi, record.dst_lo
            a_port, b_port = record.src_port, record.dst_port
        if asked.metric == _ICMP_ECHO:  # ICMP has no ports
            a_port, b_port = a_port & 0, b_port & 0
        ends = ((uint64(a_port) << uint64(48)) | (uint64(b_port) << uint64(32)) | (uint64(point) << uint64(16))
                | uint64(asked.metric))
        hashed = (seed[0] + hash_word(seed[1], seed[2], a_hi) + hash_word(seed[3], seed[4], a_lo)
                  + hash_word(seed[5], seed[6], b_hi) + hash_word(seed[7], seed[8], b_lo)
                  + hash_word(seed[9], seed[10], asked.identifier) + hash_word(seed[11], seed[12], ends)) >> uint64(32)
        at = int64(heads[int64(hashed) & wrap])
        before, before_chosen = int64(-1), int64(-1)
        chosen, alike, oldest = int64(-1), 0, int64(-1)
        while at >= 0:
            e = entries[at]
            if (e.hash == hashed and e.identifier == asked.identifier and e.requester_lo == a_lo and e.responder_lo == b_lo
                    and e.requester_hi == a_hi and e.responder_hi == b_hi and e.requester_port == a_port
                    and e.responder_port == b_port and e.point == point and e.metric == asked.metric):
                same = e.question == asked.question or (answers and (e.question == 0 or asked.question == 0))
                if same and (chosen < 0 or e.time_ns < entries[chosen].time_ns):
                    chosen, before_chosen = at, before
                alike += 1
                if oldest < 0 or e.time_ns < entries[oldest].time_ns:
                    oldest = at
            before = at
            at = int64(e.next)
        if answers:
            if chosen < 0:
                state[UNMATCHED] += 1
                continue
            e = entries[chosen]
            age = now - e.time_ns
            if age < 0:  # before the request: it answers another
                state[UNMATCHED] += 1
                continue
            outcome = _ANSWERED_OUTCOME if asked.code == 0 else _ERROR_OUTCOME
            if age > timeout_ns:
                state[UNMATCHED] += 1
                state[UNANSWERED] += 1
                outcome = _UNANSWERED_OUTCOME
            _tell(e, outcome, now, timeout_ns, i, asked.code, samples[found], owners[found])
            found += 1
            if before_chosen < 0:
                heads[int64(hashed) & wrap] = e.next
            else:
                entries[before_chosen].next = e.next
            last = state[PENDING_COUNT] - 1
            state[PENDING_COUNT] = last
            if chosen != last:  # the last one moves into the gap
                place = int64(entries[last].hash) & wrap
                if heads[place] == last:
                    heads[place] = chosen
                else:
                    at = int64(heads[place])
                    while entries[at].next != last:
                        at = int64(entries[at].next)
                    entries[at].next = chosen
                entries[chosen] = entries[last]
            continue
        if chosen >= 0:
            age = now - entries[chosen].time_ns
            if -JUMP_NS <= age <= min(REPEAT_NS, timeout_ns):
                state[REPEATED] += 1
                continue
            _tell(entries[chosen], _UNANSWERED_OUTCOME, now, timeout_ns, -1, 0, samples[found], owners[found])
            found += 1
            state[UNANSWERED] += 1
        elif alike >= MAX_QUESTIONS:
            state[EVICTED] += 1
            chosen = oldest
        else:
            chosen = state[PENDING_COUNT]
            if chosen == len(entries):
                return m, found
            state[PENDING_COUNT] = chosen + 1
            entries[chosen].next = heads[int64(hashed) & wrap]
            heads[int64(hashed) & wrap] = chosen
        e = entries[chosen]
        e.requester_hi, e.requester_lo, e.responder_hi, e.responder_lo = a_hi, a_lo, b_hi, b_lo
        e.identifier = asked.identifier
        e.question = asked.question
        e.time_ns = now
        e.number = numbers[f]
        e.flow = f
        e.hash = hashed
        e.requester_port, e.responder_port = a_port, b_port
        e.point = point
        e.metric = asked.metric
        e.way = direction[i]
    return len(messages), found


@njit(cache=True, nogil=True, _nrt=False)
def give_up(whose, marks, now_ns, timeout_ns, entries, heads, state, samples, owners):
    """Take requests out, into samples (SAMPLE) and owners (OWNER), as unanswered; how many.

    whose   EVERYBODY; MARKED: those marked by position in `marks` (uint8); OVERDUE: those that have waited too long at packet time
            now_ns, and those of flows that are marked in `marks` by entry
    """
    kept, found = 0, 0
    for at in range(state[PENDING_COUNT]):
        e = entries[at]
        if whose == OVERDUE:
            age = now_ns - e.time_ns
            goes = age > timeout_ns or age < -JUMP_NS or (e.flow < len(marks) and marks[e.flow] != 0)
        else:
            goes = whose == EVERYBODY or marks[at] != 0
        if goes:
            _tell(e, _UNANSWERED_OUTCOME, now_ns, timeout_ns, -1, 0, samples[found], owners[found])
            found += 1
        else:
            if kept != at:
                entries[kept] = e
            kept += 1
    if found:
        state[PENDING_COUNT] = kept
        for place in range(len(heads)):
            heads[place] = -1
        for at in range(kept):
            place = int64(entries[at].hash) & (len(heads) - 1)
            entries[at].next = heads[place]
            heads[place] = at
    return found


@njit(cache=True, nogil=True)
def enter_all(entries, heads, state):
    """Chain every entry in `heads` (int32, power of two), which has grown."""
    for place in range(len(heads)):
        heads[place] = -1
    for at in range(state[PENDING_COUNT]):
        place = int64(entries[at].hash) & (len(heads) - 1)
        entries[at].next = heads[place]
        heads[place] = at


@njit(cache=True, nogil=True)
def _tell(entry, outcome, now_ns, timeout_ns, record, code, told, owner):
    """What became of a request, into a SAMPLE and a OWNER."""
    told.time_ns = entry.time_ns
    told.requester_hi, told.requester_lo = entry.requester_hi, entry.requester_lo
    told.responder_hi, told.responder_lo = entry.responder_hi, entry.responder_lo
    identifier = entry.identifier
    if entry.metric == _NTP:
        identifier &= uint64(_63_BITS)
    told.identifier = int64(identifier)
    told.requester_port, told.responder_port = entry.requester_port, entry.responder_port
    told.metric = entry.metric
    told.outcome = outcome
    told.unused = 0
    owner.number = entry.number
    owner.flow = entry.flow
    owner.way = entry.way
    if outcome == _UNANSWERED_OUTCOME:
        told.round_trip_ns = -1
        told.record = -1
        told.code = 0
        due = entry.time_ns + timeout_ns
        owner.counted_ns = now_ns if entry.time_ns <= now_ns < due else due
    else:
        told.round_trip_ns = now_ns - entry.time_ns
        told.record = record
        told.code = code
        owner.counted_ns = now_ns
