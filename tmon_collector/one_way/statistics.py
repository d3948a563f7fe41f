"""Statistics of judged packets: distributions of delays, counters, and offsets of clocks, by flow and interval. An engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from tmon_collector.one_way.delays import Distribution, Pair, distribution
from tmon_collector.one_way.offsets import Offsets
from tmon_collector.one_way.open_rows import END, FLOW, START, Chunk, closed, empty_chunk, of_reordered, split, together
from tmon_collector.one_way.outcomes import NO_DEFINITION, OUTCOME_MEMORY, count
from tmon_collector.one_way.packet_runs import Runs, runs_of
from tmon_collector.one_way.packets import Packets
from tmon_collector.one_way.reordering import FOREVER, Reordering
from tmon_collector.one_way.sources import COLLECTOR, Published, Sources, published, resolve
from tmon_collector.one_way.variation import rank_packets
from tmon_common.config.model import Histogram, Latency, OneWay
from tmon_common.observations import ABSENT, ONE_WAY_COUNTERS, ONE_WAY_DELAY_BUCKET, ONE_WAY_DELAY_HISTOGRAM

MAX_ROWS = 1 << 19
"""Rows of distributions and counters that wait for the end of their intervals. Beyond it all are published before their time; who
reads them adds rows of equal keys up."""
MAX_DELAYS = 1 << 24
"""Delays that wait for those of other rounds of their interval. Beyond it percentiles of variation stay empty."""
NO_HISTOGRAM = "-"
_DEFINITION = (1 << 32) - 1
_FROM, _TO, _POPULATION, _LOW, _HIGH = (
    ONE_WAY_DELAY_HISTOGRAM.word_of(n) for n in ("from_hop", "to_hop", "population", "offset_low", "offset_high"))
_BUCKET_FROM = ONE_WAY_DELAY_BUCKET.word_of("from_hop")


class Statistics:
    """Of one class.

    A flow has one row of each kind per interval (of distributions: per pair of hops that packets were seen at), whatever number of
    probes and runs it was seen by. It is published under the definition that saw it earliest on the way in that interval (lowest
    hop on the way, then `ties`). Of packets that go from the last hop to the first, all is mirrored. Pairs of hops are those
    of the latencies of the class, or the first and the last hop if there are none; output="packets" has no distributions.

    sources         asked, when an interval is closed, for the definitions of the packets in it
    histograms      by name
    ties            gives an order of definitions, see outcomes.count; None: that of their indexes
    early           rows that were published before their interval had ended, for want of room, so far
    unranked        delays that had no room to wait for those of other rounds, so far
    """

    def __init__(self, flow_class: str, one_way: OneWay, histograms: Mapping[str, Histogram], sources: Sources,
                 ties: Callable[[], np.ndarray] | None = None) -> None:
        self._ties = ties
        self._sources, self._interval_ns = sources, one_way.interval_ns
        latencies = one_way.latencies or (Latency(0, len(one_way.hops) - 1),)
        names = list(dict.fromkeys([NO_HISTOGRAM, *(pair.histogram for pair in latencies if pair.histogram)]))
        self._strings = [*(h.name for h in one_way.hops), *names]
        self._pairs = [Pair(pair.from_hop, pair.to_hop, len(one_way.hops) + names.index(pair.histogram or NO_HISTOGRAM),
                            np.array(histograms[pair.histogram].bounds, np.int64) if pair.histogram else None)
                       for pair in latencies if one_way.output != "packets"]
        self._reordering = Reordering(one_way.max_transit_ns, one_way.interval_ns)
        self._offsets = Offsets(flow_class, one_way, one_way.interval_ns)
        self._memory = np.zeros((0, OUTCOME_MEMORY + 2 * len(self._pairs)), np.int64)
        self._chunks: list[Chunk] = []
        self._round_start_ns = -FOREVER
        self.early = self.unranked = 0

    @property
    def untold(self) -> int:
        """See Reordering.untold."""
        return self._reordering.untold

    def add(self, packets: Packets, round_end_ns: int) -> None:
        """Packets of a round, judged, all before round_end_ns (their reference); rounds come in their order."""
        if len(packets.flow):
            self._cover(int(packets.flow.max()) + 1)
            runs = runs_of(packets, self._interval_ns)
            ties = self._ties() if self._ties else None
            counters, definition = count(packets, runs, self._interval_ns, self._memory, ties)
            self._chunks.append(empty_chunk()._replace(counters=counters, definition=definition))
            for i, pair in enumerate(self._pairs):
                at = OUTCOME_MEMORY + 2 * i
                found = distribution(packets, runs, pair, self._interval_ns, self._memory[:, at : at + 2])
                self._chunks.append(self._chunk(found, runs, round_end_ns))
            self._offsets.add(packets, runs)
        self._take_reordered(self._reordering.add(packets, round_end_ns))
        self._round_start_ns = round_end_ns

    def close(self, until_ns: int) -> list[Published]:
        """Intervals that end by then (all, if more rows wait than MAX_ROWS): kinds one_way_delay_histogram, one_way_delay_bucket,
        one_way_counters, clock_offset (of the source COLLECTOR), in this order."""
        waiting = together(self._chunks)
        if (beyond := len(waiting.counters) + len(waiting.histograms) + len(waiting.buckets)) > MAX_ROWS:
            until_ns = FOREVER
            self.early += beyond
        self._chunks = [waiting]
        self._take_reordered(self._reordering.close(until_ns))
        ended, still = split(together(self._chunks), until_ns)
        self._chunks = [still]
        ended = closed(ended)
        self._fill_offsets(ended.histograms)
        result = self._published(ended)
        offsets = self._offsets.close(until_ns)
        return [*result, Published(COLLECTOR, 0, offsets)] if len(offsets) else result

    def forget(self, flows: np.ndarray) -> None:
        """Flows (int64) that are gone for long; others may get their numbers. To be called after the close of their intervals."""
        flows = flows[flows < len(self._memory)]
        self._memory[flows] = self._nothing
        self._reordering.forget(flows)

    @property
    def _nothing(self) -> np.ndarray:
        """What is remembered of a flow at first."""
        return np.array([0] * OUTCOME_MEMORY + [ABSENT] * (2 * len(self._pairs)), np.int64)

    def _cover(self, flows: int) -> None:
        if flows > len(self._memory):
            more = max(flows, 2 * len(self._memory)) - len(self._memory)
            self._memory = np.concatenate([self._memory, np.tile(self._nothing, (more, 1))])

    def _chunk(self, found: Distribution, runs: Runs, round_end_ns: int) -> Chunk:
        """Rows whose interval lies in this round get their percentiles at once, delays of the others wait."""
        rows = found.rows
        buckets = np.empty((len(found.buckets), ONE_WAY_DELAY_BUCKET.words), np.int64)
        buckets[:, : _BUCKET_FROM + 2] = rows[found.buckets[:, 0]][:, : _TO + 1]
        buckets[:, _BUCKET_FROM + 2 :] = found.buckets[:, 1:]
        whole = (rows[:, START] >= self._round_start_ns) & (rows[:, END] <= round_end_ns)
        chosen = rows[whole]
        rank_packets(found.delays_ns, runs.begin, found.run[whole], chosen)
        rows[whole] = chosen
        held, delays = np.zeros(len(rows), np.int64), np.zeros(0, np.int64)
        if not whole.all():
            waiting = np.zeros(len(runs.flow), bool)
            waiting[found.run[~whole]] = True
            delays = found.delays_ns[waiting[runs.row] & (found.delays_ns != ABSENT)]
            if len(delays) + sum(len(c.delays_ns) for c in self._chunks) > MAX_DELAYS:
                self.unranked += len(delays)
                delays = delays[:0]
            else:
                held[~whole] = rows[~whole, _POPULATION]
        return empty_chunk()._replace(histograms=rows, held=held, delays_ns=delays, buckets=buckets)

    def _take_reordered(self, found: np.ndarray) -> None:
        if len(found):
            self._chunks.append(of_reordered(found, self._interval_ns))

    def _fill_offsets(self, rows: np.ndarray) -> None:
        if not len(rows):
            return
        keys, place = np.unique(rows[:, [START, _FROM, _TO]], axis=0, return_inverse=True)
        bounds = np.array([self._offsets.bounds(*key) for key in keys.tolist()], np.int64)
        rows[:, [_LOW, _HIGH]] = bounds[place.ravel()]

    def _published(self, ended: Chunk) -> list[Published]:
        known = ended.definition != NO_DEFINITION
        counters = ended.counters[known]
        named = resolve(ended.definition[known] & _DEFINITION, self._sources)
        flows, starts = counters[:, FLOW].copy(), np.unique(counters[:, START])
        keys = flows * len(starts) + np.searchsorted(starts, counters[:, START])  # ascending
        result = []
        for kind, rows in ((ONE_WAY_DELAY_HISTOGRAM, ended.histograms), (ONE_WAY_DELAY_BUCKET, ended.buckets),
                           (ONE_WAY_COUNTERS, counters)):
            at = np.searchsorted(keys, rows[:, FLOW] * len(starts) + np.searchsorted(starts, rows[:, START]))
            rows[:, FLOW] = named.flow[at]
            result += published(kind, rows, named.owners, named.owner[at], self._strings)
        return result
