"""A loader that is killed: python -m tests.pipeline.killed_loader CONFIGURATION STEP PLACE; with NOW (ns) at the end, a purge.

Steps are statements of the database, rows sent to it, and every call that changes the spool or the archive. At step number STEP
(from 1), or at the first that begins with the word STEP, it kills itself with SIGKILL: before, after, or (what writes) within the
step. Prints the number of steps if it survives.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tmon_common.config.read import read
from tmon_store.access import Access
from tmon_store.load import load_spool
from tmon_store.purge import purge

step, place = sys.argv[2], sys.argv[3]
done = 0


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killing(real: Callable, half: Callable | None = None) -> Callable:
    """half: does half of what the call does."""
    def call(*arguments: Any, **options: Any) -> Any:
        global done
        done += 1
        if str(done) != step and not any(isinstance(a, str) and a.startswith(step) for a in arguments):
            return real(*arguments, **options)
        if place == "within" and half:
            half(real, *arguments)
        if place != "after":
            die()
        real(*arguments, **options)
        return die()
    return call


def half_written(real: Callable, descriptor: int, data: bytes, at: int) -> None:
    real(descriptor, bytes(data)[: len(data) // 2], at)


def half_loaded(real: Callable, connection: Any, statement: str, pieces: Any) -> None:
    def some() -> Any:
        for piece in pieces:
            yield bytes(piece)[: len(piece) // 2]
            die()
        die()
    real(connection, statement, some())


for name in ("fsync", "rename", "unlink", "ftruncate", "mkdir"):
    setattr(os, name, killing(getattr(os, name)))
os.pwrite = killing(os.pwrite, half_written)
configuration = read(Path(sys.argv[1]))
if configuration.store.backend == "mysql":
    from tmon_store.backends.mysql_connection import Connection

    Connection.rows = killing(Connection.rows)
    Connection.change = killing(Connection.change)
    Connection.load = killing(Connection.load, half_loaded)
else:
    from tmon_store.backends.duckdb import DuckDB

    DuckDB._execute = killing(DuckDB._execute)
spool = configuration.collectors[0].spool
if len(sys.argv) > 4:
    purge(Access(configuration.store).opened, configuration.store, [spool], int(sys.argv[4]))
else:
    load_spool(spool, configuration.store)
print(done)
