"""Collector and probes as the separate programs that they are, on this machine, for one set of captures."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

from tmon_common.config.default import COLLECTOR
from tmon_common.config.read import read
from tmon_common.pdu.key_file import KeyFileError, write_keys
from tmon_common.pdu.keys import new_key

NOT_DELIVERED, INTERRUPTED = 1, 130
READY_LIMIT_S = 600.0  # the first start of all compiles kernels, which takes two minutes on two idle CPUs
STOP_LIMIT_S = 60.0
POLL_S = 0.1
CONFIGURATION, DATABASE, SPOOL = "trafmon.xml", "trafmon.duckdb", "spool"
MARKER = ".trafmon-analyse"
"""In a directory of results: says whose they are; locked while an analysis writes there."""
_PR_SET_PDEATHSIG = 1


class PipelineError(Exception):
    """The pipeline cannot run: what is wrong and what to do."""


class Pipeline:
    """Everything in the directory `out`: configuration, spool, database. Made, and cleared of earlier results, at construction.

    text        gives the XML of the configuration, of (spool, database, port of the collector); each of its probes is started
    own         a configuration of the user's that must stay as it is, or None
    name        of the command, for what is told
    PipelineError if that cannot be; ConfigurationError if the configuration is wrong.
    """

    def __init__(self, captures: Sequence[Path], out: Path, text: Callable[[Path, Path, int], str], own: Path | None = None,
                 name: str = "trafmon analyse") -> None:
        self.spool, self.database, self.configuration = out / SPOOL, out / DATABASE, out / CONFIGURATION
        self._captures, self._name = captures, name
        content = text(self.spool, self.database, _free_port())
        try:
            self.spool.mkdir(parents=True, exist_ok=True)
            self._clear(out, own)
            self.configuration.write_text(content, encoding="utf-8")
            self._read = read(self.configuration)
            for declared_probe in self._read.probes:
                write_keys(declared_probe.key, (new_key(""),))
        except KeyFileError as error:
            raise PipelineError(str(error)) from None
        except OSError as error:
            place = error.filename or out
            raise PipelineError(f"{place}: cannot be written: {error.strerror}; choose another place with --out") from None
        self._interrupted = 0

    def run(self, show=None) -> int:
        """All programs from start to end. `show`: a progress.ProgressBar, or None. Returns the worst exit status of the probes.

        PipelineError if the collector does not start.
        """
        previous = signal.signal(signal.SIGINT, self._on_interrupt)
        previous_term = signal.signal(signal.SIGTERM, self._on_interrupt)
        ready, ready_end = os.pipe()
        collector, probes = None, []
        try:
            keep = _descriptors(self._captures)
            collector = _start("tmon_collector", "-c", self.configuration, "--ready-fd", str(ready_end), keep=[ready_end, *keep])
            os.close(ready_end)
            with show or nullcontext():
                if show:
                    show.waiting("starting (the first time, kernels are compiled: up to two minutes)")
                self._wait_ready(collector, ready)  # what a probe sends before is refused, and it would say so
                if not self._interrupted:
                    probes.extend(_start("tmon_probe", "-c", self.configuration, probe.name, keep=keep, stdin=None)
                                  for probe in self._read.probes)
                status = self._wait(probes, collector, show)
        finally:
            for program in (*probes, collector):
                if program:
                    _stop(program)
            os.close(ready)
            signal.signal(signal.SIGINT, previous)
            signal.signal(signal.SIGTERM, previous_term)
        if collector.returncode and status == 0:
            print(f"{self._name}: the collector could not write all that it had; the results are not complete", file=sys.stderr)
            status = NOT_DELIVERED
        return INTERRUPTED if self._interrupted else status

    def _wait_ready(self, collector: subprocess.Popen, ready: int) -> None:
        limit = time.monotonic() + READY_LIMIT_S
        while not self._interrupted and time.monotonic() < limit:
            if select.select([ready], [], [], POLL_S)[0]:
                if os.read(ready, 16):
                    return
                raise PipelineError("the collector did not start; its message stands above")
            if collector.poll() is not None:
                raise PipelineError("the collector did not start; its message stands above")

    def _wait(self, probes: Sequence[subprocess.Popen], collector: subprocess.Popen, show) -> int:
        statistics = {}
        asked = 0  # how often the probes were told to stop
        while running := [p for p in probes if p.poll() is None]:
            if self._interrupted > asked:
                asked += 1
                _ask_to_end(running)
            if not asked and collector.poll() is not None:
                asked += 1
                print(f"{self._name}: the collector ended early; the results are not complete", file=sys.stderr)
                _ask_to_end(running)
            if not asked and any(p.returncode not in (None, 0, NOT_DELIVERED) for p in probes):
                asked += 1  # one could not start, or was killed: what the others see is of no use
                _ask_to_end(running)
            if show:
                self._show(show, statistics)
            with suppress(subprocess.TimeoutExpired):
                running[0].wait(POLL_S)
        for reader in statistics.values():
            reader.close()
        codes = [p.returncode if p.returncode >= 0 else NOT_DELIVERED for p in probes]
        return max(codes, key=lambda code: (code not in (0, NOT_DELIVERED), code), default=NOT_DELIVERED)

    def _show(self, show, statistics: dict) -> None:
        """The figures of all probes together. statistics: what could be attached so far, by probe."""
        from tmon_probe import health

        for probe in self._read.probes:
            if probe.name not in statistics:
                with suppress(FileNotFoundError, ValueError):
                    statistics[probe.name] = health.attach(self._read, probe.name)
        numbers = Counter()
        for reader in statistics.values():
            numbers.update(reader.snapshot())
        if numbers:
            show.update(numbers, time.monotonic())

    def _on_interrupt(self, _number: int, _frame: object) -> None:
        self._interrupted += 1  # the probe ends at once the second time

    def _clear(self, out: Path, config: Path | None) -> None:
        """Mark the directory as ours, lock it, and remove what an earlier analysis left there, and nothing else."""
        if config and config.resolve() == self.configuration.resolve():
            raise PipelineError(f"{config} would be written over by these results; choose another --out")
        marker = out / MARKER
        ours = marker.exists()
        results = [p for p in (self.database, self.configuration, *self.spool.glob("*.csv")) if p.exists()]
        if results and not ours:
            raise PipelineError(f"{results[0]} was not made by this command and would be replaced; choose another --out")
        self._lock = os.fdopen(os.open(marker, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644), "w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PipelineError(f"{out}: another analysis is at work there; wait for it, or choose another --out") from None
        # With what the collector remembers: what waited when it was interrupted; in its journal, what need not be written again.
        for path in (self.database, self.database.with_name(self.database.name + ".wal"), *self.spool.glob("*.csv"),
                     *self.spool.glob("*.part"), *(p for p in self.spool.glob(f".{COLLECTOR}.*") if p.suffix != ".lock")):
            path.unlink(missing_ok=True)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _descriptors(captures: Sequence[Path]) -> list[int]:
    """Those that captures name: /dev/fd/63, as a shell's <(command) gives."""
    return [int(c.name) for c in captures if str(c.parent) in ("/dev/fd", "/proc/self/fd") and c.name.isdecimal()]


def _start(module: str, *arguments: object, keep: Sequence[int] = (), stdin: int | None = subprocess.DEVNULL) -> subprocess.Popen:
    """A program of ours, in a session of its own (Ctrl-C is ours to pass on), that ends when this process dies."""
    return subprocess.Popen([sys.executable, "-m", module, *map(str, arguments)], stdin=stdin, pass_fds=keep,
                            start_new_session=True, preexec_fn=_end_with_parent)  # noqa: PLW1509 no threads here


def _ask_to_end(programs: Sequence[subprocess.Popen]) -> None:
    for program in programs:
        program.terminate()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(program: subprocess.Popen) -> None:
    """End a program that we started: asked first, then made to."""
    if program.poll() is None:
        program.terminate()
        try:
            program.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
