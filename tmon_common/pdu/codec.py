"""Rows to payloads and back: the kernels of `columns` behind a plain interface."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tmon_common.observations import ABSENT, Column, Kind, Type
from tmon_common.pdu import columns
from tmon_common.pdu.contents import MAX_ROWS, MAX_STRINGS, MAX_WORDS, Observations
from tmon_common.pdu.error import PduError

MAX_PAYLOAD_OCTETS = 1 << 15  # before compression

_FAULTS = {
    columns.CUT: "ends before its last number",
    columns.BAD_MODE: "unknown column mode",
    columns.BAD_INDEX: "index outside the string table",
    columns.TRAILING: "octets left over",
}


def string_mask(kind: Kind) -> np.ndarray:
    """uint8 (kind.words,): 1 where the word is an index in the string table."""
    mask = np.zeros(kind.words, np.uint8)
    for column in kind.expanded:
        if column.type is Type.STRING:
            mask[kind.word_of(column.name)] = 1
    return mask


class Payload(NamedTuple):
    """rows: how many of the rows offered are in `octets`; strings: entries of the table in front."""

    octets: bytes
    rows: int
    strings: int


class Encoder:
    """Payloads of one kind. ValueError for kinds with more than MAX_WORDS words."""

    def __init__(self, kind: Kind) -> None:
        if kind.words > MAX_WORDS:
            msg = f"{kind.name} has {kind.words} words a row, PDUs hold at most {MAX_WORDS}"
            raise ValueError(msg)
        self.mask = string_mask(kind)
        self._out = np.empty(MAX_PAYLOAD_OCTETS, np.uint8)
        self.offer([])

    @property
    def offered(self) -> int:
        """Strings in the table."""
        return len(self._local)

    def offer(self, strings: list[str]) -> None:
        """Sets the table that string columns of the next rows refer to."""
        encoded = [s.encode("utf-8", "replace") for s in strings]
        self._string_octets = np.array([len(e) for e in encoded], np.int64)
        self._blob_start = np.cumsum(self._string_octets) - self._string_octets
        self._blob = np.array(bytearray(b"".join(encoded)), np.uint8)
        self._local = np.full(len(encoded), -1, np.int64)

    def encode(self, words: np.ndarray, start: int, max_octets: int) -> Payload:
        """As many rows of words[start:] (int64, C-contiguous) as fit in max_octets; rows is 0 when not even one does.

        ValueError when a string column points outside the table given to `offer`.
        """
        rows, octets, strings = columns.encode(
            words, start, self.mask, self._string_octets, self._blob, self._blob_start, self._local,
            min(max_octets, MAX_PAYLOAD_OCTETS), MAX_ROWS, MAX_STRINGS, self._out,
        )
        if rows < 0:
            msg = "a string column points outside the string table"
            raise ValueError(msg)
        return Payload(self._out[:octets].tobytes(), rows, strings)


class Decoder:
    """Rows of one kind out of payloads."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.mask = string_mask(kind)
        self._starts = np.zeros(MAX_STRINGS, np.int64)
        self._octets = np.zeros(MAX_STRINGS, np.int64)

    def decode_into(self, content: bytes, at: int, end: int, header: Observations, out: np.ndarray, row: int) -> list[str]:
        """Reads the payload content[at:end] into out[row:row + header.rows] (int64, kind.words wide).

        Columns that this version does not know are passed over, those that the sender did not know become ABSENT.
        Returns the string table. PduError("payload") when anything is amiss; the rows in `out` then hold anything.
        ValueError when `out` has too few rows left.
        """
        rows = header.rows
        if not 0 < rows <= MAX_ROWS:
            raise PduError("payload", f"{rows} rows")
        if header.words == 0:
            raise PduError("payload", "no columns")
        if row + rows > len(out):
            msg = f"{rows} rows do not fit behind row {row} of {len(out)}"
            raise ValueError(msg)
        data = np.frombuffer(content, np.uint8)
        fault = columns.decode(data, at, end, rows, header.words, header.strings, self.mask, self._starts, self._octets, out, row)
        if fault < 0:
            raise PduError("payload", _FAULTS[fault])
        if not header.strings:
            return []
        try:
            return [content[s:s + n].decode() for s, n in
                    zip(self._starts[:header.strings].tolist(), self._octets[:header.strings].tolist(), strict=True)]
        except UnicodeDecodeError as error:
            raise PduError("payload", "a string is not UTF-8") from error


def warm_up() -> None:
    """Compiles the kernels, or loads them from their cache."""
    kind = Kind("warm_up", 0, "", (Column("nothing", Type.INTEGER, ""),))
    words = np.array([[ABSENT]], np.int64)
    payload = Encoder(kind).encode(words, 0, 64)
    Decoder(kind).decode_into(payload.octets, 0, len(payload.octets), Observations(0, 0, 0, 1, 1, 0), words, 0)
