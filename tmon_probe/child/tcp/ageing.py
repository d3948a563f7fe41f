"""Kernels: connections that have ended or that are due for a row, their copies, and what they leave behind."""

from numba import int64, njit

from tmon_probe.child.round_trips import sample as s
from tmon_probe.child.tcp import layout
from tmon_probe.child.tcp.boundary import WANT_CLIENT, WANT_SERVER, put_sample
from tmon_probe.child.tcp.chains import NONE, give_back_chain
from tmon_probe.child.tcp.sequence import missing
from tmon_probe.child.tcp.table import remove

_LIVING, _FROM_START, _SYN_ACK, _ESTABLISHED, _ACTIVE = (
    layout.LIVING, layout.FROM_START, layout.SYN_ACK, layout.ESTABLISHED, layout.ACTIVE)
_RESET, _REFUSED, _SIMULTANEOUS, _FTP_DATA, _ECN = layout.RESET, layout.REFUSED, layout.SIMULTANEOUS, layout.FTP_DATA, layout.ECN
_BY_BOUNDARIES, _BOUNDED, _SEEN, _FIN_SEEN, _SYN_SEEN = (
    layout.BY_BOUNDARIES, layout.BOUNDED, layout.SEEN, layout.FIN_SEEN, layout.SYN_SEEN)
_SHUT, _SACK_OFFERED, _NO_SCALE = layout.SHUT, layout.SACK_OFFERED, layout.NO_SCALE
_CLOSED_BY_CLIENT = layout.CLOSED_BY_CLIENT
_FIN_ENDED, _RST_ENDED, _TIMEOUT, _CAPTURE_END, _REPLACED, _INTERIM = (
    layout.FIN_ENDED, layout.RST_ENDED, layout.TIMEOUT, layout.CAPTURE_END, layout.REPLACED, layout.INTERIM)
_FREE_SLOTS = layout.FREE_SLOTS
_UNANSWERED, _SERVER_METRIC, _CLIENT_METRIC = s.UNANSWERED, s.TCP_HANDSHAKE_SERVER, s.TCP_HANDSHAKE_CLIENT
OLD_RECORDING_NS = 60_000_000_000
"""Packet time that falls back by more than this (and the idle timeout) has left a recording for an earlier one."""


@njit(cache=True, nogil=True, inline="always")
def end_of(marks):
    """FIN_ENDED or RST_ENDED for a connection that its ends have closed, else NONE.

    Closed: RST, FIN both ways, or FIN of the one side of which anything was seen (RFC 9293 section 3.6).
    """
    if marks & _RESET:
        return _RST_ENDED
    fins = (marks // _FIN_SEEN) & 3
    if fins == 3 or (fins and fins == (marks // _SEEN) & 3):
        return _FIN_ENDED
    return NONE


@njit(cache=True, nogil=True, _nrt=False)
def find_silent(heads, first, stop, now_ns, idle_ns, half_open_ns, linger_ns, found, endings):
    """Slots from `first` to `stop` that have ended by now_ns, into `found` (int32), how into `endings` (uint8); how many.

    Closed ones end after linger_ns without a segment, those of which only the handshake was seen after half_open_ns, others after
    idle_ns.
    """
    done = 0
    for slot in range(first, stop):
        marks = int64(heads[slot].marks)
        if not marks & _LIVING:
            continue
        silent_ns = now_ns - heads[slot].last_ns
        ending = end_of(marks)
        limit_ns = linger_ns
        if ending == NONE:
            ending = _TIMEOUT
            limit_ns = idle_ns if marks & _ACTIVE else half_open_ns
        if silent_ns < -max(idle_ns, OLD_RECORDING_NS):
            limit_ns = silent_ns
            ending = _CAPTURE_END if ending == _TIMEOUT else ending
        if silent_ns >= limit_ns:
            found[done] = slot
            endings[done] = ending
            done += 1
    return done


@njit(cache=True, nogil=True, _nrt=False)
def find_lasting(heads, rests, used, now_ns, interim_ns, found):
    """Slots below `used` of connections that go on and are due for an interim row, into `found` (int32); how many."""
    done = 0
    for slot in range(used):
        marks = int64(heads[slot].marks)
        if marks & _LIVING and end_of(marks) == NONE:
            rest = rests[slot]
            due = (now_ns - rest.start_ns) // interim_ns
            if due > rest.interims:
                rest.interims = due
                found[done] = slot
                done += 1
    return done


@njit(cache=True, nogil=True, _nrt=False)
def unanswered(slots, endings, heads, ways, rests, want, samples, serials):
    """Handshakes of connections that ended without an answer, from the first SYN on, into `samples` (SAMPLE), the serial number of
    each connection into `serials` (int64); how many. Those of evicted ones did not have their time."""
    done = 0
    for k in range(len(slots)):
        slot = slots[k]
        marks = int64(heads[slot].marks)
        if endings[k] not in (_TIMEOUT, _REPLACED, _CAPTURE_END) or not marks & _FROM_START:
            continue
        if marks & (_ACTIVE | _REFUSED | _ESTABLISHED):
            continue
        if marks & _SYN_ACK:
            if want & WANT_CLIENT and not marks & _RESET:
                put_sample(samples[done], _CLIENT_METRIC, _UNANSWERED, heads[slot], 1, int64(rests[slot].client_ns), -1,
                           (int64(ways[2 * slot + 1].isn) + 1) & 0xFFFFFFFF, -1)
                serials[done] = rests[slot].serial
                done += 1
        elif marks & _SYN_SEEN and want & WANT_SERVER:
            put_sample(samples[done], _SERVER_METRIC, _UNANSWERED, heads[slot], 0, int64(rests[slot].start_ns), -1,
                       (int64(ways[2 * slot].isn) + 1) & 0xFFFFFFFF, -1)
            serials[done] = rests[slot].serial
            done += 1
    return done


@njit(cache=True, nogil=True, _nrt=False)
def free_all(slots, randoms, table, heads, ways, pool, free, counts):
    """Slots (int32) whose end was told are free again."""
    for slot in slots:
        if heads[slot].marks & _LIVING:
            remove(slot, heads[slot], randoms, table)
            heads[slot].marks = 0
        for w in (2 * slot, 2 * slot + 1):
            give_back_chain(pool, counts, int64(ways[w].data_head))
            give_back_chain(pool, counts, int64(ways[w].ts_head))
            give_back_chain(pool, counts, int64(ways[w].holes))
        free[counts[_FREE_SLOTS]] = slot
        counts[_FREE_SLOTS] += 1


@njit(cache=True, nogil=True, _nrt=False)
def _copy_way(side, head, marks, way, rest, gaps, scaled, out):
    """The columns of one direction. gaps: octets of its holes; scaled: both sides offered window scaling."""
    by_boundaries = marks & _BY_BOUNDARIES
    out.segments[side] = int64(way.segments) + (int64(head.wraps[side]) << 32)
    out.data_segments[side] = int64(way.data_segments) + (int64(head.wraps[2 + side]) << 32)
    out.octets[side] = -1 if by_boundaries and not marks & (_BOUNDED << side) else int64(way.octets)
    out.unique_octets[side] = out.octets[side] - int64(way.retransmitted_octets)
    out.missing_octets[side] = gaps + int64(rest.given_up[side])
    out.retransmitted_segments[side] = way.retransmitted_segments
    out.retransmitted_octets[side] = way.retransmitted_octets
    out.out_of_order_segments[side] = way.out_of_order_segments
    out.duplicate_acks[side] = way.duplicate_acks
    out.sack_blocks[side] = way.sack_blocks
    out.keep_alives[side] = rest.keep_alives[side]
    out.syn_segments[side] = rest.syn_segments[side]
    out.zero_windows[side] = rest.zero_windows[side]
    out.zero_window_ns[side] = rest.zero_window_ns[side]
    if marks & (_SHUT << side):
        out.zero_window_ns[side] += head.last_ns
    out.zero_window_ns[side] = max(out.zero_window_ns[side], 0)  # packet time may have gone back
    scale = min(int64(way.window_scale), 14) if scaled else 0
    out.largest_window[side] = max(int64(way.highest_window) << scale, int64(way.syn_window))
    if not marks & (_SEEN << side):
        out.largest_window[side] = -1
    out.window_scale[side] = -1 if way.window_scale == _NO_SCALE else int64(way.window_scale)
    out.mss[side] = int64(way.mss) if way.mss else -1
    out.sack_permitted[side] = marks & (_SACK_OFFERED << side) != 0
    out.ce_marked[side] = rest.ce_marked[side]
    out.ece_segments[side] = rest.ece_segments[side]
    out.rtt_samples[side] = way.rtt_samples
    out.rtt_sum_ns[side] = way.rtt_sum_ns
    out.rtt_min_ns[side] = way.rtt_min_ns
    out.rtt_max_ns[side] = way.rtt_max_ns
    out.first_data_ns[side] = rest.first_data_ns[side]
    out.last_data_ns[side] = way.last_data_ns


@njit(cache=True, nogil=True, _nrt=False)
def copy_all(slots, endings, line_rate, heads, ways, rests, pool, copies):
    """Connections as they are told: `copies` (layout.CONNECTION) of `slots` (int32). A connection that its ends have closed ended
    by that, whatever `endings` (uint8) says. line_rate: bit/s."""
    for k in range(len(slots)):
        slot = int64(slots[k])
        head, rest, out = heads[slot], rests[slot], copies[k]
        marks = int64(head.marks)
        out.serial = rest.serial
        out.slot = slot
        out.client_hi = head.client_hi
        out.client_lo = head.client_lo
        out.server_hi = head.server_hi
        out.server_lo = head.server_lo
        out.client_port = head.client_port
        out.server_port = head.server_port
        out.start_ns = rest.start_ns
        out.established_ns = rest.established_ns
        out.end_ns = head.last_ns
        out.handshake_server_ns = int64(rest.server_ns) if marks & _SYN_ACK else -1
        out.handshake_client_ns = int64(rest.client_ns) if marks & _ESTABLISHED else -1
        out.longest_silence_ns = head.longest_silence_ns
        closed = end_of(marks)
        out.ended_by = endings[k] if closed == NONE or endings[k] == _INTERIM else closed
        out.closed_by = (marks // _CLOSED_BY_CLIENT) & 3
        out.from_start = marks & _FROM_START != 0
        out.ftp_data = marks & _FTP_DATA != 0
        out.simultaneous_open = marks & _SIMULTANEOUS != 0
        out.ecn = marks & _ECN != 0
        out.by_boundaries = marks & _BY_BOUNDARIES != 0
        out.unused = 0
        scaled = ways[2 * slot].window_scale != _NO_SCALE and ways[2 * slot + 1].window_scale != _NO_SCALE
        for side in range(2):
            _copy_way(side, head, marks, ways[2 * slot + side], rest, missing(pool, ways[2 * slot + side]), scaled, out)
        if marks & _BY_BOUNDARIES and (out.end_ns - out.start_ns) / 1e9 * line_rate >= 8 * (1 << 32):
            for side in range(2):
                out.octets[side] = -1
                out.unique_octets[side] = -1
