"""A row for every TCP connection when it ends, and now and then for one that lasts."""

from __future__ import annotations

import numpy as np

from tmon_common.config.model import Analysis
from tmon_common.observations import ABSENT, TCP_CONNECTION, Rows
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.context import Context, Task
from tmon_probe.child.tcp.connections import Connections
from tmon_probe.child.tcp.layout import CONNECTION, ENDINGS, UNKNOWN
from tmon_probe.demand import Demand, Fragments

STRINGS = [*ENDINGS, "client", "server"]
_CLOSER = len(ENDINGS) - 1
"""closed_by 1 and 2 are the strings after the endings."""
NOT_IN_CLASS = -1
ROWS_TOGETHER, WAIT_NS = 1024, 10_000_000_000
"""Rows are made of so many connections at a time, as they are made column by column, or after so much packet time."""
_BILLION = 1_000_000_000
_MOST = 2.0**62
"""bit/s: sequence numbers that lie may tell more than an integer holds."""
_COUNTS = ("segments", "data_segments", "missing_octets", "retransmitted_segments", "retransmitted_octets", "out_of_order_segments",
           "duplicate_acks", "sack_blocks", "keep_alives", "syn_segments", "zero_windows", "sack_permitted", "ce_marked",
           "ece_segments", "rtt_samples")
_IF_KNOWN = ("octets", "unique_octets", "largest_window", "window_scale", "mss")

_BY_EVERY_SEGMENT = ("longest_silence", *(name + way for way in ("", "_rev") for name in (
    "data_segments", "missing_octets", "retransmitted_segments", "retransmitted_octets", "out_of_order_segments", "duplicate_acks",
    "sack_blocks", "keep_alives", "zero_windows", "zero_window_time", "largest_window", "ce_marked", "ece_segments", "rtt_samples",
    "efficiency")))
"""What boundaries alone cannot tell."""


class _Rows:
    """Of one granular flow: the flow of each connection, as published, by slot."""

    def __init__(self, task: Task, connections: Connections, emit) -> None:
        self.task, self.connections, self._emit = task, connections, emit
        self._flows = np.full(0, NOT_IN_CLASS, np.int64)
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._waits = self._published_ns = 0
        connections.listen(self._take)

    def note(self, batch: FlowBatch) -> None:
        """A connection belongs to the flow of its first segment."""
        opened = self.connections.opened
        if not len(opened):
            return
        highest = int(opened.max())
        if highest >= len(self._flows):
            more = np.full(max(highest + 1, 2 * len(self._flows)) - len(self._flows), NOT_IN_CLASS, np.int64)
            self._flows = np.concatenate([self._flows, more])
        entries = batch.flow[self.task.number, self.connections.opened_by]
        self._flows[opened] = np.where(entries >= 0, batch.numbers[entries], NOT_IN_CLASS)

    def flush(self, now_ns: int) -> None:
        if abs(now_ns - self._published_ns) >= WAIT_NS:
            self._published_ns = now_ns
            self.publish()

    def publish(self) -> None:
        """What waits."""
        if self._waits:
            states, flows = zip(*self._waiting, strict=True)
            self._waiting, self._waits = [], 0
            # dtype: else numpy would ask every pair of arrays what they have in common
            self._emit(Rows(TCP_CONNECTION, rows_of(np.concatenate(states, dtype=CONNECTION), np.concatenate(flows)), STRINGS))

    def _take(self, states: np.ndarray) -> None:
        """Connections that have ended or are due for a row; copies."""
        flows = self._flows[states["slot"]]
        chosen = flows != NOT_IN_CLASS
        if chosen.any():
            self._waiting.append((states[chosen], flows[chosen]))
            self._waits += len(self._waiting[-1][1])
            if self._waits >= ROWS_TOGETHER:
                self.publish()


class TcpConnection:
    """Rows of TCP_CONNECTION out of the connections that the analyses of a class share."""

    def __init__(self, tasks: list[Task], context: Context) -> None:
        self._rows = [_Rows(t, context.connections(t), context.emit) for t in tasks]

    @staticmethod
    def demand(analysis: Analysis) -> Demand:  # noqa: ARG004 the same for all
        return Demand(Fragments.WHOLE)

    def process(self, batch: FlowBatch) -> None:
        for rows in self._rows:
            rows.note(batch)

    def flush(self, now_ns: int) -> None:
        for rows in self._rows:
            rows.flush(now_ns)

    def retire(self, entries: np.ndarray) -> None:
        """Numbers of flows are kept, not entries."""

    def finish(self) -> None:
        for rows in self._rows:
            rows.publish()


def rows_of(states: np.ndarray, flows: np.ndarray) -> np.ndarray:
    """Rows of TCP_CONNECTION of `states` (CONNECTION); flows: int64, as published."""
    rows = np.zeros(len(states), TCP_CONNECTION.dtype)
    rows["flow"] = flows
    for side in ("client", "server"):
        rows[f"{side}_addr"][:, 0] = states[f"{side}_hi"].astype(np.int64)  # the same 64 bits
        rows[f"{side}_addr"][:, 1] = states[f"{side}_lo"].astype(np.int64)
        rows[f"{side}_port"] = states[f"{side}_port"]
    rows["start"], rows["end"] = states["start_ns"], states["end_ns"]
    rows["established"] = _unless(states["established_ns"], 0)
    rows["ended_by"] = states["ended_by"]
    rows["closed_by"] = np.where(states["closed_by"] > 0, states["closed_by"].astype(np.int64) + _CLOSER, ABSENT)
    for name in ("from_start", "simultaneous_open", "ecn"):
        rows[name] = states[name]
    rows["handshake_server_rtt"] = _unless(states["handshake_server_ns"], UNKNOWN)
    rows["handshake_client_rtt"] = _unless(states["handshake_client_ns"], UNKNOWN)
    rows["longest_silence"] = states["longest_silence_ns"]
    for side, suffix in enumerate(("", "_rev")):
        _fill_side(rows, states, side, suffix)
    unseen = states["by_boundaries"] > 0
    if unseen.any():
        for name in _BY_EVERY_SEGMENT:
            rows[name][unseen] = ABSENT
    return rows


def _fill_side(rows: np.ndarray, states: np.ndarray, side: int, suffix: str) -> None:
    for name in _COUNTS:
        rows[name + suffix] = states[name][:, side]
    for name in _IF_KNOWN:
        rows[name + suffix] = _unless(states[name][:, side], UNKNOWN)
    rows[f"zero_window_time{suffix}"] = states["zero_window_ns"][:, side]
    samples = states["rtt_samples"][:, side]
    mean = states["rtt_sum_ns"][:, side] // np.maximum(samples, 1)
    shortest, longest = states["rtt_min_ns"][:, side], states["rtt_max_ns"][:, side]
    for name, values in (("rtt_min", shortest), ("rtt_mean", mean), ("rtt_max", longest)):
        rows[name + suffix] = np.where(samples > 0, values, ABSENT)
    octets, unique = states["octets"][:, side], states["unique_octets"][:, side]
    sent = octets > 0
    share = np.round(unique / np.where(sent, octets, 1) * _BILLION).astype(np.int64)
    rows[f"efficiency{suffix}"] = np.where(sent, share, ABSENT)
    first, last = states["first_data_ns"][:, side], states["last_data_ns"][:, side]
    if (states["by_boundaries"] > 0).any():  # from the first segment to the last
        whole = states["by_boundaries"] > 0
        first, last = np.where(whole, states["start_ns"], first), np.where(whole, states["end_ns"], last)
    lasted = last - first
    rate = np.round(np.minimum(unique * 8.0 / np.where(lasted > 0, lasted, 1) * _BILLION, _MOST)).astype(np.int64)
    rows[f"throughput{suffix}"] = np.where(sent & (lasted > 0), rate, ABSENT)


def _unless(values: np.ndarray, unknown: int) -> np.ndarray:
    return np.where(values == unknown, ABSENT, values)
