"""Payloads of one class, as many observations in each as fit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tmon_common.observations import ABSENT
from tmon_common.pdu.codec import MAX_PAYLOAD_OCTETS
from tmon_common.pdu.one_way import encode
from tmon_common.pdu.one_way.decode import decode
from tmon_common.pdu.one_way.form import RESOLUTIONS_NS, Form
from tmon_common.pdu.one_way.layout import (
    ENDED,
    EXTRA,
    FLOW,
    LAST,
    MAX_FLOW,
    MAX_OBSERVATIONS,
    MAX_POINT,
    MAX_RANKED,
    MAX_SIZE,
    OCTETS,
    OPTIONAL,
    POINT,
    SIZES,
    SOUND_NS,
    TIME,
    VERSION,
    WATERMARK,
    WORDS,
)


class PackedObservations(NamedTuple):
    """octets: a payload; rows: how many of those offered are in it; watermark_ns: what it says."""

    octets: bytes
    rows: int
    watermark_ns: int


def sound(words: np.ndarray) -> np.ndarray:
    """bool (n,): which rows (int64 (n, WORDS)) the code can tell."""
    times = words[:, TIME]
    good = (times > -SOUND_NS) & (times < SOUND_NS)
    good &= (words[:, FLOW] >= 0) & (words[:, FLOW] <= MAX_FLOW) & (words[:, POINT] > 0) & (words[:, POINT] <= MAX_POINT)
    octets = words[:, OCTETS]
    good &= (octets == ABSENT) | ((octets >= 0) & (octets <= MAX_SIZE))
    optional = words[:, LAST:EXTRA + OPTIONAL - 1]
    return good & ((optional == ABSENT) | ((optional > -SOUND_NS) & (optional < SOUND_NS))).all(axis=1)


def in_order(words: np.ndarray) -> np.ndarray:
    """Rows by flow, point and time."""
    return words[np.lexsort((words[:, TIME], words[:, POINT], words[:, FLOW]))]


class OneWayPacker:
    """Payloads of one form."""

    def __init__(self, form: Form) -> None:
        self.form = form
        name = form.flow_class.encode("utf-8", "replace")
        self._name = _number(len(name)) + name
        self._out = np.empty(MAX_PAYLOAD_OCTETS, np.uint8)
        self._columns = np.empty((encode.COLUMNS, MAX_OBSERVATIONS), np.int64)
        self._packed = np.empty(MAX_OBSERVATIONS, np.uint64)
        self._counts = np.zeros(encode.RANKS, np.int64)
        self._ranked = np.empty(MAX_RANKED, np.int64)
        self._plans = np.empty((encode.COLUMNS, encode.PLANS), np.int64)

    def pack(self, words: np.ndarray, start: int, max_octets: int, sequence: int, watermark_ns: int, *,
             ended: bool = False, most: int = MAX_OBSERVATIONS) -> PackedObservations:
        """Rows of words[start:] (int64, C-contiguous, `sound` and `in_order`), as many as fit, at most `most`; rows is 0 when not
        even one does.

        watermark_ns, ended: said when all rows are taken. Otherwise the run goes on, and the watermark is at most the earliest of
        those left.
        """
        form = self.form
        low = high = self._units(watermark_ns)
        known = watermark_ns > -SOUND_NS
        rest = words[start:, TIME]
        if not len(rest):
            return PackedObservations(self._header(sequence, high, high, known=known, ended=ended), 0, watermark_ns)
        base = self._units(int(rest[0]))
        if known:
            low = min(low, self._units(int(rest.min())))
        room = max_octets - self._header_octets(sequence, base, low, high, known=known)
        rows, octets = encode.encode(
            words, start, min(most, MAX_OBSERVATIONS), form.resolution_ns, form.signature_octets, form.sizes,
            min(room, MAX_PAYLOAD_OCTETS), base, self._out, self._columns, self._packed, self._counts, self._ranked, self._plans,
        ) if room > 0 else (0, 0)
        if rows == 0:
            return PackedObservations(b"", 0, watermark_ns)
        if rows < len(rest):
            ended = False
            if known:
                watermark_ns = min(watermark_ns, int(rest[rows:].min()))
        header = self._header(sequence, base, self._units(watermark_ns), known=known, ended=ended)
        return PackedObservations(header + self._out[:octets].tobytes(), int(rows), watermark_ns)

    def _units(self, time_ns: int) -> int:
        """Rounded down, so that what is before it is before it in whole units, too."""
        return max(min(time_ns, SOUND_NS), -SOUND_NS) // self.form.resolution_ns

    def _header(self, sequence: int, base: int, watermark: int, *, known: bool, ended: bool) -> bytes:
        flags = (ENDED if ended else 0) | (SIZES if self.form.sizes else 0) | (WATERMARK if known else 0)
        exponent = RESOLUTIONS_NS.index(self.form.resolution_ns)
        header = bytes((VERSION << 4 | flags, exponent << 4 | self.form.signature_octets))
        header += _number(sequence) + self._name + _signed(base)
        return header + _signed(watermark - base) if known else header

    def _header_octets(self, sequence: int, base: int, low: int, high: int, *, known: bool) -> int:
        """At most, for any watermark from low to high."""
        octets = 2 + len(_number(sequence)) + len(self._name) + len(_signed(base))
        return octets + max(len(_signed(low - base)), len(_signed(high - base))) if known else octets


def warm_up() -> None:
    """Compiles the kernels, or loads them from their cache."""
    words = np.array([[1, 1, 0, 0, *[ABSENT] * (WORDS - 4)]], np.int64)
    octets = OneWayPacker(Form("warm_up", 4, 1, sizes=True)).pack(words, 0, 100, 0, ABSENT).octets
    decode(octets, 0, len(octets))


def _number(value: int) -> bytes:
    """LEB128."""
    octets = bytearray()
    while value > 127:
        octets.append(value & 127 | 128)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def _signed(value: int) -> bytes:
    """Zigzag, then LEB128."""
    return _number(2 * value if value >= 0 else -2 * value - 1)
