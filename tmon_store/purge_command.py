"""The purge as a program: what it is given, what it prints, its exit status."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from tmon_common.config.problems import ConfigurationError
from tmon_common.config.read import read
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.ip_info.access import Access
from tmon_store.purge import Purged, purge

DONE, FAILED, MISUSED, BUSY = 0, 1, 2, 3


def run(config: Path, database: Path | None = None, *, quiet: bool = False) -> int:
    """Purge; gives the exit status. One line per run on stdout (none if quiet and nothing went); all else on stderr."""
    try:
        configuration = read(config)
        store = configuration.store
        if database:
            store = replace(store, backend="duckdb", database=database)
        started = time.monotonic()
        access = Access(store)
        if not access.exists:
            return _fail(f"{access.name}: there is no database yet; the loader makes it", FAILED)
        with access.opened(read_only=True):
            pass  # to be opened for writing, a server would make one that is not there
        purged = purge(access.opened, store, [c.spool for c in configuration.collectors], time.time_ns())
    except (ConfigurationError, OSError) as error:
        return _fail(str(error), MISUSED)
    except StoreBusyError as error:
        return _fail(str(error), BUSY)
    except StoreError as error:
        return _fail(str(error), FAILED)
    except KeyboardInterrupt:
        return _fail("interrupted; what went is gone, the next run goes on from here", FAILED)
    _tell(purged, access.name, time.monotonic() - started, quiet=quiet)
    return FAILED if purged.warnings else DONE


def _tell(purged: Purged, where: str, seconds: float, *, quiet: bool) -> None:
    for warning in purged.warnings:
        _fail(warning, FAILED)
    if not (quiet and purged.nothing):
        sys.stdout.write(f"trafmon_purge: {purged} from {where}, {seconds:.2f} s\n")


def _fail(message: str, status: int) -> int:
    sys.stderr.write(f"trafmon_purge: {message}\n")
    return status
