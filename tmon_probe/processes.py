"""Father and child: opened and compiled before the fork, run, and brought to an end together."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable

from tmon_common.clock import SystemClock
from tmon_common.config.model import SECOND, Configuration, Probe
from tmon_common.observations import Rows
from tmon_common.stats import Statistics
from tmon_probe import health
from tmon_probe.child.analysers import BUILT_IN
from tmon_probe.child.chain import Chain
from tmon_probe.child.loop import Child
from tmon_probe.cpus import pin_child, pin_father
from tmon_probe.father.capture.open import open_source
from tmon_probe.father.loop import Father, compile_dissection
from tmon_probe.father.sieve import compile_sieve
from tmon_probe.publish.publication import Publication
from tmon_probe.ring import Ring

log = logging.getLogger(__name__)

DELIVERED, NOT_DELIVERED, CHILD_LOST = 0, 1, 3
"""Exit statuses: everything acknowledged; something was not; the child died."""
STOP_PATIENCE_NS = 5 * SECOND
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ProbeProcesses:
    """Everything a probe needs, made in the father before the child is forked, so that both have it compiled once.

    CaptureError if an interface cannot be opened.
    """

    def __init__(self, configuration: Configuration, probe: Probe) -> None:
        self._configuration, self._probe, self._clock = configuration, probe, SystemClock()
        self._stop_asked = 0
        self._child_changed = False  # asking the system for every batch would cost more than the batch
        self._father_pid = os.getpid()
        self.run_ms = self._clock.wall_ns() // 1_000_000
        self._sources = [open_source(i) for i in probe.interfaces]

    def run(self) -> int:
        """Until the sources are finished or a signal asks to stop. Returns the exit status.

        FileExistsError if a probe of this name and configuration runs already.
        """
        compile_dissection()
        self._chain(_nowhere).warm_up()
        filters = [c.filter for c in self._configuration.classes_of(self._probe)]
        sieve = compile_sieve(filters, {i.name: n for n, i in enumerate(self._probe.interfaces)})
        signal.pthread_sigmask(signal.SIG_BLOCK, (*STOP_SIGNALS, signal.SIGCHLD))  # from here on there is something to clean up
        self._statistics: Statistics = health.create(self._configuration, self._probe.name)
        self._ring = Ring(self._probe.ring_slots)
        father = Father(self._sources, sieve, self._ring, self._statistics, self._clock, self._stopping)
        self._child = multiprocessing.get_context("fork").Process(target=self._run_child, name=f"{self._probe.name}-child")
        self._child.start()
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, self._on_child)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*STOP_SIGNALS, signal.SIGCHLD))
        pin_father(self._probe.father_cpu)
        try:
            father.run()
            self._child.join()
        finally:
            self._ring.end()
            self._end(self._child)
            for number in STOP_SIGNALS:  # there is nothing left to stop, and no ring to tell it to
                signal.signal(number, signal.SIG_IGN)
            for source in self._sources:
                source.close()
            del father  # it looks into the two segments that are closed now
            self._ring.close()
            self._statistics.close()
        if self._child.exitcode in (DELIVERED, NOT_DELIVERED):
            return self._child.exitcode
        log.error("probe %s: its child process died (%s); the probe ends", self._probe.name, _how(self._child.exitcode))
        return CHILD_LOST

    def _stopping(self) -> bool:
        return self._stop_asked > 0 or (self._child_changed and not self._child.is_alive())

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stop_asked += 1
        self._ring.hurry()
        if self._stop_asked > 1:  # the second time: at once
            self._child.kill()

    def _on_child(self, _number: int, _frame: object) -> None:
        self._child_changed = True

    def _chain(self, emit: Callable) -> Chain:
        return Chain(self._configuration, self._probe, BUILT_IN, emit)

    def _run_child(self) -> None:
        """In the child process. It stops when the ring ends, not by signals: those meant for both reach the father."""
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (*STOP_SIGNALS, signal.SIGCHLD))
        pin_child(self._probe.child_cpus, self._probe.father_cpu)
        lossless = all(not s.live for s in self._sources)
        publication = Publication(self._probe.publications, self._probe.name, self.run_ms, lossless=lossless)
        child = Child(self._ring, self._chain, publication, self._statistics, self._clock, lossless=lossless,
                      hurry_ns=STOP_PATIENCE_NS, father=self._father_pid)
        try:
            status = DELIVERED if child.run() else NOT_DELIVERED
        except Exception:
            log.exception("probe %s: the child failed", self._probe.name)
            status = CHILD_LOST  # not to be taken for a collector that does not answer
        publication.close()
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)

    def _end(self, child: multiprocessing.Process) -> None:
        deadline = time.monotonic() + STOP_PATIENCE_NS / 1e9
        while child.is_alive() and time.monotonic() < deadline:
            child.join(0.1)
        if child.is_alive():
            child.kill()
            child.join()


def _nowhere(rows: Rows) -> None:
    """For a chain that is only compiled."""


def _how(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"killed by {signal.Signals(-exitcode).name}"
    return f"exit status {exitcode}"
