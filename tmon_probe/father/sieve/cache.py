"""Machine code of sieves kept beside the compiled kernels, by what it was made from: an unchanged configuration starts at once."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from tmon_probe import records
from tmon_probe.father.sieve.machine import target

KEPT = 16
"""Files that stay; the oldest go when one is added."""
_DIRECTORY = "sieve"


def cached(filters: object, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, or gave before for filters with the same `repr`. Without a place to keep it, it is made each time."""
    home = os.environ.get("NUMBA_CACHE_DIR")
    if not home:
        return make()
    key = hashlib.sha256(f"{_makers()} {filters!r}".encode()).hexdigest()
    path = Path(home, _DIRECTORY, f"{key[:32]}.o")
    kept = _read(path)
    if kept is None:
        kept = make()
        with suppress(OSError):
            _keep(path, kept)
    return kept


@cache
def _makers() -> str:
    """Digest of everything else that decides what is made: this package, the record's layout, the processor."""
    digest = hashlib.sha256(f"{target()} {records.PACKET!r}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> bytes | None:
    """The file's octets, if it is one that nobody else could have written, and whole."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            content = file.read()
    except OSError:
        return None
    digest, code = content[:32], content[32:]
    return code if digest == hashlib.sha256(code).digest() else None


def _keep(path: Path, code: bytes) -> None:
    path.parent.mkdir(mode=0o755, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        Path(unfinished).replace(path)
    except OSError:
        Path(unfinished).unlink(missing_ok=True)
        raise
    for old in sorted(path.parent.glob("*.o"), key=lambda p: p.stat().st_mtime, reverse=True)[KEPT:]:
        old.unlink(missing_ok=True)
