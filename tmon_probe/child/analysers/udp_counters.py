"""UDP datagrams of a flow per interval."""

from numba import int64, njit

from tmon_common.kernels.prefetch import BLOCK
from tmon_common.observations import UDP_COUNTERS
from tmon_probe import records as r
from tmon_probe.child.analyser import IntervalAnalyser
from tmon_probe.child.intervals import END, START, begin_row, fetch_rows
from tmon_probe.demand import Fragments

_DATAGRAMS, _PAYLOAD, _EMPTY, _UNCHECKED = (
    UDP_COUNTERS.word_of(n) for n in ("datagrams", "payload_octets", "empty_datagrams", "no_checksum"))
_PASSED_OVER, _HAS_UDP, _NO_CHECKSUM = r.QUOTED | r.REASSEMBLED, r.HAS_UDP, r.NO_CHECKSUM
_BLOCK, _LINES = BLOCK, 2


@njit(cache=True, nogil=True)
def _kernel(records, first, count, flow, direction, numbers, interval_ns, rows, links, row_of_flow, opened, template):
    for begin in range(first, count, _BLOCK):
        end = min(begin + _BLOCK, count)
        fetch_rows(records, begin, end, flow, row_of_flow, rows, _PASSED_OVER | _HAS_UDP, _HAS_UDP, _LINES)
        for i in range(begin, end):
            f = flow[i]
            record = records[i]
            if f < 0 or record.flags & (_PASSED_OVER | _HAS_UDP) != _HAS_UDP:
                continue
            row = int64(row_of_flow[f])
            if row < 0 or not rows[row, START] <= record.time_ns < rows[row, END]:
                row = begin_row(rows, links, row_of_flow, opened, template, f, numbers[f], record.time_ns, interval_ns)
            way = direction[i]
            rows[row, _DATAGRAMS + way] += 1
            rows[row, _PAYLOAD + way] += record.payload_octets
            if record.payload_octets == 0:
                rows[row, _EMPTY + way] += 1
            if record.flags & _NO_CHECKSUM:
                rows[row, _UNCHECKED + way] += 1


class UdpCounters(IntervalAnalyser):
    kind = UDP_COUNTERS
    fragments = Fragments.FIRST
    kernel = staticmethod(_kernel)
