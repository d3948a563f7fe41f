"""Observations of one one-way class: gathered for a moment, and handed over with what is known of the time they reach up to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tmon_common.config.model import SECOND, OneWay, Probe
from tmon_common.observations import ABSENT
from tmon_common.pdu.one_way import Form, OneWayRows
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.one_way.observe import BY_ADDRESS, BY_ENTRY, BY_NTP, COUNTS, WORDS, observe
from tmon_probe.child.one_way.stamps import NTP_PLACES

ROWS_AT_ONCE = 1024
"""Rows are handed over when there are so many,"""
HAND_OVER_NS = SECOND // 5
"""or, few as they may be, so often (packet time),"""
WATERMARK_NS = SECOND
"""and, when there are none, that there are none, so often."""
_UNKNOWN = ABSENT


class Observer:
    """An engine. number: of the granular flow definition; ntp_bits: see `observe`; emit takes OneWayRows."""

    def __init__(self, flow_class: str, one_way: OneWay, probe: Probe, number: int, ntp_bits: int,
                 emit: Callable[[OneWayRows], None]) -> None:
        self._form = Form(flow_class, one_way.signature_octets, one_way.resolution_ns, one_way.sizes)
        self._number, self._emit = number, emit
        at, points = one_way.points_at(probe.name), np.zeros(256, np.uint8)
        points[: len(probe.interfaces)] = [at.get(i.name, 0) for i in probe.interfaces[:256]]
        self._parameters = (
            points, int(one_way.per == "datagram"), int(one_way.nat), int(one_way.algorithm == "md5"), one_way.hashed_octets,
            (1 << 8 * one_way.signature_octets) - 1, int(one_way.sizes), _extras_of(one_way), ntp_bits)
        self._rows, self._filled = np.empty((ROWS_AT_ONCE, WORDS), np.int64), 0
        self._watermark_ns = self._newest_ns = self._started_ns = self._handed_ns = _UNKNOWN
        self.tally = np.zeros(COUNTS, np.int64)
        self.told = 0

    def process(self, batch: FlowBatch) -> None:
        """Look at every record of the batch."""
        records = batch.count - batch.first
        if records:
            self._newest_ns = max(self._newest_ns, int(batch.records["time_ns"][batch.count - 1]))
            if self._watermark_ns == _UNKNOWN:
                first_ns = int(batch.records["time_ns"][batch.first : batch.count].min())
                self._started_ns = first_ns if self._started_ns == _UNKNOWN else min(self._started_ns, first_ns)
        if self._filled + records > len(self._rows):
            self._rows = np.concatenate([self._rows[: self._filled], np.empty((records + ROWS_AT_ONCE, WORDS), np.int64)])
        self._filled = observe(batch.records, batch.first, batch.count, batch.flow[self._number], batch.numbers, batch.lanes,
                               batch.areas, batch.datagrams, *self._parameters, self._rows, self._filled, self.tally)
        if self._filled >= ROWS_AT_ONCE:
            self._hand_over()

    def reached(self, time_ns: int) -> None:
        """Nothing older than time_ns comes any more.

        The first watermark is the time from which on packets are observed: collectors take it for that.
        """
        if time_ns <= 0:  # no packet time yet
            return
        if self._started_ns == _UNKNOWN:  # nor any packet
            self._started_ns = time_ns
        if self._watermark_ns == _UNKNOWN and time_ns >= self._started_ns:
            self._begin()
        passed_ns = abs(time_ns - self._handed_ns)  # backwards, too: clocks are set
        if passed_ns >= (HAND_OVER_NS if self._filled else WATERMARK_NS):
            if self._watermark_ns != _UNKNOWN:
                self._watermark_ns = max(self._watermark_ns, time_ns)
            if self._filled or self._watermark_ns == time_ns:
                self._handed_ns = time_ns
                self._hand_over()

    def finish(self) -> None:
        """Nothing more comes."""
        if self._watermark_ns == _UNKNOWN and self._newest_ns != _UNKNOWN:
            self._begin()
        self._watermark_ns = max(self._watermark_ns, self._newest_ns + 1)
        self._hand_over(ended=True)

    def _begin(self) -> None:
        self._watermark_ns = self._handed_ns = self._started_ns
        self._hand_over()

    def _hand_over(self, *, ended: bool = False) -> None:
        words, self._filled = self._rows[: self._filled].copy(), 0
        self.told += len(words)
        self._emit(OneWayRows.of(self._form, words, self._watermark_ns, ended=ended))


def _extras_of(one_way: OneWay) -> np.ndarray:
    """See `observe`."""
    extras = []
    for hop in (one_way.hops[i] for i in one_way.extras):
        if hop.ntp:
            extras.append((BY_NTP, NTP_PLACES[hop.ntp]))
        elif hop.ip_timestamp:
            extras.append((BY_ENTRY, hop.ip_timestamp))
        else:
            extras.append((BY_ADDRESS, hop.stamped_by & 0xFFFFFFFF))
    return np.array(extras, np.int64).reshape(-1, 2)
