"""The database, opened for moments only: while it is open for an update, no loader can write."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tmon_common.config.store_model import Store
from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.open import open_store

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

WAIT_S = 120.0
"""How long to wait for a loader that has the database open."""
LOOK_AGAIN_S = 0.1
MAX_LOCK_NAME = 64
"""Of a server."""
_MODE = 0o644


class Access:
    """wait_s: how long to wait for others; sleep, clock: how, in s."""

    def __init__(self, where: Store, wait_s: float = WAIT_S, sleep: Callable[[float], object] = time.sleep,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.where = where
        self._wait_s, self._sleep, self._clock = wait_s, sleep, clock

    @property
    def name(self) -> str:
        return str(self.where.database)

    @contextmanager
    def opened(self, *, read_only: bool = False) -> Iterator[Backend]:
        """The database, for the length of the block. StoreBusyError if others do not let go of it."""
        store = self._open(read_only)
        try:
            yield store
        finally:
            store.close()

    def _open(self, read_only: bool) -> Backend:
        until = self._clock() + self._wait_s
        while True:
            try:
                return open_store(self.where, read_only=read_only)
            except StoreBusyError:
                if self._clock() >= until:
                    raise
            self._sleep(LOOK_AGAIN_S)

    @property
    def exists(self) -> bool:
        """Whether there is a database; of one on a server, only the server can tell."""
        return self.where.backend == "mysql" or Path(self.where.database).exists()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the database against other updates of addresses, until the process ends at most. StoreBusyError if one runs."""
        with self._alone_on_server() if self.where.backend == "mysql" else self._alone_on_file():
            yield

    @contextmanager
    def _alone_on_server(self) -> Iterator[None]:
        import sqlalchemy as sa

        with self.opened(read_only=True) as holder:  # which keeps no loader out
            if holder.query(sa.select(sa.func.get_lock(f"{self.where.database}.ip_info"[:MAX_LOCK_NAME], 0))) != [(1,)]:
                raise StoreBusyError(self._busy())
            yield

    @contextmanager
    def _alone_on_file(self) -> Iterator[None]:
        database = Path(self.where.database)
        path = database.with_name(f".{database.name}.ip_info")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
        except OSError as error:
            msg = f"{path}: cannot be made, which keeps two updates apart: {error.strerror}"
            raise StoreError(msg) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreBusyError(self._busy()) from None
            yield
        finally:
            os.close(descriptor)

    def _busy(self) -> str:
        return f"{self.name}: another update of addresses is at work; the next run will do"
