"""Kernel: the options of a TCP header into a packet record."""

from numba import njit

from tmon_common.kernels.byteorder import be16, be32, low32
from tmon_probe import records as r

MAX_SACK_BLOCKS = 4
NOP_NOP_TIMESTAMPS = 0x0101080A
"""The four octets before TSval and TSecr in nearly every segment that has them (RFC 7323 appendix A)."""

_END, _NOP, _MSS, _WINDOW_SCALE, _SACK_PERMITTED, _SACK, _TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
_HAS_MSS, _HAS_WINDOW_SCALE, _PERMITTED = r.HAS_MSS, r.HAS_WINDOW_SCALE, r.SACK_PERMITTED
_HAS_SACK, _HAS_TIMESTAMPS = r.HAS_SACK, r.HAS_TIMESTAMPS


@njit(cache=True, nogil=True)
def tcp_options(data, at, end, record):
    """The options data[at:end] (uint8) into `record` (records.PACKET); returns the bits of its `flags` that tell which are there.

    An option counts if it is whole and as long as its RFC says; of two of a kind, the last. The first that is cut, or whose length
    cannot be, ends the list: what came before counts. Sources: RFC 9293 section 3.1 and 3.7.1, RFC 7323, RFC 2018.
    """
    flags = 0
    while at + 2 <= end:
        kind = int(data[at])
        if kind == _END:
            break
        if kind == _NOP:
            at += 1
            continue
        size = int(data[at + 1])
        if size < 2 or at + size > end:
            break
        if kind == _TIMESTAMPS and size == 10:
            flags |= _HAS_TIMESTAMPS
            record.tcp_tsval = low32(be32(data, at + 2))
            record.tcp_tsecr = low32(be32(data, at + 6))
        elif kind == _MSS and size == 4:
            flags |= _HAS_MSS
            record.tcp_mss = be16(data, at + 2)
        elif kind == _WINDOW_SCALE and size == 3:
            flags |= _HAS_WINDOW_SCALE
            record.tcp_window_scale = data[at + 2]
        elif kind == _SACK_PERMITTED and size == 2:
            flags |= _PERMITTED
        elif kind == _SACK and size >= 10 and size % 8 == 2:
            flags |= _HAS_SACK
            blocks = min((size - 2) // 8, MAX_SACK_BLOCKS)
            record.sack_blocks = blocks
            for i in range(2 * blocks):
                record.sack[i] = low32(be32(data, at + 2 + 4 * i))
        at += size
    return flags
