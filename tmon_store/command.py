"""The loader as a program: what it is given, what it prints, its exit status."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tmon_common import service_manager
from tmon_common.config.store_model import Store
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.follow import Stop, Watch
from tmon_store.load import LoadReport, Progress, load_spool
from tmon_store.program import BUSY, DONE, FAILED, MISUSED
from tmon_store.spool import complete_files


@dataclass(frozen=True)
class Options:
    """What the program was given.

    follow_s    seconds between looks into the spools; None: one run
    quiet       no line when there was nothing to do
    """

    config: Path
    spool: Path | None = None
    database: Path | None = None
    collector: str | None = None
    follow_s: float | None = None
    quiet: bool = False


def run(options: Options) -> int:
    """Load; gives the exit status. The configuration is read only if spool or database is not given.

    One line per run on stdout (nothing else there, for cron); warnings and errors on stderr.
    """
    spools = [options.spool] if options.spool else []
    store: Store | Path | None = options.database
    if not spools or not store:
        from tmon_common.config.problems import ConfigurationError
        from tmon_common.config.read import read

        try:
            configuration = read(options.config)
        except (ConfigurationError, OSError) as error:
            return _fail(str(error), MISUSED)
        known = configuration.collector_by_name
        if options.collector and options.collector not in known:
            return _fail(f"{options.config}: no collector {options.collector!r}; there is {', '.join(known)}", MISUSED)
        spools = spools or [c.spool for c in configuration.collectors if options.collector in (None, c.name)]
        store = store or configuration.store
    spools = list(dict.fromkeys(spools))
    if options.follow_s is not None:
        return _follow(spools, store, options)
    try:
        return max(_load_once(spool, store, options) for spool in spools)
    except KeyboardInterrupt:
        return _fail("interrupted; the next run goes on from here", FAILED)


def _load_once(spool: Path, where: Store | Path, options: Options) -> int:
    try:
        _check(spool)
        with _progress() as progress:
            report = load_spool(spool, where, progress)
    except StoreError as error:
        return _fail(str(error), _status(error))
    _warn(report.warnings)
    if report.files or report.archived or not options.quiet:
        _tell(report, where)
    return DONE


def _follow(spools: list[Path], where: Store | Path, options: Options) -> int:
    """Until a signal comes. What does not work is told once and tried again; the exit status is that of the last try."""
    watches, statuses = {spool: Watch() for spool in spools}, dict.fromkeys(spools, DONE)
    try:
        with Stop().listening() as stop:
            service_manager.ready(f"following {', '.join(map(str, spools))}")
            while True:
                for spool, watch in watches.items():
                    if not stop():
                        statuses[spool] = _look(spool, watch, where, stop, statuses[spool])
                if stop.wait(options.follow_s):
                    service_manager.stopping("asked to")
                    return max(statuses.values())
    except KeyboardInterrupt:
        return _fail("interrupted; the next run goes on from here", FAILED)


def _look(spool: Path, watch: Watch, where: Store | Path, stopping: Callable[[], bool], status: int) -> int:
    """Load a spool if that is worth it; gives how that went, or went the last time."""
    names: frozenset[str] = frozenset()
    try:
        _check(spool)
        names = frozenset(file.name for file in complete_files(spool))
        if not watch.due(names, time.monotonic_ns()):
            return status
        report = load_spool(spool, where, stopping=stopping)
    except StoreError as error:
        _warn(watch.failed(str(error), names, time.monotonic_ns()))
        return _status(error)
    _warn(watch.loaded(names, report.warnings, time.monotonic_ns()))
    if report.files or report.archived:
        _tell(report, where)
    return DONE


def _check(spool: Path) -> None:
    try:
        os.scandir(spool).close()
    except OSError as error:
        msg = f"{spool}: cannot read the spool: {error.strerror}"
        raise StoreError(msg) from error


def _status(error: StoreError) -> int:
    return BUSY if isinstance(error, StoreBusyError) else FAILED


def _warn(lines: Iterable[str]) -> None:
    for line in lines:
        service_manager.notify(STATUS=line)
        sys.stderr.write(f"trafmon_loader: {line}\n")
    sys.stderr.flush()


def _tell(report: LoadReport, where: Store | Path) -> None:
    told = f"{report} into {where if isinstance(where, Path) else where.database}"
    service_manager.notify(STATUS=told)
    sys.stdout.write(f"trafmon_loader: {told}\n")
    sys.stdout.flush()


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"trafmon_loader: {message}\n")
    return status


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar if a person watches, else nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    with Bar(TextColumn("loading"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
             TextColumn("{task.fields[file]}", markup=False), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("loading", total=None, file="")
        yield lambda done, total, name: bar.update(task, completed=done, total=total, file=name)
