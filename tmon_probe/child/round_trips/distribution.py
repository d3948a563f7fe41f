"""Distribution of round trips per flow, interval, metric and responder: moments, slices, errors, and log-spaced buckets."""

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint32, uint64

from tmon_common.analyses.built_in import METRICS
from tmon_common.config.model import Histogram
from tmon_common.kernels.keyed_hash import hash_word, random_words
from tmon_common.log_buckets import UPPER_NS, bucket_of
from tmon_common.observations import ABSENT, ROUND_TRIP_BUCKET, ROUND_TRIP_HISTOGRAM, Rows
from tmon_common.observations.round_trips import ERROR_CODES
from tmon_probe.child.intervals import END, FLOW, START
from tmon_probe.child.round_trips import sample
from tmon_probe.child.round_trips.open_rows import KeyedRows

MAX_ROWS, MAX_BUCKET_ROWS = 1 << 17, 1 << 19
"""Open at a time; beyond that all of them are published before their time. Who reads them adds rows of equal keys up."""
SEED_WORDS = 13

(_METRIC, _RESPONDER, _HISTOGRAM, _POPULATION, _SUM, _SQUARES, _MINIMUM, _MAXIMUM, _UNANSWERED, _ERRORS, _CODE, _SLICE) = (
    ROUND_TRIP_HISTOGRAM.word_of(n) for n in (
        "metric", "responder_addr", "histogram", "population", "sum", "sum_of_squares", "minimum", "maximum", "unanswered",
        "errors", "error_code_01", "slice_01"))
_BUCKET, _COUNT = ROUND_TRIP_BUCKET.word_of("bucket"), ROUND_TRIP_BUCKET.word_of("count")
assert (_METRIC, _RESPONDER) == (ROUND_TRIP_BUCKET.word_of("metric"), ROUND_TRIP_BUCKET.word_of("responder_addr"))
_ABSENT, _LARGEST = ABSENT, np.iinfo(np.int64).max
_ROOT_OF_LARGEST = 3_037_000_498  # its square, and a bit more, is still a 64-bit number
_UNANSWERED_OUTCOME, _ERROR_OUTCOME = sample.UNANSWERED, sample.ERROR
_ERROR_CODES = ERROR_CODES


class Distribution:
    """Open rows of both kinds for one granular flow definition."""

    def __init__(self, interval_ns: int, histogram: Histogram) -> None:
        self._interval_ns = interval_ns
        self._strings = [*METRICS, histogram.name]
        self._bounds = np.array(histogram.bounds, np.int64)
        template = np.zeros(1, ROUND_TRIP_HISTOGRAM.dtype)
        template["histogram"] = len(METRICS)
        for column in ("minimum", "minimum_rev", "maximum", "maximum_rev"):
            template[column] = ABSENT
        self._template = template.view(np.int64)
        self.rows, self.buckets = KeyedRows(ROUND_TRIP_HISTOGRAM, MAX_ROWS), KeyedRows(ROUND_TRIP_BUCKET, MAX_BUCKET_ROWS)
        self._seed = random_words(SEED_WORDS)
        self._interval_seen = None
        self.published_early = 0

    def add(self, samples: np.ndarray, owners: np.ndarray) -> list[Rows]:
        """Count SAMPLE (k,), each for the flow in OWNER (k,); flow -1: for none. Returns what had to make room."""
        if not len(samples):
            return []
        early = []
        if not (self.rows.has_room(len(samples)) and self.buckets.has_room(len(samples))):
            early = self.close_all()
            self.published_early += sum(len(rows) for rows in early)
            self.rows.has_room(len(samples))
            self.buckets.has_room(len(samples))
        _add(samples, owners, self._interval_ns, self._seed, self._template, self._bounds, UPPER_NS, self.rows.rows,
             self.rows.places, self.rows.heads, self.rows.count, self.buckets.rows, self.buckets.places, self.buckets.heads,
             self.buckets.count)
        return early

    def ends_an_interval(self, now_ns: int) -> bool:
        """Is packet time now_ns in another interval than when it was asked last?"""
        interval = now_ns // self._interval_ns
        changed, self._interval_seen = interval != self._interval_seen, interval
        return changed

    def close_until(self, now_ns: int) -> list[Rows]:
        return self._as_rows(self.rows.close_until(now_ns), self.buckets.close_until(now_ns))

    def close_flows(self, entries: np.ndarray) -> list[Rows]:
        return self._as_rows(self.rows.close_flows(entries), self.buckets.close_flows(entries))

    def close_all(self) -> list[Rows]:
        return self._as_rows(self.rows.close_all(), self.buckets.close_all())

    def _as_rows(self, rows: np.ndarray, buckets: np.ndarray) -> list[Rows]:
        return [Rows.from_words(kind, words, self._strings) for kind, words in ((ROUND_TRIP_HISTOGRAM, rows),
                                                                                (ROUND_TRIP_BUCKET, buckets)) if len(words)]


@njit(cache=True, nogil=True, _nrt=False)
def _add(samples, owners, interval_ns, seed, template, bounds, upper_ns, rows, places, heads, count, buckets,
         bucket_places, bucket_heads, bucket_count):
    """Count the samples in open rows, for which there is room. bounds: int64, of the slices, ns; upper_ns: log_buckets.UPPER_NS."""
    for k in range(len(samples)):
        found, owner = samples[k], owners[k]
        if owner.flow < 0:
            continue
        start = owner.counted_ns - owner.counted_ns % interval_ns
        metric, way = int64(found.metric), int64(owner.way)
        hi, lo = int64(found.responder_hi), int64(found.responder_lo)
        hashed = (seed[0] + hash_word(seed[1], seed[2], uint64(owner.number)) + hash_word(seed[3], seed[4], uint64(start))
                  + hash_word(seed[5], seed[6], found.responder_hi) + hash_word(seed[7], seed[8], found.responder_lo)
                  + hash_word(seed[9], seed[10], uint64(metric)))
        short = uint32(hashed >> uint64(32))
        place = int64(short) & (len(heads) - 1)
        row = int64(heads[place])
        while row >= 0 and not (rows[row, FLOW] == owner.number and rows[row, START] == start and rows[row, _RESPONDER + 1] == lo
                                and rows[row, _RESPONDER] == hi and rows[row, _METRIC] == metric):
            row = int64(places[row].next)
        if row < 0:
            row = count[0]
            count[0] = row + 1
            for word in range(rows.shape[1]):
                rows[row, word] = template[word]
            rows[row, FLOW] = owner.number
            rows[row, START] = start
            rows[row, END] = start + interval_ns
            rows[row, _METRIC] = metric
            rows[row, _RESPONDER] = hi
            rows[row, _RESPONDER + 1] = lo
            places[row].next = heads[place]
            places[row].flow = owner.flow
            places[row].hash = short
            heads[place] = row
        if found.outcome == _UNANSWERED_OUTCOME:
            rows[row, _UNANSWERED + way] += 1
            continue
        if found.outcome == _ERROR_OUTCOME:
            rows[row, _ERRORS + way] += 1
            if 1 <= found.code <= _ERROR_CODES:
                rows[row, _CODE + 2 * (int64(found.code) - 1) + way] += 1
        time_ns = found.round_trip_ns
        if rows[row, _POPULATION + way] == 0:
            rows[row, _MINIMUM + way] = time_ns
            rows[row, _MAXIMUM + way] = time_ns
        rows[row, _MINIMUM + way] = min(rows[row, _MINIMUM + way], time_ns)
        rows[row, _MAXIMUM + way] = max(rows[row, _MAXIMUM + way], time_ns)
        rows[row, _POPULATION + way] += 1
        rows[row, _SUM + way] = _sum(rows[row, _SUM + way], time_ns)
        rows[row, _SQUARES + way] = _sum(rows[row, _SQUARES + way], _square_us(time_ns))
        at = 0
        while at < len(bounds) and time_ns > bounds[at]:
            at += 1
        rows[row, _SLICE + 2 * at + way] += 1

        bucket = bucket_of(time_ns, upper_ns)
        short = uint32((hashed + hash_word(seed[11], seed[12], uint64(bucket))) >> uint64(32))
        place = int64(short) & (len(bucket_heads) - 1)
        row = int64(bucket_heads[place])
        while row >= 0 and not (buckets[row, FLOW] == owner.number and buckets[row, START] == start
                                and buckets[row, _RESPONDER + 1] == lo and buckets[row, _RESPONDER] == hi
                                and buckets[row, _METRIC] == metric and buckets[row, _BUCKET] == bucket):
            row = int64(bucket_places[row].next)
        if row < 0:
            row = bucket_count[0]
            bucket_count[0] = row + 1
            buckets[row, FLOW] = owner.number
            buckets[row, START] = start
            buckets[row, END] = start + interval_ns
            buckets[row, _METRIC] = metric
            buckets[row, _RESPONDER] = hi
            buckets[row, _RESPONDER + 1] = lo
            buckets[row, _BUCKET] = bucket
            buckets[row, _COUNT] = 0
            buckets[row, _COUNT + 1] = 0
            bucket_places[row].next = bucket_heads[place]
            bucket_places[row].flow = owner.flow
            bucket_places[row].hash = short
            bucket_heads[place] = row
        buckets[row, _COUNT + way] += 1


@njit(cache=True, nogil=True)
def _sum(a, b):
    """Of two numbers not negative; the largest one where that is too small."""
    return a + b if a <= _LARGEST - b else int64(_LARGEST)


@njit(cache=True, nogil=True)
def _square_us(time_ns):
    """Square of a time in us^2, rounded; the largest number where that is too small."""
    us, ns = time_ns // 1000, time_ns % 1000
    if us >= _ROOT_OF_LARGEST:
        return int64(_LARGEST)
    rest = (2 * ns * (us % 1000) * 1000 + ns * ns + 500_000) // 1_000_000
    return _sum(us * us, 2 * ns * (us // 1000) + rest)
