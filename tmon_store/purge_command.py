"""The purge as a program: what it is given, what it prints, its exit status."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tmon_common.config.problems import ConfigurationError
from tmon_common.config.read import read
from tmon_store.access import Access
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.program import BUSY, DONE, FAILED, MISUSED, with_file
from tmon_store.purge import Purged, purge


def run(config: Path, database: Path | None = None, *, quiet: bool = False) -> int:
    """Purge; gives the exit status. One line per run on stdout (none if quiet and nothing went); all else on stderr."""
    try:
        configuration = read(config)
        store = with_file(configuration.store, database)
        started = time.monotonic()
        access = Access(store)
        access.require()
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
