"""A packet that asks or answers, as the readers of the protocols found it."""

import numpy as np

MESSAGE = np.dtype([
    ("identifier", "<u8"),  # what ties answer and request together
    ("question", "<u8"),  # what must be equal besides; 0: not known, goes with any
    ("record", "<i4"),  # position in the batch
    ("code", "<u2"),  # error code of an answer
    ("metric", "u1"),  # position in METRICS
    ("role", "u1"),
])
assert MESSAGE.itemsize == 24

NOTHING, REQUEST, ANSWER, MALFORMED, CUT = range(5)
"""Roles: neither asks nor answers; asks; answers; is not what its protocol says; too little of it was captured."""
