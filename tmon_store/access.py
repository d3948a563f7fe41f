"""The database, opened for moments only, and waited for while a loader has it: others come in between."""

from __future__ import annotations

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


class Access:
    """where: as for open_store. wait_s: how long to wait for others; sleep, clock: how, in s."""

    def __init__(self, where: Store | Path, wait_s: float = WAIT_S, sleep: Callable[[float], object] | None = None,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self.where = where
        self._wait_s, self._sleep, self._clock = wait_s, sleep or time.sleep, clock

    @property
    def name(self) -> str:
        """The file, or the name of the database."""
        return str(self.where.database if isinstance(self.where, Store) else self.where)

    @property
    def on_server(self) -> bool:
        return isinstance(self.where, Store) and self.where.backend == "mysql"

    @property
    def exists(self) -> bool:
        """Whether there is a database; of one on a server, or where this user may not look, only opening it can tell."""
        try:
            return self.on_server or Path(self.name).exists()
        except OSError:
            return True

    def require(self) -> None:
        """StoreError if there is no database: one on a server would be made by being opened for writing."""
        if not self.exists:
            msg = f"{self.name}: there is no database yet; the loader makes it"
            raise StoreError(msg)
        with self.opened(read_only=True):
            pass

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
