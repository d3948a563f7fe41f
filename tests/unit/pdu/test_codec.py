"""Codec: what each mode costs, limits, and columns that one side does not know."""

import numpy as np
import pytest

from tmon_common.observations import ABSENT, FLOW_DEFINITION, IP_COUNTERS, Column, Kind, Type
from tmon_common.pdu.codec import Decoder, Encoder
from tmon_common.pdu.contents import MAX_ROWS, MAX_STRINGS, Observations
from tmon_common.pdu.error import PduError


def kind_of(*types):
    return Kind("sample", 0x7000, "", tuple(Column(f"c{i}", t, "") for i, t in enumerate(types)))


INTEGER, STRING = Type.INTEGER, Type.STRING


def encoded(columns, types=None, strings=(), max_octets=1000):
    words = np.array(columns, np.int64).T.copy()
    encoder = Encoder(kind_of(*(types or [INTEGER] * len(columns))))
    encoder.offer(list(strings))
    return encoder.encode(words, 0, max_octets)


@pytest.mark.parametrize(("column", "mode", "body"), [
    ([ABSENT] * 3, 0, ""),
    ([0] * 3, 1, ""),
    ([300] * 3, 2, "d8 04"),
    ([1, -1, 2], 3, "02 01 04"),
    ([1000, 1001, 1003], 4, "d0 0f 02 04"),
    ([ABSENT, 5, 5], 5, "06 0a"),
    ([ABSENT, 5, 6], 6, "06 0a 0c"),
    ([1000, ABSENT, 1001], 7, "05 d0 0f 02"),
    ([0] * 17 + [-3], 8, "00 00 02 05"),
    ([0] * 16 + [1, 2], 9, "00 00 03 02 04"),
    ([7] * 8 + [1000] * 9, 10, "01 01 00 0e c2 0f"),
    ([ABSENT] + [7] * 8 + [1000] * 9, 11, "fe ff 03 01 01 00 0e c2 0f"),
])
def test_modes(column, mode, body):
    """Each mode is chosen where it is the shortest, with the octets that docs/protocol.md tells."""
    assert bytes([mode]) + bytes.fromhex(body) == encoded([column]).octets


def test_two_modes_share_an_octet():
    """The first column of a pair is in the low half."""
    assert bytes.fromhex("31 00 02 04") == encoded([[0, 0], [1, 2], [ABSENT, ABSENT]]).octets


def test_extremes_go_round():
    """Differences wrap at 64 bits."""
    column = [2**63 - 1, -(2**63) + 1, 2**63 - 1, 0, -(2**63) + 1]
    payload = encoded([column])
    out = np.zeros((5, 1), np.int64)
    Decoder(kind_of(INTEGER)).decode_into(payload.octets, 0, len(payload.octets), Observations(0, 0, 0, 5, 1, 0), out, 0)
    assert column == out[:, 0].tolist()


def test_limits_of_rows_and_strings():
    """No PDU has more than MAX_ROWS rows or MAX_STRINGS strings, whatever the room."""
    assert encoded([[0] * 2000]).rows == MAX_ROWS
    many = encoded([list(range(300))], [STRING], [str(i) for i in range(300)], max_octets=5000)
    assert (many.rows, many.strings) == (MAX_STRINGS, MAX_STRINGS)


def test_a_row_that_does_not_fit():
    """No row, no octets; the encoder can go on with another."""
    encoder = Encoder(kind_of(STRING))
    encoder.offer(["x" * 100, "y"])
    words = np.array([[0], [1]], np.int64)
    assert encoder.encode(words, 0, 50).rows == 0
    assert encoder.encode(words, 1, 50) == (b"\x01y\x01", 1, 1)


def test_string_index_outside_the_table():
    """A mistake of an analyser is told, not sent."""
    encoder = Encoder(kind_of(STRING))
    encoder.offer(["a"])
    for index in (1, -1):
        with pytest.raises(ValueError, match="outside the string table"):
            encoder.encode(np.array([[0], [index]], np.int64), 0, 100)
    assert encoder.encode(np.array([[0]], np.int64), 0, 100).rows == 1


def test_columns_that_one_side_does_not_know():
    """Trailing columns are passed over by an older collector, and empty for a newer one."""
    newer, older = kind_of(INTEGER, INTEGER, STRING), kind_of(INTEGER, INTEGER)
    encoder = Encoder(newer)
    encoder.offer(["new"])
    payload = encoder.encode(np.array([[1, 10, 0], [2, 20, 0]], np.int64), 0, 100)
    out = np.zeros((2, 2), np.int64)
    header = Observations(0, 0, 0, payload.rows, 3, payload.strings)
    assert Decoder(older).decode_into(payload.octets, 0, len(payload.octets), header, out, 0) == ["new"]
    assert out.tolist() == [[1, 10], [2, 20]]

    payload = Encoder(older).encode(np.array([[1, 10], [2, 20]], np.int64), 0, 100)
    out = np.zeros((2, 3), np.int64)
    Decoder(newer).decode_into(payload.octets, 0, len(payload.octets), Observations(0, 0, 0, 2, 2, 0), out, 0)
    assert out.tolist() == [[1, 10, ABSENT], [2, 20, ABSENT]]


@pytest.mark.parametrize(("payload", "rows", "strings", "text"), [
    (b"", 1, 0, "before its last number"),
    (b"\x0c", 1, 0, "unknown column mode"),
    (b"\x0a", 1, 0, "before its last number"),
    (b"\x0b", 1, 0, "before its last number"),
    (b"\x0b\x01", 1, 0, "before its last number"),
    (b"\x0b\x01\x01", 1, 0, "before its last number"),
    (b"\x03" + b"\xff" * 10, 1, 0, "before its last number"),
    (b"\x03" + b"\xff" * 9 + b"\x02", 1, 0, "before its last number"),
    (b"\x01\x00", 1, 0, "left over"),
    (b"\x7fabc\x01", 1, 1, "before its last number"),
    (b"\x01\xff\x01", 1, 1, "not UTF-8"),
    (b"\x01", 0, 0, "0 rows"),
    (b"\x01", MAX_ROWS + 1, 0, "1025 rows"),
])
def test_unsound_payloads(payload, rows, strings, text):
    """Each rule broken, each told."""
    out = np.zeros((2000, 1), np.int64)
    with pytest.raises(PduError, match=text) as caught:
        Decoder(kind_of(INTEGER)).decode_into(payload, 0, len(payload), Observations(0, 0, 0, rows, 1, strings), out, 0)
    assert caught.value.reason == "payload"


def test_index_outside_the_string_table():
    out = np.zeros((1, 1), np.int64)
    with pytest.raises(PduError, match="index outside"):
        Decoder(kind_of(STRING)).decode_into(b"\x01a\x02\x02", 0, 4, Observations(0, 0, 0, 1, 1, 1), out, 0)


def test_room_of_the_caller():
    """Rows are never written behind the matrix."""
    with pytest.raises(ValueError, match="do not fit"):
        Decoder(kind_of(INTEGER)).decode_into(b"\x01", 0, 1, Observations(0, 0, 0, 3, 1, 0), np.zeros((4, 1), np.int64), 2)


def test_counters_take_few_octets():
    """Rows of an interval: flow, start and end cost next to nothing, small counts an octet each."""
    words = np.zeros((500, IP_COUNTERS.words), np.int64)
    words[:, 0] = np.arange(500)
    words[:, 1] = 1_700_000_000_000_000_000
    words[:, 2] = words[:, 1] + 60 * 10**9
    words[:, 3:7] = np.arange(500)[:, None] % 60
    payload = Encoder(IP_COUNTERS).encode(words, 0, 9000)
    assert payload.rows == 500
    assert len(payload.octets) / 500 < 5.1


def test_kind_with_addresses_and_empty_fields():
    words = np.full((40, FLOW_DEFINITION.words), ABSENT, np.int64)
    words[:, 0] = np.arange(40)
    words[:, 1] = 0
    encoder = Encoder(FLOW_DEFINITION)
    encoder.offer(["all"])
    payload = encoder.encode(words, 0, 1000)
    out = np.zeros_like(words)
    header = Observations(0, 0, FLOW_DEFINITION.number, payload.rows, FLOW_DEFINITION.words, payload.strings)
    assert Decoder(FLOW_DEFINITION).decode_into(payload.octets, 0, len(payload.octets), header, out, 0) == ["all"]
    assert np.array_equal(words, out)
