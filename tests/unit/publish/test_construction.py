"""PDUs under construction: nothing is lost, doubled or reordered, whatever portions rows come in."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tmon_common.observations import ABSENT, Column, Kind, Rows, Type
from tmon_common.pdu.codec import Decoder
from tmon_common.pdu.contents import Observations
from tmon_common.pdu.packing import unpacked
from tmon_probe.publish.construction import Construction

KIND = Kind("sample", 0x7000, "", (Column("n", Type.INTEGER, ""), Column("a", Type.STRING, ""), Column("b", Type.STRING, "")))


def read(payloads):
    rows = []
    for payload in payloads:
        out = np.zeros((payload.rows, 3), np.int64)
        header = Observations(0, 0, KIND.number, payload.rows, 3, payload.strings)
        octets = unpacked(payload.type, payload.octets)
        table = Decoder(KIND).decode_into(octets, 0, len(octets), header, out, 0)
        rows += [(n, *(None if i == ABSENT else table[i] for i in strings)) for n, *strings in out.tolist()]
    return rows


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(-10, 10**6), st.sampled_from("xyz"), st.none() | st.text(max_size=3)), max_size=30),
                max_size=10), st.integers(30, 200))
def test_rows_leave_as_they_came(portions, max_octets):
    """The table of strings differs from portion to portion; the rows say the same in the end, in the same order."""
    construction = Construction(KIND, max_octets, 4)
    payloads = []
    for now, portion in enumerate(portions):
        strings = sorted({s for row in portion for s in row[1:] if s is not None}, reverse=True)
        words = np.array([[n, strings.index(a), ABSENT if b is None else strings.index(b)] for n, a, b in portion], np.int64)
        rows = Rows.from_words(KIND, words.reshape(-1, 3), strings)
        payloads += construction.add(rows, now)
        words[:] = 99  # the caller may use its memory again
    payloads += construction.flush(len(portions))
    assert [row for portion in portions for row in portion] == read(payloads)
    assert construction.since_ns is None
    assert construction.octets == 0
    assert all(len(p.octets) <= max_octets for p in payloads)


def test_age_is_that_of_the_oldest_row():
    construction = Construction(KIND, 100, 4)
    row = Rows.from_words(KIND, np.array([[1, 0, ABSENT]], np.int64), ["x"])
    assert list(construction.add(row, 5)) == []
    assert list(construction.add(row, 9)) == []
    assert construction.since_ns == 5
    assert [p.rows for p in construction.flush(10)] == [2]
    assert list(construction.flush(11)) == []
