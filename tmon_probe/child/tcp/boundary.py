"""Kernels: SYN, FIN and RST: handshake, its round trips, ends, volume by sequence numbers."""

from numba import int64, njit

from tmon_probe.child.round_trips import sample as s
from tmon_probe.child.tcp import layout
from tmon_probe.child.tcp.chains import NONE, add_hole, signed
from tmon_probe.child.tcp.opening import take_syn, takes_syn

FIN, SYN, RST, ACK, ECE, CWR = 0x01, 0x02, 0x04, 0x10, 0x40, 0x80
BOUNDARY = FIN | SYN | RST
WANT_SERVER, WANT_CLIENT, WANT_TIMESTAMPS, WANT_DATA = 1, 2, 4, 8
"""Round trips that somebody wants as samples."""
_SAMPLES = layout.SAMPLES
_SYN_SEEN, _FIN_SEEN, _SEEN = layout.SYN_SEEN, layout.FIN_SEEN, layout.SEEN
_SYN_ACK, _ESTABLISHED, _ACTIVE, _RESET, _REFUSED = layout.SYN_ACK, layout.ESTABLISHED, layout.ACTIVE, layout.RESET, layout.REFUSED
_SIMULTANEOUS, _ECN_ASKED, _ECN = layout.SIMULTANEOUS, layout.ECN_ASKED, layout.ECN
_BY_BOUNDARIES, _BOUNDED, _NUMBERED, _ACKED = layout.BY_BOUNDARIES, layout.BOUNDED, layout.NUMBERED, layout.ACKED
_CLOSED_BY_CLIENT, _CLOSED = layout.CLOSED_BY_CLIENT, layout.CLOSED_BY_CLIENT | layout.CLOSED_BY_SERVER
_SERVER_METRIC, _CLIENT_METRIC, _ANSWERED, _ERROR = s.TCP_HANDSHAKE_SERVER, s.TCP_HANDSHAKE_CLIENT, s.ANSWERED, s.ERROR


@njit(cache=True, nogil=True, _nrt=False)
def put_sample(sample, metric, outcome, head, requester, time_ns, round_trip_ns, identifier, record_at):
    """Fill a SAMPLE. head: layout.HEAD; requester: side of who asked."""
    sample.time_ns = time_ns
    sample.round_trip_ns = round_trip_ns
    if requester == 0:
        sample.requester_hi = head.client_hi
        sample.requester_lo = head.client_lo
        sample.requester_port = head.client_port
        sample.responder_hi = head.server_hi
        sample.responder_lo = head.server_lo
        sample.responder_port = head.server_port
    else:
        sample.requester_hi = head.server_hi
        sample.requester_lo = head.server_lo
        sample.requester_port = head.server_port
        sample.responder_hi = head.client_hi
        sample.responder_lo = head.client_lo
        sample.responder_port = head.client_port
    sample.identifier = identifier
    sample.record = record_at
    sample.metric = metric
    sample.outcome = outcome
    sample.code = 0
    sample.unused = 0


@njit(cache=True, nogil=True, _nrt=False)
def establish(i, time_ns, head, marks, rest, server_isn, samples, counts, want):
    """The client has acknowledged the SYN-ACK; the marks with that. rest: layout.REST. A sample only of one that was sent once."""
    sent_ns = int64(rest.client_ns)
    rest.established_ns = time_ns
    rest.client_ns = max(time_ns - sent_ns, 0)
    if want & WANT_CLIENT and time_ns >= sent_ns and rest.syn_segments[1] == 1:
        put_sample(samples[counts[_SAMPLES]], _CLIENT_METRIC, _ANSWERED, head, 1, sent_ns, time_ns - sent_ns,
                   (server_isn + 1) & 0xFFFFFFFF, i)
        counts[_SAMPLES] += 1
    return marks | _ESTABLISHED


@njit(cache=True, nogil=True, _nrt=False)
def _take_syn_ack(i, record, head, marks, mine, theirs, rest, samples, counts, want):
    """The server's SYN-ACK. Its first one ends the server's half of the handshake, which began with the last SYN before it: one
    that was repeated was lost, nearly always. Its last one before the client's ACK begins the client's half, for the same
    reason. Nearly is not always (Karn): where something was repeated there is no sample."""
    time_ns = record.time_ns
    if not marks & _SYN_ACK:
        marks |= _SYN_ACK
        asked = marks & _SYN_SEEN and not marks & _REFUSED
        took_ns = time_ns - int64(rest.server_ns) if asked else -1
        if asked and took_ns >= 0 and want & WANT_SERVER and rest.syn_segments[0] == 1:
            put_sample(samples[counts[_SAMPLES]], _SERVER_METRIC, _ANSWERED, head, 0, int64(rest.server_ns), took_ns,
                       (int64(theirs.isn) + 1) & 0xFFFFFFFF, i)
            counts[_SAMPLES] += 1
        rest.server_ns = took_ns
        if marks & _ECN_ASKED and record.tcp_flags & (ECE | CWR) == ECE:
            marks |= _ECN
    if not marks & _ESTABLISHED:
        rest.client_ns = time_ns
        if marks & _SIMULTANEOUS and marks & _ACKED and signed(int64(theirs.ack) - int64(mine.isn) - 1) >= 0:
            marks = establish(i, time_ns, head, marks, rest, int64(mine.isn), samples, counts, want)
    return marks


@njit(cache=True, nogil=True, _nrt=False)
def take_boundary(i, record, side, head, marks, mine, theirs, rest, samples, counts, want):
    """A segment with SYN, FIN or RST of `side`; the marks with what it says. The FIN's place in sequence space: see `take_fin`."""
    flags = int64(record.tcp_flags)
    if flags & SYN:
        marks = _take_any_syn(i, record, side, head, marks, mine, theirs, rest, samples, counts, want)
    if flags & (FIN | RST) and not marks & _CLOSED:
        marks |= _CLOSED_BY_CLIENT << side
    if flags & FIN:
        marks |= _FIN_SEEN << side
    both = 3 * _FIN_SEEN
    if flags & RST and marks & both != both:
        marks |= _RESET
        if side == 1 and marks & _SYN_SEEN and not marks & (_SYN_ACK | _REFUSED | _ACTIVE):
            marks |= _REFUSED
            asked_ns = int64(rest.server_ns)
            if want & WANT_SERVER and record.time_ns >= asked_ns and rest.syn_segments[0] == 1:
                put_sample(samples[counts[_SAMPLES]], _SERVER_METRIC, _ERROR, head, 0, asked_ns, record.time_ns - asked_ns,
                           (int64(theirs.isn) + 1) & 0xFFFFFFFF, i)
                counts[_SAMPLES] += 1
    if marks & _BY_BOUNDARIES:
        marks = _take_volume(record, flags, side, marks, mine)
    return marks


@njit(cache=True, nogil=True, _nrt=False)
def _take_any_syn(i, record, side, head, marks, mine, theirs, rest, samples, counts, want):
    flags = int64(record.tcp_flags)
    marks = take_syn(record, marks, side, mine, theirs)
    if rest.syn_segments[side] < 0xFFFF:
        rest.syn_segments[side] += 1
    answers = flags & ACK and takes_syn(int64(record.tcp_ack), theirs)
    if answers and side == 1:
        return _take_syn_ack(i, record, head, marks, mine, theirs, rest, samples, counts, want)
    if flags & ACK:
        return marks
    if side == 1:
        return marks | _SIMULTANEOUS
    if not marks & _SYN_ACK:
        rest.server_ns = record.time_ns
        if flags & (ECE | CWR) == ECE | CWR:
            marks |= _ECN_ASKED
    return marks


@njit(cache=True, nogil=True, _nrt=False)
def _take_volume(record, flags, side, marks, mine):
    """By boundaries: octets from the SYN's number to the FIN's, to the RST's where there is no FIN."""
    if flags & (FIN | RST) and marks & (_SYN_SEEN << side) and (flags & FIN or not marks & (_FIN_SEEN << side)):
        end = int64(record.tcp_seq)
        if flags & FIN:
            end += int64(record.payload_octets)
        mine.octets = (end - int64(mine.isn) - 1) & 0xFFFFFFFF
        marks |= _BOUNDED << side
    if marks & _SYN_ACK or flags & FIN:
        marks |= _ACTIVE
    return marks


@njit(cache=True, nogil=True, _nrt=False)
def take_fin(end, marks, side, pool, counts, mine):
    """FIN after the octet before `end` (sequence number) takes one number itself. Returns octets of holes given up."""
    given_up = 0
    if not marks & (_NUMBERED << side):
        mine.next = (1 << 32) + end + 1
        mine.isn = (end - 1) & 0xFFFFFFFF
        return given_up
    offset = signed(end - int64(mine.next))
    if offset > 0:
        before = int64(mine.holes)
        while before != NONE and pool[before].next != NONE:
            before = int64(pool[before].next)
        given_up, _ = add_hole(pool, counts, mine, before, NONE, int64(mine.next), offset)
    if offset >= 0:
        mine.next += offset + 1
    return given_up
