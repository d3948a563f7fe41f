"""Kernels that find the packets in octets of pcap and pcapng files."""

from numba import njit

from tmon_common.kernels.byteorder import u16, u32
from tmon_probe.father.capture.formats import MAX_FRAME_OCTETS, PCAPNG_INTERFACE, PCAPNG_SECTION

# why a walk stopped
BATCH_FULL = 0
NEED_MORE = 1  # the next record is not whole in the window
CORRUPT = 2  # the next record cannot be: implausible lengths
LARGE_BLOCK = 4  # pcapng: a block that is no packet and larger than the window, for Python to skip
SPECIAL_BLOCK = 3  # pcapng: a section header or interface description, for Python to read

SECOND = 1_000_000_000
PCAPNG_PACKET = 2
PCAPNG_SIMPLE = 3
PCAPNG_ENHANCED = 6


@njit(cache=True, nogil=True)
def walk_pcap(data, start, end, big, tick_ns, offsets, captured, wire, times_ns):
    """Records of a pcap file in data[start:end] (uint8), from a record boundary on.

    big: byte order of the file; tick_ns: ns of a unit of the sub-second field (1 or 1000). Fills the int64 arrays of a Batch.
    Returns (packets found, position of the first octet not used, why it stopped).
    Source: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html section 5
    """
    n = 0
    at = start
    while n < len(offsets):
        if at + 16 > end:
            return n, at, NEED_MORE
        length = u32(data, at + 8, big)
        if length > MAX_FRAME_OCTETS:
            return n, at, CORRUPT
        if at + 16 + length > end:
            return n, at, NEED_MORE
        offsets[n] = at + 16
        captured[n] = length
        wire[n] = max(u32(data, at + 12, big), length)
        times_ns[n] = u32(data, at, big) * SECOND + u32(data, at + 4, big) * tick_ns
        at += 16 + length
        n += 1
    return n, at, BATCH_FULL


@njit(cache=True, nogil=True)
def walk_pcapng(data, start, end, big, clocks, last_ns, offsets, captured, wire, times_ns, interfaces):
    """Blocks of a pcapng section in data[start:end] (uint8), from a block boundary on.

    clocks      int64 (interfaces, 4): see `clock_ns`, and the snap length (0: none) in the last column
    last_ns     time of the packet before: a Simple Packet Block has none of its own
    Fills the int64 arrays of a Batch. Returns (packets found, position of the first octet not used, why it stopped).
    Source: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html sections 4.3, 4.4, appendix A
    """
    n = 0
    at = start
    while n < len(offsets):
        if at + 12 > end:
            return n, at, NEED_MORE
        block = u32(data, at, big)
        if block in (PCAPNG_SECTION, PCAPNG_INTERFACE):
            return n, at, SPECIAL_BLOCK
        length = u32(data, at + 4, big)
        if length < 12 or length & 3 != 0:
            return n, at, CORRUPT
        if length > len(data):
            return n, at, CORRUPT if block in (PCAPNG_PACKET, PCAPNG_SIMPLE, PCAPNG_ENHANCED) else LARGE_BLOCK
        if at + length > end:
            return n, at, NEED_MORE
        if u32(data, at + length - 4, big) != length:
            return n, at, CORRUPT
        header = 28
        interface = 0
        if block == PCAPNG_ENHANCED and length >= 32:
            interface = u32(data, at + 8, big)
        elif block == PCAPNG_PACKET and length >= 32:
            interface = u16(data, at + 8, big)
        elif block == PCAPNG_SIMPLE and length >= 16:
            header = 12
        else:
            at += length
            continue
        if interface >= len(clocks):
            return n, at, CORRUPT
        if header == 12:
            original = u32(data, at + 8, big)
            snap = clocks[interface, 3]
            size = original if snap == 0 else min(original, snap)
            size = min(size, length - 16)
            times_ns[n] = last_ns
        else:
            size = u32(data, at + 20, big)
            original = u32(data, at + 24, big)
            times_ns[n] = clock_ns(u32(data, at + 12, big), u32(data, at + 16, big), clocks, interface)
            last_ns = times_ns[n]
        if size > length - header - 4 or size > MAX_FRAME_OCTETS:
            return n, at, CORRUPT
        offsets[n] = at + header
        captured[n] = size
        wire[n] = max(original, size)
        interfaces[n] = interface
        at += length
        n += 1
    return n, at, BATCH_FULL


@njit(cache=True, nogil=True)
def clock_ns(high, low, clocks, interface):
    """Time of a packet block in ns since 1970-01-01 UTC.

    clocks[interface] = (units a second if the resolution is a power of ten, else 0; n if it is 2^-n; offset in ns; -).
    """
    ticks = (high << 32) | low
    per_second = clocks[interface, 0]
    if per_second > 0:
        seconds = ticks // per_second
        rest = ticks - seconds * per_second
        fraction = rest * (SECOND // per_second) if per_second <= SECOND else rest // (per_second // SECOND)
    else:
        shift = clocks[interface, 1]
        seconds = ticks >> shift
        rest = ticks & ((1 << shift) - 1)
        if shift <= 31:
            fraction = (rest * SECOND) >> shift
        else:  # in two parts: the product would not fit
            below = shift - 31
            fraction = ((rest >> below) * SECOND + (((rest & ((1 << below) - 1)) * SECOND) >> below)) >> 31
    return seconds * SECOND + fraction + clocks[interface, 2]
