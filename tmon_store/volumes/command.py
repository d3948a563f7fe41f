"""The daily volumes as a program: what it is given, what it prints, its exit status."""

from __future__ import annotations

import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tmon_common.config.problems import ConfigurationError
from tmon_common.config.read import read
from tmon_common.config.store_model import Store
from tmon_store.access import Access
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.program import BUSY, DONE, FAILED, MISUSED, with_file
from tmon_store.volumes.aggregate import DAYS_BACK, MAX_DAYS, CountersGoneError, ensure, outdated, sum_up, yesterday
from tmon_store.volumes.schema import NETFLOW, PROBE

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend


def run(config: Path, days: tuple[date, date] | None = None, database: Path | None = None, *,
        netflow: bool = False, quiet: bool = False) -> int:
    """Sum up the days from the first to the last; gives the exit status. One line per day on stdout (if quiet, of
    those that have volumes), errors on stderr.

    days: None: yesterday, and those of the week before that are not up to date. database: a DuckDB file, instead of the configured
    database; the configuration is then read if it is there, for the flow classes.
    """
    if days and not 0 <= (days[1] - days[0]).days < MAX_DAYS:
        return _fail(f"from {days[0]} to {days[1]}: give the earlier day first, and at most {MAX_DAYS} days", MISUSED)
    try:
        store = _store(config, database)
    except (ConfigurationError, OSError) as error:
        return _fail(str(error), MISUSED)
    try:
        return _sum_up(store, days, NETFLOW if netflow else PROBE, quiet=quiet)
    except StoreBusyError as error:
        return _fail(str(error), BUSY)
    except StoreError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted; days that were told of are done, the others are as they were", FAILED)


def _store(config: Path, database: Path | None) -> Store:
    if database is None:
        return read(config).store
    return with_file(read(config).store if config.exists() else Store(), database)


def _sum_up(where: Store, days: tuple[date, date] | None, source: str, *, quiet: bool) -> int:
    """Day by day: a loader comes in between. Gives the exit status."""
    status, database = DONE, Access(where)
    database.require()
    with database.opened() as store:
        ensure(store)
        due = _range(*days) if days else _due(store, where, source)
    for day in due:
        try:
            with database.opened() as store:
                made = sum_up(store, day, source, where.volumes)
        except CountersGoneError as error:
            status = _fail(str(error), FAILED)
            continue
        if made.rows or not quiet:
            sys.stdout.write(f"trafmon_volumes: {made}\n")
            sys.stdout.flush()
    return status


def _range(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _due(store: Backend, where: Store, source: str) -> list[date]:
    last = yesterday(time.time_ns())
    earlier = outdated(store, last - timedelta(days=DAYS_BACK), last + timedelta(days=1), source, where.volumes)
    return [*(d for d in earlier if d != last), last]


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"trafmon_volumes: {message}\n")
    return status
