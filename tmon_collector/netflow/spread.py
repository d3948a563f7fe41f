"""Volumes of flows over the minutes they lived, evenly and exact to the octet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

MINUTE_MS = 60_000
MAX_ROWS = 1 << 18
"""Rows made at once, unless a single flow has more."""
MINUTE, FLOW, EXPORTER, OCTETS, PACKETS, RECORDS = range(6)
"""Columns of rows; the minute counts from 1970-01-01 UTC."""
COLUMNS = 6


def spread(flows: np.ndarray, numbers: np.ndarray) -> Iterator[np.ndarray]:
    """Rows int64 (m, COLUMNS) of RECORDs, in pieces of about MAX_ROWS; numbers: int64 (n,), of their flows.

    Of N octets of a flow that lived for D ms, floor(N * t / D) have gone after t ms: each minute has the difference between its end
    and its beginning, so that all minutes together have N. The record itself is counted in the minute where the flow began. Times
    are at most 2^31 ms (24 days) apart.
    """
    first, last = _minutes(flows)
    rows = last - first + 1
    at = 0
    while at < len(flows):
        total = np.cumsum(rows[at : at + MAX_ROWS])
        end = at + max(int(np.searchsorted(total, MAX_ROWS, "right")), 1)
        yield _spread(flows[at:end], numbers[at:end], first[at:end], rows[at:end])
        at = end


def _minutes(flows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last minute of each. A flow without duration is of the minute it was in; the end is no part of the flow."""
    start, end = flows["start_ms"], flows["end_ms"]
    return start // MINUTE_MS, np.maximum(end - 1, start) // MINUTE_MS


def _spread(flows: np.ndarray, numbers: np.ndarray, first: np.ndarray, rows: np.ndarray) -> np.ndarray:
    of = np.repeat(np.arange(len(flows)), rows)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(rows) - rows, rows)
    made = np.zeros((len(of), COLUMNS), np.int64)
    made[:, MINUTE] = first[of] + nth
    made[:, FLOW], made[:, EXPORTER], made[:, RECORDS] = numbers[of], flows["exporter"][of], nth == 0
    start = flows["start_ms"][of]
    lived = np.maximum(flows["end_ms"][of] - start, 1)
    until = np.minimum((made[:, MINUTE] + 1) * MINUTE_MS - start, lived)
    since = np.maximum(made[:, MINUTE] * MINUTE_MS - start, 0)
    for column, name in ((OCTETS, "octets"), (PACKETS, "packets")):
        whole, rest = np.divmod(flows[name][of], lived)
        made[:, column] = whole * (until - since) + (rest * until // lived - rest * since // lived)
    return made
