"""ICMP and ICMPv6 messages of a flow per interval; errors are credited to the flow whose packet they quote."""

import numpy as np
from numba import int64, njit

from tmon_common.observations import ICMP_COUNTERS
from tmon_probe import records as r
from tmon_probe.child.analyser import IntervalAnalyser
from tmon_probe.child.context import Task
from tmon_probe.child.intervals import END, START, begin_row
from tmon_probe.demand import Fragments

_MESSAGES, _REQUESTS, _REPLIES, _UNREACHABLE, _TOO_BIG, _EXCEEDED, _PARAMETER, _REDIRECT, _QUENCH, _NEIGHBOR, _OTHER = (
    ICMP_COUNTERS.word_of(n) for n in ("messages", "echo_requests", "echo_replies", "destination_unreachable", "packet_too_big",
                                       "time_exceeded", "parameter_problem", "redirect", "source_quench", "neighbor_discovery",
                                       "other"))
_QUOTED, _HAS_ICMP, _REASSEMBLED = r.QUOTED, r.HAS_ICMP, r.REASSEMBLED


@njit(cache=True, nogil=True)
def _kernel(records, first, count, flow, direction, numbers, interval_ns, rows, links, row_of_flow, opened, template, class_bit):
    for i in range(first, count):
        f = flow[i]
        record = records[i]
        if f < 0 or record.flags & _REASSEMBLED:
            continue
        if record.flags & _QUOTED:
            kind = int(record.quoted_mask >> 8)
            code = int(record.quoted_mask & 0xFF)
        elif record.flags & _HAS_ICMP and record.quoted_mask & class_bit == 0:
            kind = int(record.icmp_type)
            code = int(record.icmp_code)
        else:
            continue
        row = int64(row_of_flow[f])
        if row < 0 or not rows[row, START] <= record.time_ns < rows[row, END]:
            row = begin_row(rows, links, row_of_flow, opened, template, f, numbers[f], record.time_ns, interval_ns)
        way = direction[i]
        rows[row, _MESSAGES + way] += 1
        rows[row, (_column_v4(kind, code) if record.ip_version == 4 else _column_v6(kind)) + way] += 1


@njit(cache=True, nogil=True)
def _column_v4(kind, code):
    """Word that counts an ICMP message (https://www.iana.org/assignments/icmp-parameters)."""
    if kind == 8:
        return _REQUESTS
    if kind == 0:
        return _REPLIES
    if kind == 3:
        return _TOO_BIG if code == 4 else _UNREACHABLE
    if kind == 11:
        return _EXCEEDED
    if kind == 12:
        return _PARAMETER
    if kind == 5:
        return _REDIRECT
    if kind == 4:
        return _QUENCH
    if kind in (9, 10):
        return _NEIGHBOR
    return _OTHER


@njit(cache=True, nogil=True)
def _column_v6(kind):
    """Word that counts an ICMPv6 message (https://www.iana.org/assignments/icmpv6-parameters)."""
    if kind == 128:
        return _REQUESTS
    if kind == 129:
        return _REPLIES
    if 133 <= kind <= 136:
        return _NEIGHBOR
    if kind == 1:
        return _UNREACHABLE
    if kind == 2:
        return _TOO_BIG
    if kind == 3:
        return _EXCEEDED
    if kind == 4:
        return _PARAMETER
    if kind == 137:
        return _REDIRECT
    return _OTHER


class IcmpCounters(IntervalAnalyser):
    kind = ICMP_COUNTERS
    fragments = Fragments.FIRST
    kernel = staticmethod(_kernel)

    def parameters(self, task: Task) -> tuple:
        return (np.uint64(1 << task.spec.bit),)
