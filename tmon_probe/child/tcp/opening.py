"""Kernels: connections that begin, and which SYN begins another one."""

from numba import int64, njit, uint64

from tmon_probe import records as r
from tmon_probe.child.tcp import layout
from tmon_probe.child.tcp.chains import NONE, signed
from tmon_probe.child.tcp.table import enter

_FREE_SLOTS, _SERIAL, _OPENED = layout.FREE_SLOTS, layout.SERIAL, layout.OPENED
_LIVING, _FROM_START, _FTP_DATA, _BY_BOUNDARIES = layout.LIVING, layout.FROM_START, layout.FTP_DATA, layout.BY_BOUNDARIES
_SYN_SEEN, _SYN_ACK, _ACTIVE, _NUMBERED = layout.SYN_SEEN, layout.SYN_ACK, layout.ACTIVE, layout.NUMBERED
_NO_SCALE = layout.NO_SCALE
_FTP_PEERS = r.FTP_PEERS
SYN, ACK = 0x02, 0x10


@njit(cache=True, nogil=True, _nrt=False)
def _clear_way(way):
    way.next = 0
    way.octets = 0
    way.last_data_ns = 0
    way.segments = 0
    way.data_segments = 0
    way.ack = 0
    way.window = 0
    way.highest_window = 0
    way.tsval = 0
    way.data_head = NONE
    way.data_tail = NONE
    way.ts_head = NONE
    way.ts_tail = NONE
    way.syn_window = 0
    way.data_waiting = 0
    way.ts_waiting = 0
    way.rtt_sum_ns = 0
    way.rtt_min_ns = 0
    way.rtt_max_ns = 0
    way.retransmitted_octets = 0
    way.rtt_samples = 0
    way.retransmitted_segments = 0
    way.out_of_order_segments = 0
    way.duplicate_acks = 0
    way.sack_blocks = 0
    way.holes = NONE
    way.isn = 0
    way.mss = 0
    way.window_scale = _NO_SCALE
    way.hole_count = 0


@njit(cache=True, nogil=True, _nrt=False)
def _clear_rest(rest, serial, time_ns):
    rest.serial = serial
    rest.start_ns = time_ns
    rest.established_ns = 0
    rest.server_ns = 0
    rest.client_ns = 0
    rest.interims = 0
    for side in range(2):
        rest.syn_segments[side] = 0
        rest.keep_alives[side] = 0
        rest.zero_windows[side] = 0
        rest.ce_marked[side] = 0
        rest.ece_segments[side] = 0
        rest.first_data_ns[side] = 0
        rest.zero_window_ns[side] = 0
        rest.given_up[side] = 0


@njit(cache=True, nogil=True, _nrt=False)
def begin(record, i, place, hashed, marks, table, heads, ways, rests, free, counts, opened, opened_by):
    """A new connection for the packet of record i; (slot, side of its sender). There must be a free slot. marks: further ones.

    Client is who sends the SYN, server who answers SYN-ACK; picked up in the middle, the server has the lower port, or received
    the first packet.
    """
    flags = record.tcp_flags
    side = 0
    if flags & (SYN | ACK) == SYN | ACK or (not flags & SYN and record.src_port < record.dst_port):
        side = 1
    counts[_FREE_SLOTS] -= 1
    slot = int64(free[counts[_FREE_SLOTS]])
    head = heads[slot]
    if side == 0:
        head.client_hi = record.src_hi
        head.client_lo = record.src_lo
        head.client_port = record.src_port
        head.server_hi = record.dst_hi
        head.server_lo = record.dst_lo
        head.server_port = record.dst_port
    else:
        head.client_hi = record.dst_hi
        head.client_lo = record.dst_lo
        head.client_port = record.dst_port
        head.server_hi = record.src_hi
        head.server_lo = record.src_lo
        head.server_port = record.src_port
    head.place = place
    head.last_ns = record.time_ns
    head.longest_silence_ns = 0
    head.marks = _LIVING | marks | (_FROM_START if flags & SYN else 0)
    for w in range(4):
        head.wraps[w] = 0
    _clear_way(ways[2 * slot])
    _clear_way(ways[2 * slot + 1])
    counts[_SERIAL] += 1
    _clear_rest(rests[slot], counts[_SERIAL], record.time_ns)
    enter(slot, uint64(hashed), table)
    opened[counts[_OPENED]] = slot
    opened_by[counts[_OPENED]] = i
    counts[_OPENED] += 1
    return slot, side


@njit(cache=True, nogil=True, _nrt=False)
def goes_on(flags, seq, ack, marks, side, mine, theirs):
    """Whether a segment with SYN belongs to the connection of its addresses and ports, or begins another.

    side: of the sender; mine, theirs: layout.WAY of the sender and of the other. A SYN sent again has the same sequence number
    (RFC 9293 section 3.4.1 wants another for every incarnation).
    """
    own_syn = marks & (_SYN_SEEN << side)
    others_syn = marks & (_SYN_SEEN << (1 - side))
    numbered = marks & (_NUMBERED << side)
    if numbered and seq == int64(mine.isn):
        return True
    if not flags & ACK:
        return not own_syn and not numbered and others_syn and not marks & (_SYN_ACK | _ACTIVE)  # simultaneous open
    answers = ack == (int64(theirs.isn) + 1) & 0xFFFFFFFF and marks & (_NUMBERED << (1 - side))
    if own_syn:
        return answers and not marks & _ACTIVE  # a server that begins its half of the handshake anew
    return answers or (others_syn and not marks & _ACTIVE)  # or an answer to an older SYN


@njit(cache=True, nogil=True, _nrt=False)
def takes_syn(ack, theirs):
    """Whether a SYN-ACK takes the SYN of the other side (layout.WAY), with the data in it or without (RFC 7413 section 4.2)."""
    return signed(ack - int64(theirs.isn) - 1) >= 0 and signed(ack - int64(theirs.next)) <= 0


@njit(cache=True, nogil=True, _nrt=False)
def take_syn(record, marks, side, mine, theirs):
    """What the SYN of `side` says of its sender; the marks with it. A SYN repeated, or that comes late, says nothing new."""
    seq = int64(record.tcp_seq)
    if marks & (_SYN_SEEN << side) and seq == int64(mine.isn):
        return marks
    if not marks & (_NUMBERED << side) or signed(seq - int64(mine.isn)) != 0:
        mine.next = (1 << 32) + seq + 1
    mine.isn = seq
    marks |= (_SYN_SEEN | _NUMBERED) << side
    mine.syn_window = record.tcp_window
    if record.flags & r.HAS_MSS:
        mine.mss = record.tcp_mss
    if record.flags & r.HAS_WINDOW_SCALE:
        mine.window_scale = min(int64(record.tcp_window_scale), _NO_SCALE - 1)
    if record.flags & r.SACK_PERMITTED:
        marks |= layout.SACK_OFFERED << side
    if record.tcp_flags & ACK and not marks & (_NUMBERED << (1 - side)):  # its SYN was not seen
        theirs.isn = (int64(record.tcp_ack) - 1) & 0xFFFFFFFF
        theirs.next = (1 << 32) + int64(record.tcp_ack)
        marks |= _NUMBERED << (1 - side)
    return marks
