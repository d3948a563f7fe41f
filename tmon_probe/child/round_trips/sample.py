"""One round trip, as whoever finds it hands it to who counts it."""

import numpy as np

from tmon_common.analyses.built_in import METRICS

SAMPLE = np.dtype([  # one cache line and a bit
    ("time_ns", "<i8"),  # packet time of the request
    ("round_trip_ns", "<i8"),  # -1: unanswered
    ("requester_hi", "<u8"), ("requester_lo", "<u8"), ("responder_hi", "<u8"), ("responder_lo", "<u8"),
    ("identifier", "<i8"),
    ("record", "<i4"),  # position in the batch of the packet that answered
    ("requester_port", "<u2"), ("responder_port", "<u2"),
    ("metric", "<u1"),  # position in METRICS
    ("outcome", "<u1"),
    ("code", "<u2"),  # error code of the answer
    ("unused", "<u4"),
])
assert SAMPLE.itemsize == 72
OUTCOMES = ("answered", "unanswered", "error")
ANSWERED, UNANSWERED, ERROR = range(3)
ICMP_ECHO, DNS, SNMP, NTP, TCP_HANDSHAKE_SERVER, TCP_HANDSHAKE_CLIENT, TCP_TIMESTAMPS, TCP_DATA = range(len(METRICS))

OWNER = np.dtype([  # beside a sample: the flow to which it counts
    ("number", "<i8"),  # of the flow, as published
    ("counted_ns", "<i8"),  # packet time of the answer, or when the request was given up
    ("flow", "<i4"),  # its entry; -1: counts to none; FORGOTTEN: its entry may be of another by now
    ("way", "<u4"),  # 0: asked in the direction of the flow; 1: in the other
])
assert OWNER.itemsize == 24
FORGOTTEN = np.iinfo(np.int32).max
