"""Rows of one kind, gathered out of many PDUs until they are written together as CSV text."""

from __future__ import annotations

import numpy as np

from tmon_collector import text
from tmon_collector.csv_text import csv_field
from tmon_common.observations import Column, Kind, Type
from tmon_common.pdu import codec
from tmon_common.pdu.codec import Decoder
from tmon_common.pdu.contents import MAX_ROWS, Observations
from tmon_common.pdu.error import PduError

CAPACITY = 8 * MAX_ROWS
MAX_TEXT_OCTETS = 8 << 20
"""Of all strings in the rows of one PDU: a table entry may be named by every row, so that a small PDU could become a huge file."""

_FORMS = {Type.INTEGER: text.INTEGER, Type.ADDRESS: text.ADDRESS, Type.STRING: text.STRING,
          **{t: text.SECONDS for t in Type if t.fractional}}


class Gathering:
    """At most CAPACITY rows of a kind."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.rows = 0
        self._decoder = Decoder(kind)
        self._words = np.empty((CAPACITY, kind.words), np.int64)
        forms = [_FORMS[c.type] for c in kind.expanded]
        self._forms = np.array(forms, np.int64)
        self._column_words = np.array([kind.word_of(c.name) for c in kind.expanded], np.int64)
        self._strings = np.flatnonzero(self._decoder.mask)
        self._row_octets = sum(text.WIDEST[form] + 1 for form in forms)
        self._out = np.empty(0, np.uint8)
        self.clear()

    def clear(self) -> None:
        """Forgets all rows."""
        if len(self._out) > 2 * MAX_TEXT_OCTETS:
            self._out = np.empty(0, np.uint8)
        self.rows = 0
        self._blocks: list[tuple[int, int, int, int]] = []
        self._tables: list[list[str]] = []
        self._texts: list[bytes] = []
        self._sources: dict[bytes, int] = {}
        self._text_octets = 0

    def has_room(self, header: Observations) -> bool:
        """Whether the rows of this PDU still fit."""
        return self.has_room_for(header.rows)

    def has_room_for(self, rows: int) -> bool:
        """Whether so many rows still fit."""
        return self.rows + rows <= CAPACITY and self._text_octets < MAX_TEXT_OCTETS

    def add(self, content: bytes, at: int, end: int, header: Observations, source: bytes) -> None:
        """Decodes content[at:end] behind the rows that are there. source: text that begins their lines, comma included.

        PduError when it is unsound; nothing is added then. There must be room.
        """
        strings = self._decoder.decode_into(content, at, end, header, self._words, self.rows)
        self._add(header.rows, strings, source, MAX_TEXT_OCTETS)

    def add_rows(self, words: np.ndarray, strings: list[str], source: bytes) -> None:
        """The same for rows made here: int64 (n, kind.words). There must be room."""
        self._words[self.rows : self.rows + len(words)] = words
        self._add(len(words), strings, source)

    def blocks(self) -> list[tuple[np.ndarray, list[str]]]:
        """Rows and strings of each PDU, in the order they were added; valid until `clear`."""
        return [(self._words[first:last], table) for (first, last, _, _), table in zip(self._blocks, self._tables, strict=True)]

    def _add(self, rows: int, strings: list[str], source: bytes, max_text_octets: int | None = None) -> None:
        """Takes the rows behind those that are there. PduError, and nothing is taken, where their text would be too long."""
        end_row = self.rows + rows
        fields = [csv_field(string) for string in strings]
        text_octets = rows * len(source)
        if fields and len(self._strings):
            indexes = self._words[self.rows : end_row, self._strings]
            text_octets += int(np.array([len(f) for f in fields], np.int64)[indexes[indexes >= 0]].sum())
        if max_text_octets is not None and text_octets > max_text_octets:
            raise PduError("payload", f"{text_octets} octets of text")
        number = self._sources.get(source)
        if number is None:
            number = self._sources[source] = len(self._texts)
            self._texts.append(source)
        self._blocks.append((self.rows, end_row, number, len(self._texts)))
        self._texts += fields
        self._tables.append(strings)
        self._text_octets += text_octets
        self.rows = end_row

    def lines(self) -> memoryview:
        """All rows as CSV lines; valid until the next call of a method."""
        octets = np.array([len(t) for t in self._texts], np.int64)
        starts = np.cumsum(octets) - octets
        blob = np.frombuffer(b"".join(self._texts), np.uint8)
        blocks = np.array(self._blocks, np.int64)
        needed = self.rows * self._row_octets + self._text_octets
        if needed > len(self._out):
            self._out = np.empty(needed, np.uint8)
        written = text.write_blocks(self._words, self._forms, self._column_words, blocks, blob, starts, octets, self._out)
        return memoryview(self._out)[:written]


def warm_up() -> None:
    """Compiles the kernels of the collector, or loads them from their cache."""
    codec.warm_up()
    gathering = Gathering(Kind("warm_up", 0, "", (Column("nothing", Type.INTEGER, ""),)))
    payload = codec.Encoder(gathering.kind).encode(np.zeros((1, 1), np.int64), 0, 64)
    gathering.add(payload.octets, 0, len(payload.octets), Observations(0, 0, 0, 1, 1, 0), b"")
    gathering.lines()
