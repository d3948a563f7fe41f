"""One-way measurement in a collector: log, flow definitions, rows that are written, the clock. The edge around `engine`.

What is acknowledged is in the log first, flow definitions and gaps as well. What is settled is written kind by kind, each with a
mark in the journal; a restart reads the log, settles again what may not be written, and writes what has no mark
(docs/decisions/0023).
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial

import numpy as np

from tmon_collector.csv_text import csv_field
from tmon_collector.flow_file import Definitions, FlowFile
from tmon_collector.gathering import CAPACITY, Gathering
from tmon_collector.mark import Mark
from tmon_collector.one_way.counts import OneWayCounts
from tmon_collector.one_way.engine import ClassEngine
from tmon_collector.one_way.log import (
    BlockRecord,
    GapsRecord,
    OneWayLog,
    SnapshotRecord,
    packed_block,
    packed_gaps,
)
from tmon_collector.one_way.progress import NEVER
from tmon_collector.one_way.results import Results, Round
from tmon_collector.one_way.sources import COLLECTOR, Published
from tmon_collector.one_way.telling import ClassTelling
from tmon_collector.spool import Spool, SpoolError
from tmon_common.clock import Clock
from tmon_common.config.model import SECOND, Configuration
from tmon_common.config.model import Collector as Parameters
from tmon_common.events import Event
from tmon_common.observations import ABSENT, FLOW_DEFINITION, ONE_WAY_GAP, Kind
from tmon_common.pdu.error import PduError
from tmon_common.pdu.one_way import Block, decode

logger = logging.getLogger(__name__)

TICK_NS = SECOND // 2
AT_ONCE = 0
RETRY_NS = SECOND
"""After something could not be written."""
_FLOWS, _LOG = "one-way flows", "one-way log"

Observer = Callable[[str, np.ndarray, str, int, Sequence[str]], None]


class OneWayClasses:
    """The one-way classes of a configuration, in the collector `parameters`. SpoolError when its files cannot be read.

    emit        is given each event when it happens
    observers   by kind: who sees rows once they are written, like those of `Decoding`
    settled     called with a class and the packet time up to which its rows are written
    """

    def __init__(self, configuration: Configuration, parameters: Parameters, spool: Spool, emit: Callable[[Event], None],
                 clock: Clock, observers: Mapping[str, Sequence[Observer]],
                 settled: Callable[[str, int], None] = lambda *_: None) -> None:
        self._spool, self._emit, self._clock, self._observers = spool, emit, clock, observers
        self._tell_settled = settled
        self._own = (parameters.name, clock.wall_ns() // 1_000_000)
        here = {p.name for p in configuration.probes for b in p.publications if b.collector == parameters.name}
        live = {p.name for p in configuration.probes if not any(i.files for i in p.interfaces)}
        self.engines = {c.name: ClassEngine(
            c, (p for p in here if c.name in _classes_of(configuration, p)), partial(Results, c, configuration.histogram_by_name),
            live)
            for c in configuration.classes if c.one_way is not None}
        self.written: Counter[str] = Counter()  # rows, by kind
        self._turns = deque(self.engines)  # whose turn it is to settle a round
        self._tellings = [ClassTelling(e) for e in self.engines.values()]
        self._pending: dict[str, tuple[Round, int]] = {}  # by class: what is not written yet, and from which output on
        self._gatherings: dict[str, Gathering] = {}
        self._rows_of_lines = 0  # of the output that is being written
        self._needed = dict.fromkeys(self.engines, NEVER)  # by class: what was observed before is written
        self._next_tick_ns = clock.monotonic_ns()
        self._snapshot_due = True  # what came before and what comes next must not be in the same file of the log
        self._log = OneWayLog(parameters.spool, parameters.name, sync=parameters.sync)
        self._flow_file: FlowFile | None = None
        if self.engines:
            path = parameters.spool / f".{parameters.name}.one_way_flows"
            try:
                self._flow_file = FlowFile(path, sync=parameters.sync)
                self._restore()
            except OSError as error:
                msg = (f"{error.filename or path}: cannot be read ({error.strerror}), which would lose observations that were "
                       "acknowledged; see what is there, put it right or move it away")
                raise SpoolError(msg) from error

    @property
    def counts(self) -> dict[str, OneWayCounts]:
        """By class."""
        return {name: engine.counts for name, engine in self.engines.items()}

    @property
    def held(self) -> int:
        """Observations that wait, of all classes."""
        return sum(len(e.buffer) for e in self.engines.values())

    @property
    def unwritten(self) -> bool:
        """What was settled could not be written; it is in the log."""
        return bool(self._pending)

    # ---- what comes in (decode.OneWaySink, keepers)

    def wants(self, flow_class: str) -> bool:
        return flow_class in self.engines

    def keep(self, blocks: Sequence[tuple[str, int, bytes, Block]]) -> bool:
        return self._append(packed_block(probe, run_ms, payload) for probe, run_ms, payload, _ in blocks)

    def take(self, blocks: Sequence[tuple[str, int, bytes, Block]]) -> None:
        now_ns, wall_ns = self._clock.monotonic_ns(), self._clock.wall_ns()
        for probe, run_ms, _, block in blocks:
            name = block.form.flow_class
            newest_ns = self.engines[name].take(block, probe, run_ms, now_ns, wall_ns)
            if newest_ns != NEVER:
                self._log.holds(name, newest_ns)

    def keepers(self) -> dict[str, Callable[[str, np.ndarray, str, int, Sequence[str]], bool]]:
        """By kind: who takes rows before they are acknowledged."""
        return {FLOW_DEFINITION.name: self._define, ONE_WAY_GAP.name: self._take_gaps} if self.engines else {}

    def _define(self, _kind: str, words: np.ndarray, probe: str, run_ms: int, strings: Sequence[str]) -> bool:
        ours = np.zeros(len(words), bool)
        for engine in self.engines.values():
            ours |= engine.define(words, probe, run_ms, strings)
        if ours.any():
            try:
                self._flow_file.append(Definitions(probe, run_ms, words[ours], strings))
            except OSError as error:
                self._spool.tell_trouble(_FLOWS, self._flow_file.path, error)
                return False
            self._spool.tell_recovery(_FLOWS)
            self._compact_flows()
        return True

    def _compact_flows(self) -> None:
        if self._flow_file.has_doubled:
            try:
                self._flow_file.compact(self._still_known)
            except OSError as error:
                logger.warning("%s: cannot be written anew (%s); it goes on growing", self._flow_file.path, error.strerror)

    def _still_known(self, d: Definitions) -> np.ndarray:
        return np.logical_or.reduce([e.definitions.known(d.words, d.probe, d.run_ms, d.strings) for e in self.engines.values()])

    def _take_gaps(self, _kind: str, words: np.ndarray, probe: str, run_ms: int, strings: Sequence[str]) -> bool:
        columns = [ONE_WAY_GAP.word_of(name) for name in ("flow_class", "sequence", "first", "last", "pdus")]
        rows = words[:, columns].tolist()
        gaps = [(strings[row[0]], *row[1:]) for row in rows if row[0] != ABSENT and strings[row[0]] in self.engines]
        if gaps and not self._append([packed_gaps(probe, run_ms, gaps)]):
            return False
        self._tell_gaps(probe, run_ms, gaps)
        return True

    def _tell_gaps(self, probe: str, run_ms: int, gaps: Iterable[tuple[str, int, int, int, int]]) -> None:
        for name, sequence, first_ns, last_ns, pdus in gaps:
            if name in self.engines:
                self.engines[name].gap(probe, run_ms, sequence, first_ns, last_ns, 1 if pdus == ABSENT else pdus)

    def _append(self, records: Iterable[bytes]) -> bool:
        try:
            if self._snapshot_due or self._log.is_long:
                self._begin_file()
            self._log.append(records)
        except OSError as error:
            self._spool.tell_trouble(_LOG, self._log.path, error)
            return False
        self._spool.tell_recovery(_LOG)
        return True

    def _begin_file(self) -> None:
        self._log.begin({name: engine.state() for name, engine in self.engines.items()})
        self._snapshot_due = False
        self._log.delete(self._needed)

    # ---- what comes out

    def tick(self) -> None:
        """Settles and writes a round of the next class that has one due: not more, so that the socket is looked at in between.
        Cheap if called too early."""
        now_ns = self._clock.monotonic_ns()
        if not self.engines or now_ns < self._next_tick_ns:
            return
        wait_ns = TICK_NS
        for name in list(self._turns):
            self._turns.append(self._turns.popleft())
            wait_ns = min(wait_ns, self._settle(self.engines[name], now_ns))
            if wait_ns == AT_ONCE:
                break
        self._next_tick_ns = now_ns + wait_ns
        self._tell(now_ns)

    def next_tick(self) -> int | None:
        """Wall time (ns) at which `tick` wants to be called; None: never."""
        if not self.engines:
            return None
        return self._clock.wall_ns() + max(self._next_tick_ns - self._clock.monotonic_ns(), 0)

    def close(self) -> None:
        """Settles and writes what is due, and closes the files. What is not due is in the log."""
        if self.engines:
            for engine in self.engines.values():
                while self._settle(engine, self._clock.monotonic_ns()) == AT_ONCE:
                    pass
            self._tell(self._clock.monotonic_ns())
            self._log.close()
            self._flow_file.close()

    def _settle(self, engine: ClassEngine, now_ns: int) -> int:
        """Writes what is pending, then a round. After how long (ns) to try again."""
        epoch = engine.epoch
        if not self._write_pending(engine):
            return RETRY_NS
        settled = engine.tick(now_ns, self._clock.wall_ns())
        if settled is not None:
            self._pending[engine.name] = (settled, 0)
            return AT_ONCE if self._write_pending(engine) else RETRY_NS
        if engine.epoch != epoch:
            self._log.forget(engine.name)
            self._needed[engine.name] = NEVER
            self._snapshot_due = True
            with suppress(OSError):  # else when the next observations come
                self._begin_file()
        return TICK_NS

    def _write_pending(self, engine: ClassEngine) -> bool:
        if engine.name not in self._pending:
            return True
        settled, first = self._pending[engine.name]
        for number, output in enumerate(settled.outputs[first:], first):
            mark = Mark(settled.flow_class, output.kind.name, settled.epoch, settled.end_ns)
            if not self._spool.append_pieces(output.kind, self._lines(output.kind, output.pieces()), mark):
                self._pending[engine.name] = (settled, number)
                return False
            self.written[output.kind.name] += self._rows_of_lines
            for observer in self._observers.get(output.kind.name, ()):
                for p in output.pieces():
                    observer(output.kind.name, p.rows.words, p.probe, p.run_ms, p.rows.strings)
        if not self._spool.record(marks=[Mark(settled.flow_class, "", settled.epoch, settled.end_ns)]):
            self._pending[engine.name] = (settled, len(settled.outputs))
            return False
        del self._pending[engine.name]
        self._needed[engine.name] = settled.needed_from_ns
        self._tell_settled(settled.flow_class, settled.end_ns)
        self._log.delete(self._needed)
        return True

    def _lines(self, kind: Kind, pieces: Iterator[Published]) -> Iterator[memoryview]:
        gathering = self._gatherings.get(kind.name)
        if gathering is None:
            gathering = self._gatherings[kind.name] = Gathering(kind)
        self._rows_of_lines = 0
        try:
            for probe, run_ms, rows in pieces:
                name, run = self._own if probe == COLLECTOR else (probe, run_ms)
                source = csv_field(name) + f",{run},".encode()
                self._rows_of_lines += len(rows)
                for first in range(0, len(rows), CAPACITY):
                    words = rows.words[first : first + CAPACITY]
                    if not gathering.has_room_for(len(words)):
                        yield gathering.lines()
                        gathering.clear()
                    gathering.add_rows(words, rows.strings, source)
            if gathering.rows:
                yield gathering.lines()
        finally:
            gathering.clear()

    def _tell(self, now_ns: int) -> None:
        wall_ns = self._clock.wall_ns()
        for telling in self._tellings:
            for event in telling.look(now_ns, wall_ns):
                logger.log(event.severity.level, "%s", event.text)
                self._emit(event)

    # ---- after a restart

    def _restore(self) -> None:
        """What an earlier start has left: flow definitions, and what the log has."""
        for found in self._flow_file.read():
            for engine in self.engines.values():
                engine.define(found.words, found.probe, found.run_ms, found.strings)
        if self._flow_file.cut:
            logger.warning("%s: %d damaged octets at its end were cut off", self._flow_file.path, self._flow_file.cut)
        for engine in self.engines.values():
            engine.begin_restoring(self._spool.marks)
        outdated: set[str] = set()
        number = first = None
        for number, record in self._log.read():
            first = number if first is None else first
            if isinstance(record, SnapshotRecord):
                outdated |= self._take_snapshot(record, number, is_first=number == first)
            elif isinstance(record, GapsRecord):
                self._tell_gaps(*record)
            else:
                self._take_record(record, number, outdated)
        for engine in self.engines.values():
            engine.end_restoring()
        if self._log.damaged:
            logger.error("%s: %d octets amid these files are damaged, and acknowledged observations lost; check that disk",
                         self._log.path, self._log.damaged)
        if self._log.cut:
            logger.warning("%s: %d octets at the ends of files were cut off that nobody was told are written", self._log.path,
                           self._log.cut)
        if self.held:
            logger.info("one-way: %d observations wait that an earlier start has left", self.held)

    def _take_snapshot(self, record: SnapshotRecord, number: int, *, is_first: bool) -> set[str]:
        """Names of classes whose observations are of no use."""
        outdated = set()
        for name, engine in self.engines.items():
            try:
                state = record.state.get(name)
                if state is None or not (is_first or int(state["epoch"]) > engine.epoch):
                    continue
                self._log.forget(name, before=number)
                if not engine.restore(state):
                    outdated.add(name)
                    engine.begin_epoch(int(state["epoch"]) + 1)
            except (ValueError, TypeError, LookupError) as error:
                logger.error("%s: a snapshot cannot be used for class %s (%s)", self._log.path, name, error)
        return outdated

    def _take_record(self, record: BlockRecord, number: int, outdated: set[str]) -> None:
        try:
            block = decode(record.payload, 0, len(record.payload))
        except PduError:
            return
        name = block.form.flow_class
        engine = self.engines.get(name)
        if engine is None:
            return
        if name in outdated:
            engine.counts.outdated += len(block.words)
            return
        newest_ns = engine.take(block, record.probe, record.run_ms, self._clock.monotonic_ns(), self._clock.wall_ns())
        if newest_ns != NEVER:
            self._log.holds(name, newest_ns, number)


def _classes_of(configuration: Configuration, probe: str) -> tuple[str, ...]:
    return next(p.classes for p in configuration.probes if p.name == probe)
