"""Kernels: lines of control connections out of the segments of a batch, as tokens; repeated segments are dropped.

A direction belongs to the kernel as long as its segments come in order and hold whole lines without Telnet commands. The first one
that does not hands the direction over to the engine (stream.py, lines.py), which hands it back when all is in order again. Who owns
a direction knows its next sequence number.
"""

import numpy as np
from numba import int64, njit, uint64

from tmon_probe import records as r
from tmon_probe.child.ftp.lines import MAX_LINE

WATCHED = np.dtype([
    ("server_hi", "<u8"), ("server_lo", "<u8"),
    ("last_ns", "<i8"),  # time of the last segment that carried octets, began or ended something
    ("next", "<i8", (2,)),  # sequence number, by direction: 0 of the client, 1 of the server; UNKNOWN
    ("server_port", "<u2"),
    ("state", "<u1", (2,)),
    ("marked", "<u1"),
])
"""A control connection, in the slot that `Connections` gave it."""
UNKNOWN = -1
UNWATCHED, OURS, ENGINES, DEAF = range(4)
"""`state`: no control connection; the kernel's direction; the engine's; encrypted, so that nothing is read."""

COMMAND, REPLY, LEFT, ACKNOWLEDGED, SEGMENT, NOTHING = range(6)
"""Kinds of tokens: a line of the client; of the server; the client closes; a segment of a direction of the kernel acknowledges
octets of one of the engine; a segment for the engine; a segment that says nothing new."""
RECORD, SLOT, KIND, TIME_NS, VALUE, LANE, BEGIN, END = range(8)
TOKEN = 8
"""Words of a token. VALUE: number of the verb in `verbs.VERBS`, or code of the reply (0: none), + MORE before `-`; of others 1: the
server sent it. LANE, BEGIN, END: in `areas`, the argument of commands that may have one, the text of replies."""
MORE = 1 << 10
PER_RECORD = 2
"""Tokens that a record makes beside those of its lines."""

_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_BOUNDARY = _FIN | _SYN | _RST
_WANTED, _SERVICE, _PART, _FRAGMENT, _REASSEMBLED = (
    r.SERVICE | r.QUOTED, r.SERVICE, r.FRAGMENT | r.REASSEMBLED, r.FRAGMENT, r.REASSEMBLED)
_TAB, _LF, _CR, _BLANK, _DASH, _IAC = 9, 10, 13, 32, 45, 255
_MAX_LINE = MAX_LINE
_UNKNOWN, _UNWATCHED, _OURS, _ENGINES, _DEAF = UNKNOWN, UNWATCHED, OURS, ENGINES, DEAF
_COMMAND, _REPLY, _LEFT, _ACKNOWLEDGED, _SEGMENT, _NOTHING, _MORE = COMMAND, REPLY, LEFT, ACKNOWLEDGED, SEGMENT, NOTHING, MORE
_PER_RECORD = PER_RECORD
_SPACE = 1 << 32
_NAME_OCTETS = 8


@njit(cache=True, nogil=True)
def cut(records, first, count, service, class_bit, of_record, lanes, areas, names, with_argument, watched, tokens, touched,  # noqa: C901
        touches, stops, every):
    """Segments of records[first:count] (records.PACKET) into tokens.

    service, class_bit      uint8, uint64: bits of FTP control connections and of the class in records
    of_record               int32 (n,): slot of the connection of each record, negative if `Connections` passed over it
    lanes, areas            see FlowBatch
    names, with_argument    see verbs.NAMES
    watched                 WATCHED (slots,), changed
    tokens                  int64 (k, TOKEN), filled from the start; at least PER_RECORD for each record
    touched                 int32, one for each record: slots that had a segment, added after the first `touches`
    stops                   1: return after a segment for the engine, so that its direction may be handed back
    every                   1: there is a token at least for each segment, that the order of them be known
    Returns (record not done, or count; tokens; touches).
    """
    written = 0
    for i in range(first, count):
        record = records[i]
        if record.flags & _WANTED != _SERVICE or record.service & service == 0 or record.class_mask & class_bit == 0:
            continue
        octets, tcp = int64(record.payload_octets), int64(record.tcp_flags)
        if record.flags & _PART == _FRAGMENT or (octets == 0 and tcp & _BOUNDARY == 0):
            continue
        slot = int64(of_record[i])
        if slot < 0:
            written = _put(tokens, written, i, -1, _SEGMENT, record.time_ns, 0)
            continue
        if slot >= len(watched) or watched[slot].state[0] == _UNWATCHED:
            continue
        one = watched[slot]
        side = int64(record.src_port == one.server_port and record.src_lo == one.server_lo and record.src_hi == one.server_hi)
        one.last_ns = record.time_ns
        touched[touches] = slot
        touches += 1
        before = written
        if one.state[side] == _DEAF:
            if every:
                written = _put(tokens, written, i, slot, _NOTHING, record.time_ns, side)
            continue
        ours = one.state[side] == _OURS
        if ours and tcp & _ACK and one.state[1 - side] == _ENGINES:
            written = _put(tokens, written, i, slot, _ACKNOWLEDGED, record.time_ns, side)
        sequence = int64(record.tcp_seq)
        if ours and tcp & _SYN:
            sequence = (sequence + 1) % _SPACE
            if one.next[side] == _UNKNOWN:
                one.next[side] = sequence
        if ours and octets:
            expected = sequence if one.next[side] == _UNKNOWN else one.next[side]
            early = (sequence - expected + _SPACE // 2) % _SPACE - _SPACE // 2
            if early + octets > 0:
                lane, begin, end = _place(record, lanes[i], octets, early, areas)
                lines = _whole_lines(areas, lane, begin, end, side) if early <= 0 else 0
                if lines == 0 or written + lines + _PER_RECORD > len(tokens) - _PER_RECORD * (count - i - 1):
                    ours = False
                else:
                    one.next[side] = (sequence + octets) % _SPACE
                    written = _put_lines(areas, lane, begin, end, side, names, with_argument, tokens, written, i, slot,
                                         record.time_ns)
        if not ours:
            one.state[side] = _ENGINES
            written = _put(tokens, written, i, slot, _SEGMENT, record.time_ns, side)
            if stops:
                return i + 1, written, touches
        elif side == 0 and tcp & (_FIN | _RST):
            written = _put(tokens, written, i, slot, _LEFT, record.time_ns, 0)
        if every and written == before:
            written = _put(tokens, written, i, slot, _NOTHING, record.time_ns, side)
    return count, written, touches


@njit(cache=True, nogil=True)
def keep_last(touched, touches, watched):
    """Of the first `touches` slots in `touched` keep each once, where it stands last; they end at `touches`, and begin where is
    returned."""
    kept = touches
    for k in range(touches - 1, -1, -1):
        slot = int64(touched[k])
        if not watched[slot].marked:
            watched[slot].marked = 1
            kept -= 1
            touched[kept] = slot
    for k in range(kept, touches):
        watched[int64(touched[k])].marked = 0
    return kept


@njit(cache=True, nogil=True)
def _place(record, lane, octets, early, areas):
    """(lane, begin, end) of the octets of a segment that are new; (0, 0, 0) if not all of them were captured."""
    row, room = int64(lane), int64(areas.shape[1])
    at = int64(record.payload_at)
    start = int64(record.bytes_offset) & (room - 1)
    end = start + at + octets
    if at == 0 or at + octets > record.bytes_length or record.flags & _REASSEMBLED or end > room:
        return 0, 0, 0
    if row < 0 or row >= areas.shape[0]:
        return 0, 0, 0
    return row, start + at - min(early, 0), end


@njit(cache=True, nogil=True)
def _whole_lines(areas, lane, begin, end, side):
    """Lines in areas[lane, begin:end]; 0 if they are not whole, too long, or not plain ones."""
    if begin >= end or areas[lane, end - 1] != _LF:
        return 0
    lines, line = 0, begin
    for k in range(begin, end):
        octet = areas[lane, k]
        if octet == _LF:
            if k - line > _MAX_LINE:
                return 0
            lines += 1
            line = k + 1
        elif octet == _IAC or (side == 0 and (octet == _TAB or (octet == _BLANK and k == line))):
            return 0
    return lines


@njit(cache=True, nogil=True)
def _put_lines(areas, lane, begin, end, side, names, with_argument, tokens, written, i, slot, time_ns):
    """A token for each line in areas[lane, begin:end]. Returns how many tokens there are now."""
    line = begin
    for k in range(begin, end):
        if areas[lane, k] != _LF:
            continue
        stop = k - 1 if k > line and areas[lane, k - 1] == _CR else k
        written = _put(tokens, written, i, slot, _REPLY if side else _COMMAND, time_ns, 0)
        token = written - 1
        tokens[token, LANE] = lane
        if side:
            tokens[token, VALUE] = _code(areas, lane, line, stop)
            tokens[token, BEGIN], tokens[token, END] = min(line + 4, stop), stop
        else:
            verb, argument, stop = _verb(areas, lane, line, stop, names)
            tokens[token, VALUE] = verb
            if with_argument[verb]:
                tokens[token, BEGIN], tokens[token, END] = argument, stop
        line = k + 1
    return written


@njit(cache=True, nogil=True)
def _code(areas, lane, begin, end):
    """Code of the reply that the line begins, + MORE if more lines follow; 0: it begins none. RFC 959 section 4.2."""
    if end - begin < 3:
        return 0
    code = 0
    for k in range(begin, begin + 3):
        digit = int64(areas[lane, k]) - 48
        if digit < 0 or digit > 9:
            return 0
        code = 10 * code + digit
    if code < 100 or code >= 700:
        return 0
    if end - begin > 3:
        if areas[lane, begin + 3] == _DASH:
            return code | _MORE
        if areas[lane, begin + 3] != _BLANK:
            return 0
    return code


@njit(cache=True, nogil=True)
def _verb(areas, lane, begin, end, names):
    """(number of the verb, 0 if it is not known; begin of its argument; end of the command, at a CR within the line)."""
    name, known = uint64(0), True
    argument = end
    for k in range(begin, end):
        octet = int64(areas[lane, k])
        if octet == _CR:
            end = k
            break
        if argument < end:
            continue
        if octet == _BLANK:
            argument = k + 1
            if argument == end:
                break
        else:
            if 97 <= octet <= 122:
                octet -= 32
            known = known and 65 <= octet <= 90 and k - begin < _NAME_OCTETS
            name = (name << uint64(8)) | uint64(octet)
    argument = min(argument, end)
    if not known:
        return 0, argument, end
    low, high = 0, len(names)
    while low < high:
        middle = (low + high) // 2
        if names[middle] < name:
            low = middle + 1
        else:
            high = middle
    if low < len(names) and names[low] == name:
        return low, argument, end
    return 0, argument, end


@njit(cache=True, nogil=True)
def _put(tokens, at, record, slot, kind, time_ns, value):
    """One token, without text. Returns how many there are now."""
    tokens[at, RECORD] = record
    tokens[at, SLOT] = slot
    tokens[at, KIND] = kind
    tokens[at, TIME_NS] = time_ns
    tokens[at, VALUE] = value
    tokens[at, LANE] = 0
    tokens[at, BEGIN] = 0
    tokens[at, END] = 0
    return at + 1
