"""Thresholds in a collector: rows as they are written, the clock, and the files that outlive it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tmon_collector.flow_file import Definitions, FlowFile
from tmon_collector.thresholds.engine import ThresholdEngine
from tmon_collector.thresholds.state_file import read_state, write_state
from tmon_common.clock import Clock
from tmon_common.config.model import SECOND, Configuration
from tmon_common.events import Event
from tmon_common.increase import Increase
from tmon_common.observations import FLOW_DEFINITION

logger = logging.getLogger(__name__)

TICK_NS = SECOND
REMEMBER_NS = 60 * SECOND
"""What is usual is written so often, at most; crossings at once."""

Observer = Callable[[str, np.ndarray, str, int, Sequence[str]], None]


class Thresholds:
    """The thresholds of a configuration, in collector `name`, which keeps its files in `directory`.

    emit        is given each event when it happens
    heard_ns    when each probe was last heard, by its name, on the monotonic clock: whoever knows puts a view here that is kept
                up to date, so that an idle probe is told from a dead one
    Files that cannot be read or written are told, and cost no more than what a restart would know from them.
    """

    def __init__(self, configuration: Configuration, directory: Path, emit: Callable[[Event], None], clock: Clock,
                 name: str) -> None:
        self.heard_ns: Mapping[str, int] = {}
        self._emit, self._clock = emit, clock
        self.engine = ThresholdEngine(configuration, name, clock.wall_ns())
        self.statistics = self.engine.statistics
        self._active = bool(configuration.thresholds.members)
        self._flows_path, self._state_path = directory / f".{name}.flows", directory / f".{name}.thresholds"
        self._flow_file: FlowFile | None = None
        self._lost, self._file_told = Increase(clock), Increase(clock)
        self._next_tick_ns = clock.monotonic_ns()
        self._remember_at_ns = clock.monotonic_ns() + REMEMBER_NS
        if self._active:
            self._restore_flows()
            self._restore_state()

    def observers(self) -> dict[str, list[Observer]]:
        """Who wants to see the rows of which kind, once they are written."""
        if not self._active:
            return {}
        return {FLOW_DEFINITION.name: [self._define], **{kind: [self._take] for kind in self.engine.kinds}}

    def settled(self, flow_class: str, until_ns: int) -> None:
        """All one-way rows of that class are written, and were observed, whose interval ends by then (packet time)."""
        if self._active:
            self.engine.settled(flow_class, until_ns, self._clock.monotonic_ns())

    def tick(self, now_wall_ns: int) -> None:
        """Compares what is due. Cheap if called too early."""
        now_ns = self._clock.monotonic_ns()
        if not self._active or now_ns < self._next_tick_ns:
            return
        self._next_tick_ns = now_ns + TICK_NS
        events = self.engine.tick(now_ns, now_wall_ns, self.heard_ns)
        if events or now_ns >= self._remember_at_ns:
            self._remember()  # first: what is told twice is worse than what a crash at this very moment leaves untold
        for event in events:
            logger.log(event.severity.level, "%s", event.text)
            self._emit(event)
        self._tell_losses()

    def next_tick(self) -> int | None:
        """Wall time (ns) at which `tick` wants to be called; None: never."""
        if not self._active:
            return None
        return self._clock.wall_ns() + max(self._next_tick_ns - self._clock.monotonic_ns(), 0)

    def close(self) -> None:
        """Remembers what a restart needs."""
        if self._active:
            self._remember()
        if self._flow_file:
            self._flow_file.close()
            self._flow_file = None

    def _take(self, kind: str, words: np.ndarray, probe: str, run_ms: int, strings: Sequence[str]) -> None:
        self.engine.take(kind, words, probe, run_ms, strings, self._clock.monotonic_ns())

    def _define(self, _kind: str, words: np.ndarray, probe: str, run_ms: int, strings: Sequence[str]) -> None:
        watched = self.engine.define(words, probe, run_ms, strings, self._clock.monotonic_ns())
        if self._flow_file and watched.any():
            try:
                self._flow_file.append(Definitions(probe, run_ms, words[watched], strings))
                if self._flow_file.has_doubled:
                    self._flow_file.compact(lambda d: self.engine.still_known(d.words, d.probe, d.run_ms))
            except OSError as error:
                self._tell_failure(self._flows_path, error)

    def _restore_flows(self) -> None:
        try:
            self._flow_file = FlowFile(self._flows_path)
            for found in self._flow_file.read():
                self.engine.define(found.words, found.probe, found.run_ms, found.strings, self._clock.monotonic_ns())
        except OSError as error:
            self._tell_failure(self._flows_path, error)
        else:
            if self._flow_file.cut:
                logger.warning("%s: %d damaged octets at its end were cut off; thresholds miss the flows in them until their probe "
                               "is restarted", self._flows_path, self._flow_file.cut)

    def _restore_state(self) -> None:
        try:
            self.engine.restore(read_state(self._state_path))
        except OSError as error:
            self._tell_failure(self._state_path, error)
        except (ArithmeticError, ValueError, TypeError, LookupError) as error:
            logger.warning("%s: damaged (%s); what was crossed may be told again", self._state_path, error)

    def _remember(self) -> None:
        self._remember_at_ns = self._clock.monotonic_ns() + REMEMBER_NS
        try:
            write_state(self._state_path, self.engine.state())
        except OSError as error:
            self._tell_failure(self._state_path, error)

    def _tell_failure(self, path: Path, error: OSError) -> None:
        self.statistics.file_errors += 1
        if self._file_told.told(self.statistics.file_errors):
            logger.error("%s: %s; thresholds go on, but a restart would not know what should be there: give user and file system "
                         "what they need", path, error.strerror or error)

    def _tell_losses(self) -> None:
        c = self.statistics
        if self._lost.told(c.rows_late + c.rows_undefined + c.series_refused + c.flows_forgotten):
            logger.warning("thresholds: not compared so far: %d rows too late, %d of flows without definition, %d beyond "
                           "max_series; %d flows forgotten (max_flows)", c.rows_late, c.rows_undefined, c.series_refused,
                           c.flows_forgotten)
