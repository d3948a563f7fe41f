"""One update of addresses at a time. It keeps no loader out."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tmon_store.access import Access
from tmon_store.errors import StoreBusyError, StoreError

MAX_LOCK_NAME = 64
"""Of a server."""
_MODE = 0o644


@contextmanager
def alone(access: Access) -> Iterator[None]:
    """Hold the database against other updates of addresses, until the process ends at most. StoreBusyError if one runs."""
    with _on_server(access) if access.on_server else _on_file(access):
        yield


@contextmanager
def _on_server(access: Access) -> Iterator[None]:
    import sqlalchemy as sa

    with access.opened(read_only=True) as holder:
        if holder.query(sa.select(sa.func.get_lock(f"{access.name}.ip_info"[:MAX_LOCK_NAME], 0))) != [(1,)]:
            raise StoreBusyError(_busy(access))
        yield


@contextmanager
def _on_file(access: Access) -> Iterator[None]:
    database = Path(access.name)
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
            raise StoreBusyError(_busy(access)) from None
        yield
    finally:
        os.close(descriptor)


def _busy(access: Access) -> str:
    return f"{access.name}: another update of addresses is at work; the next run will do"
