"""The TCP connections of a flow class: an engine shared by all analyses of the class that need them. Packet time is passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tmon_common.kernels.keyed_hash import random_words
from tmon_probe.child.batch import FlowBatch
from tmon_probe.child.round_trips.sample import SAMPLE
from tmon_probe.child.tcp import ageing, layout
from tmon_probe.child.tcp.boundary import WANT_CLIENT, WANT_DATA, WANT_SERVER, WANT_TIMESTAMPS
from tmon_probe.child.tcp.layout import CAPTURE_END, CONNECTION, EVICTED, HEAD, INTERIM, NODE, REPLACED, REST, WAY
from tmon_probe.child.tcp.memory import grown, lines, octets_of
from tmon_probe.child.tcp.settings import Settings
from tmon_probe.child.tcp.table import HASH_WORDS, enter_all
from tmon_probe.child.tcp.track import track
from tmon_probe.child.tcp.update import BY_CLASS_BOUNDARIES, BY_FTP_BOUNDARIES, FOLLOW_FTP_DATA

FIRST_SLOTS, FIRST_NODES, FIRST_ROOM = 1 << 10, 1 << 12, 1 << 10
MAX_REPLACED = 1 << 16
"""Connections whose slots wait for the next flush, to be told."""
EVICTED_SHARE = 8
"""When there are too many, 1/8 of them make room at a time."""
NODES_PER_CONNECTION = 2
"""Most that wait for an answer, and holes, on the average of max_connections."""
NODES_PER_RECORD = 3
"""Most that a segment can take: a segment that waits, a TSval, a hole."""
SAMPLES_PER_RECORD = 4
AGEING_NS = 1_000_000_000
"""Ended connections are looked for every so often, in packet time; those that last, INTERIM_LOOKS times each interim."""
INTERIM_LOOKS = 16
LOOKED_AT, AGEING_PARTS = 1 << 16, 4
"""Slots looked at each time for ended connections; where there are many, a quarter of them."""
_COUNTERS = ("tcp_connections", "tcp_connections_created", "tcp_connections_evicted", "tcp_half_open_evicted", "tcp_holes_dropped",
             "tcp_samples_dropped")
_WANTS = {"tcp_handshake_server": WANT_SERVER, "tcp_handshake_client": WANT_CLIENT, "tcp_timestamps": WANT_TIMESTAMPS,
          "tcp_data": WANT_DATA}

Listener = Callable[[np.ndarray], None]


class Connections:
    """points: observation point of each interface of the probe: a connection is seen at one point, by one or two interfaces.

    After `process(batch)`, valid until the next call of process, flush or finish:
    of_record, from_server      int32, uint8 (n,): slot of the connection of each record of the batch (-1: none), and 1 if its
                                server sent it; only those from batch.first to batch.count were looked at
    opened, opened_by           int32, int64 (k,): slots of connections begun, and the record that began each
    samples                     SAMPLE (k,): round trips of the metrics asked for
    After flush and finish: samples_aged, serials_aged, SAMPLE, int64 (k,): handshakes that got no answer, and the serial numbers of
    their connections.
    Slots are used again only after their end was told. Connections that others replaced in a batch are told at the next flush.
    """

    def __init__(self, settings: Settings, bit: int, points: Sequence[int]) -> None:
        self._settings, self._bit = settings, np.uint64(1 << bit)
        self._points = np.zeros(256, np.uint16)
        self._points[: len(points)] = points
        self._points[len(points) :] = np.arange(len(points), 256)
        self._want, self._mode = 0, 0
        self._listeners: list[Listener] = []
        self._replaced: list[np.ndarray] = []
        self._aged: list[tuple[np.ndarray, np.ndarray]] = []
        self._randoms = random_words(2 * HASH_WORDS + 1)
        self._counts = np.zeros(layout.COUNTS, np.int64)
        self._counts[layout.FREE_NODE] = -1
        self._table = np.zeros(1, np.uint64)
        self._heads, self._ways, self._rests, self._pool = lines(0, HEAD), lines(0, WAY), lines(0, REST), lines(0, NODE)
        self._free = np.zeros(0, np.int32)
        self._max_nodes = max(NODES_PER_CONNECTION * settings.max_connections, 1 << 16)
        self._grow(FIRST_SLOTS)
        self._grow_pool(FIRST_NODES)
        self._room = 0
        self._make_room_for_results(FIRST_ROOM)
        self._aged_at = self._lasting_at = None
        self._next_aged = 0
        self.evicted = self.half_open_evicted = 0
        self.alerts = {"tcp_connections_evicted": "analysis_gave_up"}

    def __len__(self) -> int:
        return self._capacity - int(self._counts[layout.FREE_SLOTS])

    def want(self, metrics: Iterable[str]) -> None:
        """Round trips to be found, by name; others than those of TCP are passed over."""
        for metric in metrics:
            self._want |= _WANTS.get(metric, 0)

    def follow_ftp_data(self) -> None:
        """Also the data connections of FTP sessions of the class, though they are not in it."""
        self._mode |= FOLLOW_FTP_DATA

    def listen(self, on_ended: Listener) -> None:
        """on_ended gets copies, CONNECTION (k,), of connections that ended or (INTERIM) are due for a row."""
        self._listeners.append(on_ended)

    def process(self, batch: FlowBatch) -> None:
        self._forget_results()
        if sum(map(len, self._replaced)) > MAX_REPLACED:
            self._tell_replaced()
        self._evict()
        count = max(batch.count - batch.first, 0)
        self._make_room(count)
        if len(batch.records) > self._room or count > self._room:
            self._make_room_for_results(max(len(batch.records), count))
        counts = self._counts
        counts[layout.OPENED] = counts[layout.ENDED] = counts[layout.SAMPLES] = 0
        track(batch.records, batch.first, batch.count, self._bit, self._kernel_mode(), self._want, self._points, self._randoms,
              self._table, octets_of(self._table), self._heads, octets_of(self._heads), self._ways, octets_of(self._ways),
              self._rests, self._pool, octets_of(self._pool), self._free, counts, self._of_record, self._from_server, self._opened,
              self._opened_by, self._ended, self._samples)
        self.of_record, self.from_server = self._of_record[: len(batch.records)], self._from_server[: len(batch.records)]
        if counts[layout.ENDED]:
            self._replaced.append(self._ended[: int(counts[layout.ENDED])].copy())
        opened = int(counts[layout.OPENED])
        self.opened, self.opened_by = self._opened[:opened], self._opened_by[:opened]
        self.samples = self._samples[: int(counts[layout.SAMPLES])]

    def flush(self, now_ns: int) -> None:
        """Tell what has ended by now_ns. It is looked for once in AGEING_NS, part by part where there are many connections."""
        self._forget_results()
        self._tell_replaced()
        self._evict()
        if now_ns // AGEING_NS != self._aged_at:
            self._aged_at = now_ns // AGEING_NS
            self._age(now_ns)
        self._give_aged()

    def finish(self) -> None:
        """Nothing more comes."""
        self._forget_results()
        self._tell_replaced()
        living = np.flatnonzero(self._heads["marks"] & layout.LIVING).astype(np.int32)
        self._end(living, np.full(len(living), CAPTURE_END, np.uint8))
        self._give_aged()

    def peek(self, slots: np.ndarray) -> np.ndarray:
        """Copies, CONNECTION (k,), of connections as they are now, ended_by interim. slots: integers (k,), those of living ones."""
        slots = np.asarray(slots, np.int32)
        return self._copies(slots, np.full(len(slots), INTERIM, np.uint8))

    def counters(self) -> dict[str, int]:
        counts = self._counts
        return dict(zip(_COUNTERS, (len(self), int(counts[layout.SERIAL]), self.evicted, self.half_open_evicted,
                                    int(counts[layout.HOLES_DROPPED]), int(counts[layout.SAMPLES_DROPPED])), strict=True))

    def octets(self) -> int:
        """Of memory that connections take: state, table, chains, free slots."""
        return sum(a.nbytes for a in (self._heads, self._ways, self._rests, self._pool, self._table, self._free))

    def _kernel_mode(self) -> int:
        """Only boundaries are looked at where every analysis says so and no round trip is asked for that needs more."""
        mode = self._mode
        if self._settings.boundaries and not self._want & ~WANT_SERVER:
            mode |= BY_CLASS_BOUNDARIES
        if self._settings.ftp_boundaries:
            mode |= BY_FTP_BOUNDARIES
        return mode

    def _forget_results(self) -> None:
        self.of_record = self.from_server = np.zeros(0, np.int32)
        self.opened, self.opened_by, self.samples = self._opened[:0], self._opened_by[:0], self._samples[:0]
        self.samples_aged, self.serials_aged = np.zeros(0, SAMPLE), np.zeros(0, np.int64)

    def _give_aged(self) -> None:
        if self._aged:
            self.samples_aged, self.serials_aged = (np.concatenate(parts) for parts in zip(*self._aged, strict=True))
            self._aged.clear()

    def _age(self, now_ns: int) -> None:
        s = self._settings
        first = self._next_aged if self._next_aged < self._capacity else 0
        self._next_aged = min(first + max(LOOKED_AT, self._capacity // AGEING_PARTS), self._capacity)
        found, endings = np.empty(self._next_aged - first, np.int32), np.empty(self._next_aged - first, np.uint8)
        done = ageing.find_silent(self._heads, first, self._next_aged, now_ns, s.idle_timeout_ns, s.half_open_timeout_ns,
                                  s.linger_ns, found, endings)
        self._end(found[:done], endings[:done])
        looks_ns = max(s.interim_ns // INTERIM_LOOKS, AGEING_NS)
        if now_ns // looks_ns != self._lasting_at:
            self._lasting_at = now_ns // looks_ns
            found = np.empty(self._capacity, np.int32)
            done = ageing.find_lasting(self._heads, self._rests, self._capacity, now_ns, s.interim_ns, found)
            self._tell(self._copies(found[:done], np.full(done, INTERIM, np.uint8)))

    def _tell_replaced(self) -> None:
        """Connections that others took the place of: after every analysis has seen the batch in which that was."""
        if self._replaced:
            slots = np.concatenate(self._replaced)
            self._replaced.clear()
            self._end(slots, np.full(len(slots), REPLACED, np.uint8))

    def _evict(self) -> None:
        """Down to 7/8 of max_connections when there are more than that: the oldest half-open ones, then those silent for
        longest."""
        limit = self._settings.max_connections
        excess = len(self) - sum(map(len, self._replaced)) - limit
        if excess <= 0:
            return
        excess += limit // EVICTED_SHARE
        marks = self._heads["marks"]
        living = np.flatnonzero(marks & layout.LIVING)
        half_open = living[marks[living] & (layout.ACTIVE | layout.RESET) == 0]
        chosen = _oldest(half_open, self._rests["start_ns"], excess)
        self.half_open_evicted += len(chosen)
        if len(chosen) < excess:
            others = np.setdiff1d(living, chosen, assume_unique=True)
            chosen = np.concatenate([chosen, _oldest(others, self._heads["last_ns"], excess - len(chosen))])
        self.evicted += len(chosen)
        self._end(chosen.astype(np.int32), np.full(len(chosen), EVICTED, np.uint8))

    def _end(self, slots: np.ndarray, endings: np.ndarray) -> None:
        """Tell their end, then free them. With none too: so every kernel is compiled before the first connection ends."""
        if self._want & (WANT_SERVER | WANT_CLIENT):
            samples, serials = np.empty(len(slots), SAMPLE), np.empty(len(slots), np.int64)
            done = ageing.unanswered(slots, endings, self._heads, self._ways, self._rests, self._want, samples, serials)
            self._aged.append((samples[:done], serials[:done]))
        self._tell(self._copies(slots, endings))
        ageing.free_all(slots, self._randoms, self._table, self._heads, self._ways, self._pool, self._free, self._counts)

    def _tell(self, states: np.ndarray) -> None:
        if len(states):
            for listener in self._listeners:
                listener(states)

    def _copies(self, slots: np.ndarray, endings: np.ndarray) -> np.ndarray:
        copies = np.empty(len(slots), CONNECTION)
        ageing.copy_all(slots, endings, self._settings.line_rate, self._heads, self._ways, self._rests, self._pool, copies)
        return copies

    def _make_room(self, count: int) -> None:
        """For `count` records, each of which may begin a connection. Beyond max_connections that is for one batch only."""
        while int(self._counts[layout.FREE_SLOTS]) < count:
            self._grow(max(min(2 * self._capacity, self._settings.max_connections), len(self) + count))
        nodes = len(self._pool)
        if int(self._counts[layout.FREE_NODES]) < NODES_PER_RECORD * count and nodes < self._max_nodes:
            self._grow_pool(min(max(2 * nodes, nodes + NODES_PER_RECORD * count), self._max_nodes))

    def _make_room_for_results(self, room: int) -> None:
        self._room = max(room, 2 * self._room)
        self._of_record, self._from_server = np.full(self._room, -1, np.int32), np.zeros(self._room, np.uint8)
        self._opened, self._opened_by = np.zeros(self._room, np.int32), np.zeros(self._room, np.int64)
        self._ended = np.zeros(self._room, np.int32)
        self._samples = np.zeros(SAMPLES_PER_RECORD * self._room, SAMPLE)
        self._forget_results()

    def _grow(self, capacity: int) -> None:
        before = len(self._heads)
        self._heads, self._rests = grown(self._heads, capacity), grown(self._rests, capacity)
        self._ways = grown(self._ways, 2 * capacity)
        height = int(self._counts[layout.FREE_SLOTS])
        free = np.empty(capacity, np.int32)
        free[: capacity - before] = np.arange(capacity - 1, before - 1, -1)
        free[capacity - before : capacity - before + height] = self._free[:height]  # used ones again first
        self._free, self._capacity = free, capacity
        self._counts[layout.FREE_SLOTS] = height + capacity - before
        if 2 * capacity > len(self._table):
            table = lines(1 << (2 * capacity - 1).bit_length(), np.dtype(np.uint64))
            enter_all(self._table, table)
            self._table = table

    def _grow_pool(self, nodes: int) -> None:
        before, counts = len(self._pool), self._counts
        self._pool = grown(self._pool, nodes)
        self._pool["next"][before:] = np.arange(before + 1, nodes + 1)
        self._pool["next"][-1] = counts[layout.FREE_NODE]
        counts[layout.FREE_NODE] = before
        counts[layout.FREE_NODES] += nodes - before


def _oldest(slots: np.ndarray, times: np.ndarray, count: int) -> np.ndarray:
    """Of `slots`, the `count` with the least times; all if there are fewer."""
    if len(slots) <= count:
        return slots
    return slots[np.argpartition(times[slots], count - 1)[:count]]
