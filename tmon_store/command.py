"""The loader as a program: what it is given, what it prints, its exit status."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tmon_common.config.store_model import Store
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.load import Progress, load_spool

DONE, FAILED, MISUSED, BUSY = 0, 1, 2, 3


def run(config: Path, spool: Path | None = None, database: Path | None = None, collector: str | None = None) -> int:
    """Load; gives the exit status. The configuration is read only if spool or database is not given.

    One line per run on stdout (nothing else there, for cron); warnings and errors on stderr.
    """
    spools = [spool] if spool else []
    store: Store | Path | None = database
    if not spool or not database:
        from tmon_common.config.problems import ConfigurationError
        from tmon_common.config.read import read

        try:
            configuration = read(config)
        except (ConfigurationError, OSError) as error:
            return _fail(str(error), MISUSED)
        if collector and collector not in configuration.collector_by_name:
            return _fail(f"{config}: no collector {collector!r}; there is {', '.join(configuration.collector_by_name)}", MISUSED)
        spools = spools or [c.spool for c in configuration.collectors if collector in (None, c.name)]
        store = database or configuration.store
    status = DONE
    for directory in dict.fromkeys(spools):
        status = max(status, _load(directory, store))
    return status


def _load(spool: Path, where: Store | Path) -> int:
    if not spool.is_dir():
        return _fail(f"{spool}: no such directory", FAILED)
    try:
        with _progress() as progress:
            report = load_spool(spool, where, progress)
    except StoreBusyError as error:
        return _fail(str(error), BUSY)
    except StoreError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted; the next run goes on from here", FAILED)
    for warning in report.warnings:
        sys.stderr.write(f"trafmon_loader: {warning}\n")
    sys.stdout.write(f"trafmon_loader: {report} into {where if isinstance(where, Path) else where.database}\n")
    return DONE


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
