"""Kernel: a sample of packets chosen by what they hold, so that two recordings of the same traffic give the same ones."""

from numba import njit, uint64

from tmon_common.kernels.byteorder import be16
from tmon_probe.father.ethertypes import ETHERTYPE_IPV4, ETHERTYPE_IPV6, IP_BY_VERSION
from tmon_probe.father.link import find_network
from tmon_probe.father.signature.sign import sign_fast64

LOOSE, BEGIN, WHOLE, WHOLE_NAT, TIME, COLUMNS = 0, 1, 2, 3, 4, 5
"""Of a packet that was picked: signatures with nat of its beginning (which chooses), without nat of its beginning, of all of it
without and with nat; its time in ns."""
SEEN, FRAGMENTS, CUT, KEPT, FIRST, LAST, TALLY = 0, 1, 2, 3, 4, 5, 6
"""IP packets; later fragments among them; packets that the recording has not all of; the least that it has of one of these, octets
behind the IP header; times of the first and the last one, ns."""
BEGINNING = 24
"""Octets of transport header and payload that nearly every recording has kept, and that tell packets apart: numbers of TCP."""
ALL = 65535


@njit(cache=True, nogil=True)
def pick(data, offsets, captured, wire, interfaces, link_types, times_ns, count, mask, picked, n, tally):
    """Packets of a batch (capture.batch) whose loose signature has no bit of `mask`: into picked[n:] (uint64, COLUMNS each).

    tally   int64 (TALLY,), counted on. Returns the new n; there is room for a whole batch.
    The choice by contents is RFC 5475 section 6.2 (hash-based filtering).
    """
    for i in range(count):
        at, frame_end = offsets[i], offsets[i] + captured[i]
        kind, at, _ = find_network(data, at, frame_end, link_types[interfaces[i]])
        if kind < 0 or at + 20 > frame_end:
            continue
        header, own, later = _lengths(data, at, frame_end, kind)
        end = min(own, frame_end)
        if header < 20 or at + header > end:
            continue
        if tally[SEEN] == 0 or times_ns[i] < tally[FIRST]:
            tally[FIRST] = times_ns[i]
        if tally[SEEN] == 0 or times_ns[i] > tally[LAST]:
            tally[LAST] = times_ns[i]
        tally[SEEN] += 1
        tally[FRAGMENTS] += later
        if frame_end < own and captured[i] < wire[i]:
            kept = end - at - header
            if tally[CUT] == 0 or kept < tally[KEPT]:
                tally[KEPT] = kept
            tally[CUT] += 1
        for column in range(TIME):  # one call for all: each would be compiled into this kernel again
            signature = sign_fast64(data, at, end, column in (LOOSE, WHOLE_NAT), BEGINNING if column <= BEGIN else ALL)
            if column == LOOSE and signature & mask:
                break
            picked[n, column] = signature
        else:
            picked[n, TIME] = uint64(times_ns[i])
            n += 1
    return n


@njit(cache=True, nogil=True, inline="always")
def _lengths(data, at, frame_end, kind):
    """(octets of the IP header without extension headers, 0 if there is none; end of the packet; is it a later fragment)"""
    version = data[at] >> 4
    if version == 4 and kind in (ETHERTYPE_IPV4, IP_BY_VERSION):
        total = be16(data, at + 2)
        end = at + total if total else frame_end  # left to the NIC
        return (data[at] & 15) * 4, end, (be16(data, at + 6) & 0x1FFF) != 0
    if version == 6 and kind in (ETHERTYPE_IPV6, IP_BY_VERSION):
        return 40, at + 40 + be16(data, at + 4), False
    return 0, at, False
