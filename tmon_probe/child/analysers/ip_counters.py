"""Packets, octets and fragments of a flow per interval."""

from numba import int64, njit

from tmon_common.kernels.prefetch import BLOCK
from tmon_common.observations import IP_COUNTERS
from tmon_probe import records as r
from tmon_probe.child.analyser import IntervalAnalyser
from tmon_probe.child.intervals import END, START, begin_row, fetch_rows

_PACKETS, _OCTETS, _FRAGMENTS = (IP_COUNTERS.word_of(n) for n in ("packets", "octets", "fragments"))
_PASSED_OVER, _FRAGMENT = r.QUOTED | r.REASSEMBLED, r.FRAGMENT
_BLOCK, _LINES = BLOCK, 1


@njit(cache=True, nogil=True)
def _kernel(records, first, count, flow, direction, numbers, interval_ns, rows, links, row_of_flow, opened, template):
    for begin in range(first, count, _BLOCK):
        end = min(begin + _BLOCK, count)
        fetch_rows(records, begin, end, flow, row_of_flow, rows, _PASSED_OVER, 0, _LINES)
        for i in range(begin, end):
            f = flow[i]
            record = records[i]
            if f < 0 or record.flags & _PASSED_OVER:
                continue
            row = int64(row_of_flow[f])
            if row < 0 or not rows[row, START] <= record.time_ns < rows[row, END]:
                row = begin_row(rows, links, row_of_flow, opened, template, f, numbers[f], record.time_ns, interval_ns)
            way = direction[i]
            rows[row, _PACKETS + way] += 1
            rows[row, _OCTETS + way] += record.ip_octets
            if record.flags & _FRAGMENT:
                rows[row, _FRAGMENTS + way] += 1


class IpCounters(IntervalAnalyser):
    kind = IP_COUNTERS
    kernel = staticmethod(_kernel)
