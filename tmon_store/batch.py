"""A batch of spool files into the database: read, made room for, loaded in one transaction with their manifest rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from tmon_common.observations import Kind
from tmon_store.archive import Loaded
from tmon_store.errors import StoreConflictError, StoreError
from tmon_store.facts import days_of, load_rows
from tmon_store.read import FileContent, read_file
from tmon_store.schema import manifest_table
from tmon_store.spool import SpoolFile

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

BATCH_OCTETS = 256 << 20
"""Octets of files that one transaction loads; a longer file is a transaction of its own."""
ATTEMPTS = 3
"""How often a batch is loaded that met another transaction."""


@dataclass
class Batch:
    """Files that were read, and have anything the database is to know. unread: lines about those that could not be read."""

    files: list[SpoolFile] = field(default_factory=list)
    kinds: list[Kind] = field(default_factory=list)
    contents: list[FileContent] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(c.frame.height for c in self.contents)

    @property
    def rejected(self) -> int:
        return sum(len(c.rejections) for c in self.contents)

    def one_by_one(self) -> Iterator[Batch]:
        """Each file as a batch of its own."""
        for file, kind, content in zip(self.files, self.kinds, self.contents, strict=True):
            yield Batch([file], [kind], [content])

    @property
    def loaded(self) -> list[Loaded]:
        """The files, as the manifest has them once they are loaded."""
        return [Loaded(f.path, c.octets, c.sha256) for f, c in zip(self.files, self.contents, strict=True)]


def batches(files: Iterable[SpoolFile], kinds: Mapping[str, Kind]) -> Iterator[list[SpoolFile]]:
    """Files by kind, definitions first, in portions of at most BATCH_OCTETS."""
    order = sorted(files, key=lambda f: (not kinds[f.kind].permanent, f.kind, f.name))
    batch: list[SpoolFile] = []
    octets = 0
    for file in order:
        if batch and octets + file.octets > BATCH_OCTETS:
            yield batch
            batch, octets = [], 0
        batch.append(file)
        octets += file.octets
    if batch:
        yield batch


def read_batch(files: Iterable[SpoolFile], kinds: Mapping[str, Kind], now_ns: int | None,
               begun: Callable[[SpoolFile], object]) -> Batch:
    """Read files. now_ns: the time of loading, None: rows may be of any time; begun: called with each file before it is read."""
    batch = Batch()
    for file in files:
        begun(file)
        try:
            # A machine without a clock of its own may believe in 1970 for a while; its files then tell of a later time.
            latest_ns = None if now_ns is None else max(now_ns, file.path.stat().st_mtime_ns)
            content = read_file(file, kinds[file.kind], latest_ns)
        except OSError as error:
            batch.unread.append(f"{file.name}: cannot be read, left for the next run: {error.strerror}")
            continue
        batch.files.append(file)
        batch.kinds.append(kinds[file.kind])
        batch.contents.append(content)
    return batch


def load_batch(store: Backend, batch: Batch, now_ns: int) -> None:
    """Load what was read, all or nothing. StoreFullError if there is no room for the days of its rows."""
    if not batch.files:
        return
    by_kind: dict[Kind, list[pl.DataFrame]] = {}
    for kind, content in zip(batch.kinds, batch.contents, strict=True):
        by_kind.setdefault(kind, []).append(content.frame)
    frames = {kind: pl.concat(frames) for kind, frames in by_kind.items()}
    store.prepare({table: days for kind, frame in frames.items() for table, days in days_of(kind, frame).items()})
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _load_frames(store, frames, _manifest(batch, now_ns))
        except StoreConflictError:
            if attempt == ATTEMPTS:
                raise
        else:
            return


def _load_frames(store: Backend, frames: Mapping[Kind, pl.DataFrame], manifest: pl.DataFrame) -> None:
    store.begin()
    try:
        for kind, frame in frames.items():
            load_rows(store, kind, frame)
        store.append(manifest_table(), manifest)
        store.commit()
    except BaseException:
        with suppress(StoreError):
            store.rollback()
        raise


def _manifest(batch: Batch, now_ns: int) -> pl.DataFrame:
    loaded = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).replace(tzinfo=None)
    return pl.DataFrame([
        {"name": f.name, "kind": f.kind, "rows": c.frame.height, "rejected": len(c.rejections), "octets": c.octets,
         "sha256": c.sha256, "loaded": loaded} for f, c in zip(batch.files, batch.contents, strict=True)])
