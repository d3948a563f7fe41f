"""Histogram and moments of the IP packet sizes of a flow per interval."""

import numpy as np
from numba import int64, njit

from tmon_common.kernels.prefetch import BLOCK
from tmon_common.observations import ABSENT, IP_SIZES
from tmon_probe import records as r
from tmon_probe.child.analyser import IntervalAnalyser
from tmon_probe.child.context import Task
from tmon_probe.child.intervals import END, START, begin_row, fetch_rows

_HISTOGRAM, _POPULATION, _SUM, _SQUARES, _MINIMUM, _MAXIMUM, _SLICE = (
    IP_SIZES.word_of(n) for n in ("histogram", "population", "sum", "sum_of_squares", "minimum", "maximum", "slice_01"))
_PASSED_OVER = r.QUOTED | r.REASSEMBLED
_BLOCK, _LINES = BLOCK, 4


@njit(cache=True, nogil=True)
def _kernel(records, first, count, flow, direction, numbers, interval_ns, rows, links, row_of_flow, opened, template, bounds):
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
            way = int(direction[i])
            size = int(record.ip_octets)
            if rows[row, _POPULATION + way] == 0:
                rows[row, _MINIMUM + way] = size
                rows[row, _MAXIMUM + way] = size
            elif size < rows[row, _MINIMUM + way]:
                rows[row, _MINIMUM + way] = size
            elif size > rows[row, _MAXIMUM + way]:
                rows[row, _MAXIMUM + way] = size
            rows[row, _POPULATION + way] += 1
            rows[row, _SUM + way] += size
            rows[row, _SQUARES + way] += size * size
            at = 0
            while at < len(bounds) and size > bounds[at]:
                at += 1
            rows[row, _SLICE + 2 * at + way] += 1


class IpSizes(IntervalAnalyser):
    kind = IP_SIZES
    kernel = staticmethod(_kernel)

    def template(self, task: Task) -> np.ndarray:
        row = np.zeros(1, self.kind.dtype)
        row["histogram"] = self.strings().index(task.analysis.histogram)
        for column in ("minimum", "minimum_rev", "maximum", "maximum_rev"):
            row[column] = ABSENT
        return row.view(np.int64)

    def parameters(self, task: Task) -> tuple:
        return (np.array(self._configuration.histogram_by_name[task.analysis.histogram].bounds, np.int64),)

    def strings(self) -> list[str]:
        return [h.name for h in self._configuration.histograms]
