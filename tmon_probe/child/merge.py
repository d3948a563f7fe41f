"""Kernel: the records of several lanes copied into one array in order of time."""

import numpy as np
from numba import int64, njit

from tmon_probe.records import PACKET, QUOTED

RECORD_WORDS = PACKET.itemsize // 8
MAX_UNIT = 2
"""Records that stay together: that of an ICMP error and of the packet it quotes."""
_MASK, _FLAGS = (PACKET.fields[name][1] // 8 for name in ("class_mask", "flags"))  # words
_FLAGS_SHIFT = 8 * (PACKET.fields["flags"][1] % 8)
_QUOTED, _ANY_FLAG = QUOTED << _FLAGS_SHIFT, -1 << _FLAGS_SHIFT
assert PACKET.fields["time_ns"][1] == 0
assert _FLAGS_SHIFT == 32


@njit(cache=True, nogil=True)
def merge_lanes(lanes, starts, counts, bounds, waited_for, taken, staging, lane_of):
    """Records in order of (time, lane), as many as fit and as may go; those of a lane stay in the order they have there.

    lanes       int64 (lanes, slots, RECORD_WORDS): the records of every ring; slots is a power of two
    starts, counts  int64 (lanes,): slot of the first record that waits in each lane, and how many do
    bounds      int64 (lanes,): no record that is still to come in this lane is older
    waited_for  uint8 (lanes,): 1: while nothing waits in this lane, records that come after its bound stay where they are
    taken       int64 (lanes,): set to the records done of each lane, pads (no class, no flags) among them, which are not copied
    staging     int64 (n, RECORD_WORDS), n at least MAX_UNIT; lane_of: int16 (n,), lane of each record in it
    Returns how many records are in staging.
    """
    number, room, wrap = len(starts), len(staging), lanes.shape[1] - 1
    heads = np.empty(number, np.int64)
    for lane in range(number):
        taken[lane] = 0
        heads[lane] = lanes[lane, starts[lane] & wrap, 0] if counts[lane] else bounds[lane]
    written = 0
    while room - written >= MAX_UNIT:
        first = second = int64(-1)
        for lane in range(number):
            if taken[lane] == counts[lane] and not waited_for[lane]:
                continue
            if first < 0 or heads[lane] < heads[first]:
                second = first
                first = int64(lane)
            elif second < 0 or heads[lane] < heads[second]:
                second = int64(lane)
        if first < 0 or taken[first] == counts[first]:
            break
        while taken[first] < counts[first]:
            slot = (starts[first] + taken[first]) & wrap
            time_ns, flags = lanes[first, slot, 0], lanes[first, slot, _FLAGS] & _ANY_FLAG
            together = flags & _QUOTED != 0  # with the record before
            later = second >= 0 and (time_ns > heads[second] or (time_ns == heads[second] and first > second))
            if written == room or (not together and (later or room - written < MAX_UNIT)):
                break
            taken[first] += 1
            if flags == 0 and lanes[first, slot, _MASK] == 0:
                continue
            for word in range(RECORD_WORDS):
                staging[written, word] = lanes[first, slot, word]
            lane_of[written] = first
            written += 1
        heads[first] = lanes[first, (starts[first] + taken[first]) & wrap, 0] if taken[first] < counts[first] else bounds[first]
    return written


def warm_up() -> None:
    """Compile, or load from the cache, with nothing to do."""
    words = np.zeros((1, 2, RECORD_WORDS), np.int64)
    nothing = np.zeros(1, np.int64)
    merge_lanes(words, nothing, nothing, nothing, np.zeros(1, np.uint8), nothing.copy(), words[0], np.zeros(2, np.int16))
