"""Codec of PDUs against its slow twin, on any int64s and on damaged octets.

To be run also with NUMBA_BOUNDSCHECK=1, and then with a NUMBA_CACHE_DIR of its own: cached kernels do not learn of it.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pdu import twin
from tmon_common.observations import ABSENT, KINDS, Column, Kind, Type
from tmon_common.pdu.codec import Decoder, Encoder, string_mask
from tmon_common.pdu.contents import MAX_ROWS, MAX_STRINGS, Observations
from tmon_common.pdu.error import PduError

EXTREMES = [0, 1, -1, 63, 64, -64, -65, 2**31, -(2**31), 2**63 - 1, -(2**63) + 1, ABSENT]
WORDS = st.one_of(st.sampled_from(EXTREMES), st.integers(-3, 3), st.integers(0, 100_000), st.integers(-(2**63), 2**63 - 1))
COLUMN = st.one_of(
    st.lists(WORDS, min_size=1, max_size=40),
    st.lists(st.sampled_from([0, 5]), min_size=1, max_size=40),
    st.lists(st.sampled_from([ABSENT, 1_700_000_000_000_000_000]), min_size=1, max_size=40),
    st.lists(st.integers(1_700_000_000_000_000_000, 1_700_000_000_000_100_000), min_size=1, max_size=40),
)


def kind_of(words, string_words=()):
    columns = tuple(Column(f"c{i}", Type.STRING if i in string_words else Type.INTEGER, "") for i in range(words))
    return Kind("sample", 0x7000, "", columns)


@st.composite
def matrices(draw):
    columns = draw(st.lists(COLUMN, min_size=1, max_size=5))
    rows = draw(st.integers(1, 40))
    return np.array([[column[r % len(column)] for column in columns] for r in range(rows)], np.int64)


def encode_everything(kind, words, strings, max_octets):
    """Payloads that hold all rows; those of rows that do not fit at all are left out."""
    encoder = Encoder(kind)
    encoder.offer(strings)
    start, payloads = 0, []
    while start < len(words):
        payload = encoder.encode(words, start, max_octets)
        if payload.rows == 0:
            start += 1
            continue
        payloads.append((start, payload))
        start += payload.rows
    return payloads


def decode(kind, payload, rows, words, strings, frame=3):
    """Strings and rows; also checks that nothing was written outside the rows."""
    out = np.full((frame + rows + frame, kind.words), 7777, np.int64)
    datagram = payload + b"\xff\xff\xff\xff"  # where the seal would be: must not be read as payload
    table = Decoder(kind).decode_into(datagram, 0, len(payload), Observations(0, 0, kind.number, rows, words, strings), out, frame)
    assert (out[:frame] == 7777).all()
    assert (out[frame + rows:] == 7777).all()
    return table, out[frame:frame + rows]


@settings(deadline=None)
@given(matrices(), st.integers(1, 300))
def test_payloads_are_those_of_the_twin_and_hold_the_same_rows(words, max_octets):
    """Any matrix, any limit: octet for octet what the twin makes, never above the limit, and back without loss."""
    kind = kind_of(words.shape[1])
    rows = words.tolist()
    for start, payload in encode_everything(kind, words, [], max_octets):
        expected = twin.encode(rows[start:], [], [], max_octets, MAX_ROWS, MAX_STRINGS)
        assert expected == (payload.octets, payload.rows)
        assert len(payload.octets) <= max_octets
        _, decoded = decode(kind, payload.octets, payload.rows, kind.words, payload.strings)
        assert np.array_equal(words[start:start + payload.rows], decoded)


@settings(deadline=None)
@given(matrices(), st.lists(st.text(max_size=12), min_size=1, max_size=20, unique=True), st.integers(20, 300), st.data())
def test_strings_travel_with_the_rows_that_use_them(words, strings, max_octets, data):
    """A string column says the same before and after, absent values included; the table holds only what is used."""
    column = data.draw(st.integers(0, words.shape[1] - 1))
    words[:, column] = [data.draw(st.sampled_from([ABSENT, *range(len(strings))])) for _ in range(len(words))]
    kind = kind_of(words.shape[1], {column})
    rows = words.tolist()
    for start, payload in encode_everything(kind, words, strings, max_octets):
        assert twin.encode(rows[start:], [column], strings, max_octets, MAX_ROWS, MAX_STRINGS) == (payload.octets, payload.rows)
        table, decoded = decode(kind, payload.octets, payload.rows, kind.words, payload.strings)
        sent = [strings[i] for i in words[start:start + payload.rows, column].tolist() if i != ABSENT]
        got = [table[i] for i in decoded[:, column].tolist() if i != ABSENT]
        assert sent == got
        assert set(table) == set(sent)


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_every_kind_goes_round(kind, data):
    """Rows of every declared kind come back as they went."""
    rows = data.draw(st.integers(1, 30))
    seed = data.draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    words = generator.integers(-(2**63), 2**63, (rows, kind.words), np.int64) >> generator.integers(0, 64, (1, kind.words))
    words[generator.random(words.shape) < 0.2] = ABSENT
    strings = [f"string {i}" for i in range(5)]
    mask = string_mask(kind).astype(bool)
    words[:, mask] = generator.integers(0, 5, (rows, int(mask.sum())))
    total = 0
    for start, payload in encode_everything(kind, words, strings, 1366):
        table, decoded = decode(kind, payload.octets, payload.rows, kind.words, payload.strings)
        sent = words[start:start + payload.rows]
        assert np.array_equal(sent[:, ~mask], decoded[:, ~mask])
        assert [[strings[i] for i in row] for row in sent[:, mask].tolist()] == [[table[i] for i in row]
                                                                                  for row in decoded[:, mask].tolist()]
        total += payload.rows
    assert total == rows


def agree_with_twin(kind, payload, rows, sent, strings, string_words):
    """Kernel and twin accept the same octets and read the same from them."""
    try:
        expected = twin.decode(payload, rows, sent, strings, kind.words, string_words)
    except twin.UnsoundError:
        expected = None
    try:
        table, decoded = decode(kind, payload, rows, sent, strings)
    except PduError:
        assert expected is None
    else:
        assert expected == (table, decoded.tolist())


@settings(deadline=None, max_examples=300)
@given(matrices(), st.data())
def test_damaged_payloads_are_refused_or_read_as_the_rules_say(words, data):
    """Cut, changed or prolonged octets, and lying rows, columns and strings: never a crash, never a step outside."""
    string_words = [0] if data.draw(st.booleans()) else []
    strings = ["a", "bc", "dé"]
    if string_words:
        words[:, 0] = np.abs(words[:, 0] % 3)
    kind = kind_of(words.shape[1], string_words)
    _, payload = encode_everything(kind, words, strings, 5000)[0]
    octets = bytearray(payload.octets)
    for _ in range(data.draw(st.integers(0, 3))):
        if octets:
            octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    octets = octets[:data.draw(st.integers(0, len(octets)))] if data.draw(st.booleans()) else octets
    octets += data.draw(st.binary(max_size=3))
    rows = data.draw(st.one_of(st.just(payload.rows), st.integers(1, MAX_ROWS)))
    sent = data.draw(st.one_of(st.just(kind.words), st.integers(1, 255)))
    count = data.draw(st.one_of(st.just(payload.strings), st.integers(0, 255)))
    agree_with_twin(kind, bytes(octets), rows, sent, count, string_words)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200), st.integers(1, 60), st.integers(1, 255), st.integers(0, 5), st.integers(1, 6))
def test_random_octets(payload, rows, sent, strings, known):
    """Octets that no encoder made."""
    agree_with_twin(kind_of(known, {0}), payload, rows, sent, strings, [0])
