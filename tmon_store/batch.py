"""A batch of spool files into the database: read, made room for, loaded in one transaction with their manifest rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from tmon_common.observations import Kind
from tmon_store.archive import Loaded
from tmon_store.errors import StoreError
from tmon_store.facts import load_rows
from tmon_store.read import FileContent, read_file
from tmon_store.schema import Rollup, Table, is_counted, manifest_table, record_table, rollups
from tmon_store.spool import SpoolFile

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend

BATCH_OCTETS = 256 << 20
"""Octets of files that one transaction loads; a longer file is a transaction of its own."""
_DAY_NS = 86_400_000_000_000
_EPOCH = date(1970, 1, 1)


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

    @property
    def loaded(self) -> list[Loaded]:
        """The files, as the manifest has them once they are loaded."""
        return [Loaded(f.path, f.octets, c.sha256) for f, c in zip(self.files, self.contents, strict=True)]


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


def read_batch(files: Iterable[SpoolFile], kinds: Mapping[str, Kind], now_ns: int,
               begun: Callable[[SpoolFile], object]) -> Batch:
    """Read files. now_ns: the time of loading; begun: called with each file before it is read."""
    batch = Batch()
    for file in files:
        begun(file)
        try:
            # A machine without a clock of its own may believe in 1970 for a while; its files then tell of a later time.
            content = read_file(file, kinds[file.kind], max(now_ns, file.path.stat().st_mtime_ns))
        except OSError as error:
            batch.unread.append(f"{file.name}: cannot be read, left for the next run: {error.strerror}")
            continue
        batch.files.append(file)
        batch.kinds.append(kinds[file.kind])
        batch.contents.append(content)
    return batch


def load_batch(store: Backend, batch: Batch, now_ns: int) -> None:
    """Load what was read, all or nothing."""
    if not batch.files:
        return
    by_kind: dict[Kind, list[pl.DataFrame]] = {}
    for kind, content in zip(batch.kinds, batch.contents, strict=True):
        by_kind.setdefault(kind, []).append(content.frame)
    frames = {kind: pl.concat(frames) for kind, frames in by_kind.items()}
    store.prepare(days_of(frames))
    store.begin()
    try:
        for kind, frame in frames.items():
            load_rows(store, kind, frame)
        store.append(manifest_table(), _manifest(batch, now_ns))
        store.commit()
    except BaseException:
        with suppress(StoreError):
            store.rollback()
        raise


def days_of(frames: dict[Kind, pl.DataFrame]) -> dict[Table | Rollup, list[date]]:
    """The days (UTC) of the rows that go into each table that has a time."""
    days: dict[Table | Rollup, list[date]] = {}
    for kind, frame in frames.items():
        targets = rollups(kind) if is_counted(kind) else [record_table(kind)]
        time = "start" if is_counted(kind) else targets[0].time
        if time and not frame.is_empty():
            first, last = frame[time].min() // _DAY_NS, frame[time].max() // _DAY_NS
            numbers = [first] if first == last else sorted((frame[time] // _DAY_NS).unique())
            days |= {target: [_EPOCH + timedelta(days=n) for n in numbers] for target in targets}
    return days


def _manifest(batch: Batch, now_ns: int) -> pl.DataFrame:
    loaded = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).replace(tzinfo=None)
    return pl.DataFrame([
        {"name": f.name, "kind": f.kind, "rows": c.frame.height, "rejected": len(c.rejections), "octets": f.octets,
         "sha256": c.sha256, "loaded": loaded} for f, c in zip(batch.files, batch.contents, strict=True)])
