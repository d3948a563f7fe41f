"""How a TCP connection lies in memory: as it is tracked (448 octets), and as it is told to analysers."""

import numpy as np

ENDINGS = ("fin", "rst", "timeout", "capture_end", "replaced", "evicted", "interim")
FIN_ENDED, RST_ENDED, TIMEOUT, CAPTURE_END, REPLACED, EVICTED, INTERIM = range(len(ENDINGS))
CLIENT, SERVER = 1, 2
"""`closed_by`; 0: nobody."""
UNKNOWN = -1
"""Of a number or time that is not known. Window scale: NO_SCALE."""
NO_SCALE = 255


def _both(*names: str, kind: str = "<i8") -> list[tuple]:
    return [(name, kind, (2,)) for name in names]


CONNECTION = np.dtype([
    ("serial", "<i8"),  # never the same again in a run
    ("client_hi", "<u8"), ("client_lo", "<u8"), ("server_hi", "<u8"), ("server_lo", "<u8"),
    ("start_ns", "<i8"), ("established_ns", "<i8"), ("end_ns", "<i8"),  # established: 0 if that was not seen
    ("handshake_server_ns", "<i8"), ("handshake_client_ns", "<i8"),  # UNKNOWN if not seen
    ("longest_silence_ns", "<i8"),
    ("slot", "<i4"),
    ("client_port", "<u2"), ("server_port", "<u2"),
    ("ended_by", "<u1"),  # position in ENDINGS
    ("closed_by", "<u1"),
    ("from_start", "<u1"), ("ftp_data", "<u1"), ("simultaneous_open", "<u1"), ("ecn", "<u1"),
    ("by_boundaries", "<u1"),  # only SYN, FIN and RST were looked at
    ("unused", "<u1"),
    # By direction: 0 client to server, 1 server to client. octets, unique_octets: UNKNOWN if boundaries cannot tell.
    *_both("segments", "data_segments", "octets", "unique_octets", "missing_octets", "retransmitted_segments",
           "retransmitted_octets", "out_of_order_segments", "duplicate_acks", "sack_blocks", "keep_alives", "syn_segments",
           "zero_windows", "zero_window_ns", "largest_window", "window_scale", "mss", "sack_permitted", "ce_marked",
           "ece_segments", "rtt_samples", "rtt_sum_ns", "rtt_min_ns", "rtt_max_ns", "first_data_ns", "last_data_ns"),
])
"""largest_window, window_scale, mss: UNKNOWN where it was not told; rtt_min_ns and rtt_max_ns without samples, first_data_ns and
last_data_ns without data: 0."""

HEAD = np.dtype([  # one cache line: whose connection it is, and what every segment changes
    ("client_hi", "<u8"), ("client_lo", "<u8"), ("server_hi", "<u8"), ("server_lo", "<u8"),
    ("client_port", "<u2"), ("server_port", "<u2"),
    ("place", "<u4"),  # observation point << 16 | VLAN
    ("last_ns", "<i8"), ("longest_silence_ns", "<i8"),
    ("marks", "<u4"),
    ("wraps", "<u1", (4,)),  # of segments (2,) and data_segments (2,): how often 2**32 went by
])
WAY = np.dtype([  # first line: what every segment of the direction changes
    ("next", "<i8"),  # after the highest sequence number seen; counted on beyond 2**32
    ("octets", "<i8"),
    ("last_data_ns", "<i8"),
    ("segments", "<u4"), ("data_segments", "<u4"),
    ("ack", "<u4"),  # highest acknowledgement sent
    ("window", "<u2"), ("highest_window", "<u2"),  # as they stand in the header, the latter without SYN
    ("tsval", "<u4"),  # highest TSval sent
    ("data_head", "<i4"), ("data_tail", "<i4"),  # segments that wait for their acknowledgement
    ("ts_head", "<i4"), ("ts_tail", "<i4"),  # TSvals that wait for their echo
    ("syn_window", "<u2"),
    ("data_waiting", "<u1"), ("ts_waiting", "<u1"),
    # second: what acknowledgements of the other side and losses change
    ("rtt_sum_ns", "<i8"), ("rtt_min_ns", "<i8"), ("rtt_max_ns", "<i8"),
    ("retransmitted_octets", "<i8"),
    ("rtt_samples", "<u4"), ("retransmitted_segments", "<u4"), ("out_of_order_segments", "<u4"), ("duplicate_acks", "<u4"),
    ("sack_blocks", "<u4"),
    ("holes", "<i4"),  # sequence space that was passed over, lowest first
    ("isn", "<u4"),  # of the SYN; picked up in the middle: before the lowest number seen
    ("mss", "<u2"), ("window_scale", "<u1"), ("hole_count", "<u1"),
])
REST = np.dtype([  # two lines that few segments change
    ("serial", "<i8"), ("start_ns", "<i8"), ("established_ns", "<i8"),
    ("server_ns", "<i8"),  # time of the last SYN; with SYN_ACK: how long the server took
    ("client_ns", "<i8"),  # time of the last SYN-ACK; with ESTABLISHED: how long the client took
    ("interims", "<u4"),
    ("syn_segments", "<u2", (2,)),
    *_both("keep_alives", "zero_windows", "ce_marked", "ece_segments", kind="<u4"),
    *_both("first_data_ns",
           "zero_window_ns",  # while the window is closed: less the time when it was closed
           "given_up"),  # octets of holes that there was no room for
])
assert (HEAD.itemsize, WAY.itemsize, REST.itemsize) == (64, 128, 128)

NODE = np.dtype([("key", "<u4"), ("next", "<i4"), ("value", "<i8")])
"""One of a chain. Waiting segment: number after its end, time; waiting TSval: it, time; hole: length, first number."""
MAX_WAITING = 255
"""Segments and TSvals of a direction that wait at a time; beyond that a connection is only sampled."""
MAX_HOLES = 255
"""Of a direction; beyond that the lowest is given up."""

# bits of `marks`; those of the server's direction are one higher than the client's
LIVING = 1 << 0
FROM_START = 1 << 1
SYN_ACK = 1 << 2  # the server answered with SYN-ACK
ESTABLISHED = 1 << 3
ACTIVE = 1 << 4  # more than SYN and RST was seen
RESET = 1 << 5  # before both sides had sent a FIN
CLOSED_BY_CLIENT, CLOSED_BY_SERVER = 1 << 6, 1 << 7
SIMULTANEOUS = 1 << 8
FTP_DATA = 1 << 9
BY_BOUNDARIES = 1 << 10
ECN_ASKED, ECN = 1 << 11, 1 << 12
REFUSED = 1 << 13  # RST for a SYN
SEEN = 1 << 14
SYN_SEEN = 1 << 16
FIN_SEEN = 1 << 18
NUMBERED = 1 << 20  # `next` and `isn` are known
ACKED = 1 << 22  # `ack` is known
STAMPED = 1 << 24  # `tsval` is known
SHUT = 1 << 26  # its window is closed
SACK_OFFERED = 1 << 28
BOUNDED = 1 << 30  # by boundaries: `octets` is known

# positions in the array of counts that kernels share
FREE_SLOTS, FREE_NODE, FREE_NODES, SERIAL, OPENED, ENDED, SAMPLES, HOLES_DROPPED, SAMPLES_DROPPED = range(9)
COUNTS = 9
