"""TCP segments of a flow per interval."""

from numba import int64, njit

from tmon_common.kernels.prefetch import BLOCK
from tmon_common.observations import TCP_COUNTERS
from tmon_probe import records as r
from tmon_probe.child.analyser import IntervalAnalyser
from tmon_probe.child.intervals import END, START, begin_row, fetch_rows
from tmon_probe.demand import Fragments

_SEGMENTS, _PAYLOAD, _DATA, _ACKS, _SYN, _FIN, _RST, _PSH, _URG, _ZERO, _ECE, _CWR = (
    TCP_COUNTERS.word_of(n) for n in ("segments", "payload_octets", "data_segments", "pure_acks", "syn", "fin", "rst", "psh", "urg",
                                      "zero_windows", "ece", "cwr"))
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << i for i in range(8))
_PASSED_OVER, _HAS_TCP = r.QUOTED | r.REASSEMBLED, r.HAS_TCP
_BLOCK, _LINES = BLOCK, 3


@njit(cache=True, nogil=True)
def _kernel(records, first, count, flow, direction, numbers, interval_ns, rows, links, row_of_flow, opened, template):
    for begin in range(first, count, _BLOCK):
        end = min(begin + _BLOCK, count)
        fetch_rows(records, begin, end, flow, row_of_flow, rows, _PASSED_OVER | _HAS_TCP, _HAS_TCP, _LINES)
        for i in range(begin, end):
            f = flow[i]
            record = records[i]
            if f < 0 or record.flags & (_PASSED_OVER | _HAS_TCP) != _HAS_TCP:
                continue
            row = int64(row_of_flow[f])
            if row < 0 or not rows[row, START] <= record.time_ns < rows[row, END]:
                row = begin_row(rows, links, row_of_flow, opened, template, f, numbers[f], record.time_ns, interval_ns)
            way = direction[i]
            flags = record.tcp_flags
            rows[row, _SEGMENTS + way] += 1
            if record.payload_octets:
                rows[row, _PAYLOAD + way] += record.payload_octets
                rows[row, _DATA + way] += 1
            elif flags & (SYN | FIN | RST | ACK) == ACK:
                rows[row, _ACKS + way] += 1
            if record.tcp_window == 0 and not flags & RST:
                rows[row, _ZERO + way] += 1
            if flags & ~(ACK | PSH):
                rows[row, _SYN + way] += (flags & SYN) != 0
                rows[row, _FIN + way] += (flags & FIN) != 0
                rows[row, _RST + way] += (flags & RST) != 0
                rows[row, _URG + way] += (flags & URG) != 0
                rows[row, _ECE + way] += (flags & ECE) != 0
                rows[row, _CWR + way] += (flags & CWR) != 0
            rows[row, _PSH + way] += (flags & PSH) != 0


class TcpCounters(IntervalAnalyser):
    kind = TCP_COUNTERS
    fragments = Fragments.FIRST
    kernel = staticmethod(_kernel)
