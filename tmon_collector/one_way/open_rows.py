"""Rows of intervals that are not closed yet, as they came of each round: put together when an interval is closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tmon_collector.one_way.merging import merge
from tmon_collector.one_way.outcomes import NO_DEFINITION, empty_rows
from tmon_collector.one_way.variation import rank_groups
from tmon_common.observations import ONE_WAY_COUNTERS, ONE_WAY_DELAY_BUCKET, ONE_WAY_DELAY_HISTOGRAM

FLOW, START, END = (ONE_WAY_COUNTERS.word_of(n) for n in ("flow", "start", "end"))
_HISTOGRAM_KEY = [ONE_WAY_DELAY_HISTOGRAM.word_of(n) for n in ("flow", "start", "from_hop", "to_hop")]
_BUCKET_KEY = [ONE_WAY_DELAY_BUCKET.word_of(n) for n in ("flow", "start", "from_hop", "to_hop", "bucket")]
_REORDERED = [ONE_WAY_COUNTERS.word_of(n) for n in ("reordered", "reordering_extent_sum", "reordering_extent_maximum",
                                                     "reordering_late_maximum")]


class Chunk(NamedTuple):
    """Rows of the three kinds, int64; `flow` is the number that all probes share.

    counters, definition    (n, words) one_way_counters, and (n,): position on the way << 32 | definition, see outcomes.count
    histograms, held        (n, words) one_way_delay_histogram, and (n,): how many of its delays are in `delays_ns`, row after row
    buckets                 (n, words) one_way_delay_bucket
    """

    counters: np.ndarray
    definition: np.ndarray
    histograms: np.ndarray
    held: np.ndarray
    delays_ns: np.ndarray
    buckets: np.ndarray


def of_reordered(found: np.ndarray, interval_ns: int) -> Chunk:
    """What Reordering found."""
    rows = empty_rows(len(found))
    rows[:, FLOW], rows[:, START], rows[:, END] = found[:, 0], found[:, 1], found[:, 1] + interval_ns
    rows[:, _REORDERED] = found[:, 2:]
    return empty_chunk()._replace(counters=rows, definition=np.full(len(rows), NO_DEFINITION))


def empty_chunk() -> Chunk:
    none = np.zeros(0, np.int64)
    return Chunk(empty_rows(0), none, np.zeros((0, ONE_WAY_DELAY_HISTOGRAM.words), np.int64), none, none,
                 np.zeros((0, ONE_WAY_DELAY_BUCKET.words), np.int64))


def together(chunks: Sequence[Chunk]) -> Chunk:
    """One after the other."""
    if len(chunks) == 1:
        return chunks[0]
    return Chunk(*(np.concatenate(columns) for columns in zip(*chunks, strict=True))) if chunks else empty_chunk()


def split(chunk: Chunk, until_ns: int) -> tuple[Chunk, Chunk]:
    """Rows whose interval ends by then, and the others."""
    counters, histograms, buckets = (rows[:, END] <= until_ns for rows in (chunk.counters, chunk.histograms, chunk.buckets))
    if counters.all() and histograms.all() and buckets.all():
        return chunk, empty_chunk()
    delays = np.repeat(histograms, chunk.held)
    return _chosen(chunk, counters, histograms, buckets, delays), _chosen(chunk, ~counters, ~histograms, ~buckets, ~delays)


def _chosen(chunk: Chunk, counters: np.ndarray, histograms: np.ndarray, buckets: np.ndarray, delays: np.ndarray) -> Chunk:
    return Chunk(chunk.counters[counters], chunk.definition[counters], chunk.histograms[histograms], chunk.held[histograms],
                 chunk.delays_ns[delays], chunk.buckets[buckets])


def closed(chunk: Chunk) -> Chunk:
    """One row for each key, by key. No delays are left."""
    counters = merge(ONE_WAY_COUNTERS, chunk.counters, [FLOW, START])
    definition = chunk.definition
    if len(definition):
        definition = np.minimum.reduceat(definition[counters.order], counters.group[:-1])
    histograms = merge(ONE_WAY_DELAY_HISTOGRAM, chunk.histograms, _HISTOGRAM_KEY)
    offset = np.concatenate(([0], np.cumsum(chunk.held)))
    rank_groups(chunk.delays_ns, offset, histograms.order, histograms.group, histograms.rows)
    none = np.zeros(0, np.int64)
    buckets = merge(ONE_WAY_DELAY_BUCKET, chunk.buckets, _BUCKET_KEY)
    return Chunk(counters.rows, definition, histograms.rows, none, none, buckets.rows)
