"""The PDUs under construction of a one-way class.

Observations wait until max_build is over or there are very many, and are then put in the order of their flows, since those of one
flow take the fewest octets together. So PDUs do not follow each other in time: what has been told completely, watermarks say.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tmon_common.observations import ABSENT, ONE_WAY_OBSERVATION
from tmon_common.pdu.contents import OBSERVATIONS_OCTETS
from tmon_common.pdu.header import MAX_PDU_OCTETS, OBSERVATIONS
from tmon_common.pdu.one_way import Form, OneWayPacker, OneWayRows
from tmon_common.pdu.one_way.layout import TIME, WORDS
from tmon_common.pdu.one_way.packer import in_order, sound
from tmon_probe.publish.gaps import Gap, Numbered
from tmon_probe.publish.loss import Cause

MAX_WAITING = 1 << 15
"""Observations that wait for max_build to be over; 100 of each of 300 flows."""
QUEUE_PART = 8
"""No more of them than an eighth of the queue takes."""


class OneWayConstruction:
    """Observations of one form on their way into payloads of at most `max_octets`; as construction.Construction.

    numbers     by class: number of its next PDU, counted up here
    since_ns    when the oldest that waits came, be it an observation, a watermark, or the end; None when nothing waits
    """

    kind = ONE_WAY_OBSERVATION
    unfit_cause = Cause.OUT_OF_RANGE

    def __init__(self, form: Form, numbers: dict[str, int], max_octets: int, seal_octets: int, queue_octets: int) -> None:
        self.since_ns: int | None = None
        self.oversized = 0
        self.unfit = 0
        self.flow_class = form.flow_class
        self._numbers = numbers
        self._numbers.setdefault(form.flow_class, 0)
        self._max_octets = max_octets
        self._utmost_octets = MAX_PDU_OCTETS - OBSERVATIONS_OCTETS - seal_octets
        self._max_waiting = min(MAX_WAITING, queue_octets // QUEUE_PART // (8 * WORDS))
        self._packer = OneWayPacker(form)
        self._waiting: list[np.ndarray] = []
        self._rows = 0
        self._watermark_ns = ABSENT
        self._ended = False

    @property
    def octets(self) -> int:
        """Memory that the waiting rows take."""
        return self._rows * WORDS * 8

    def add(self, rows: OneWayRows, now_ns: int) -> Iterator[Numbered]:
        """Takes rows (copied) and yields payloads of all that wait, if these are very many, or the first that have a watermark: it
        tells since when there is observation, and a later one must not take its place."""
        words = rows.words
        good = sound(words)
        if len(words):
            words = words[good]  # a copy
            self.unfit += len(rows) - len(words)
        if len(words):
            self._waiting.append(words)
            self._rows += len(words)
        news = len(words) > 0 or rows.watermark_ns > self._watermark_ns or rows.ended > self._ended
        begins = self._watermark_ns == ABSENT != rows.watermark_ns
        self._watermark_ns = max(self._watermark_ns, rows.watermark_ns)
        self._ended |= rows.ended
        if news and self.since_ns is None:
            self.since_ns = now_ns
        if begins or self._rows >= self._max_waiting:
            yield from self.flush(now_ns)

    def tell_again(self, now_ns: int) -> None:
        """The PDU that told the end was given up."""
        if self.since_ns is None:
            self.since_ns = now_ns

    def flush(self, now_ns: int) -> Iterator[Numbered]:  # noqa: ARG002  as Construction's
        """Yields payloads until nothing waits."""
        if self.since_ns is None:
            return
        words = in_order(np.concatenate(self._waiting)) if self._waiting else np.empty((0, WORDS), np.int64)
        self._waiting, self._rows, self.since_ns = [], 0, None
        start = 0
        while True:
            number = self._numbers[self.flow_class]
            packed = self._packer.pack(words, start, self._max_octets, number, self._watermark_ns, ended=self._ended)
            if packed.rows == 0 and start < len(words):
                packed = self._packer.pack(words, start, self._utmost_octets, number, self._watermark_ns, ended=self._ended, most=1)
                self.oversized += 1
            if (packed.rows == 0 and start < len(words)) or len(packed.octets) > self._utmost_octets:  # a name of that length
                self.unfit += len(words) - start
                return
            self._numbers[self.flow_class] += 1
            end = start + packed.rows
            times = words[start:end, TIME]
            first_ns, last_ns = (int(times.min()), int(times.max())) if len(times) else (ABSENT, ABSENT)
            gap = Gap(self.flow_class, number, 1, first_ns, last_ns, packed.rows)
            yield Numbered(OBSERVATIONS, packed.octets, packed.rows, 0, (gap,), self._ended and end == len(words))
            start = end
            if start == len(words):
                return
