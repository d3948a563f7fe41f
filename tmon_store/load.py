"""Load a spool: every complete file exactly once, in batches, each batch one transaction with its manifest rows."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tmon_common.analyses.catalogue import PluginError, catalogue
from tmon_common.config.store_model import Store
from tmon_store.access import Access
from tmon_store.archive import Loaded, archive, has_torn
from tmon_store.errors import StoreError, StoreFullError
from tmon_store.open import open_store
from tmon_store.schema import KEY_TEXT_LIMIT, loaded_tables, manifest_table
from tmon_store.spool import SpoolFile, complete_files, spool_lock, write_rejections

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend
    from tmon_store.batch import Batch

Progress = Callable[[int, int, str], None]
"""Called with octets done, octets in all and the name of the file at hand."""
_NAME_OCTETS = 200
"""Of a file's name: those of its reject file and of its archive, up to 40 longer, have to fit in 255."""
_ASKED = 1000
"""Files that are looked up in the manifest at once."""


@dataclass
class LoadReport:
    """What a run did. rows: loaded; rejected: rows refused; archived: files that left the spool; warnings: lines for a person."""

    files: int = 0
    rows: int = 0
    rejected: int = 0
    octets: int = 0
    archived: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        refused = f", {self.rejected} refused" if self.rejected else ""
        archived = f", {self.archived} files archived" if self.archived else ""
        return f"{self.files} files, {self.rows} rows{refused}, {self.octets} octets{archived}, {self.seconds:.2f} s"


def load_spool(spool: Path, where: Store | Path, progress: Progress | None = None,
               stopping: Callable[[], bool] = lambda: False, *, recorded: bool = False) -> LoadReport:
    """Load the complete files of `spool` that the database does not have yet; it is created if need be (see open_store).

    stopping    asked after each batch whether to stop there
    recorded    the spool is of a recording, which may be of any time (clocks at 0 are common in them)
    Safe to kill at any moment: the next run goes on where this one stood. StoreBusyError if another loader or program is in
    the way, StoreError if spool or database cannot be used.
    """
    started = time.monotonic()
    report = LoadReport()
    try:
        catalogue()
    except PluginError as error:
        raise StoreError(str(error)) from None
    directory = where.archive if isinstance(where, Store) else None
    if complete_files(spool) or not Access(where).exists:
        with spool_lock(spool):  # another loader may have archived some until here
            _load(spool, _usable(complete_files(spool), report), where, report, progress, stopping, recorded=recorded)
    elif directory and has_torn(directory):
        _archive(directory, [], report)
    report.seconds = time.monotonic() - started
    return report


def _usable(files: list[SpoolFile], report: LoadReport) -> list[SpoolFile]:
    """Those of a known kind, with a name that the manifest can hold."""
    kinds = catalogue().kinds
    unknown = Counter(f.kind for f in files if f.kind not in kinds)
    for kind, number in unknown.items():
        report.warnings.append(f"{number} file(s) left in the spool: unknown kind {kind!r}")
    usable = []
    for file in files:
        if file.kind in kinds:
            if len(file.name) > KEY_TEXT_LIMIT or len(os.fsencode(file.name)) > _NAME_OCTETS or not file.name.isprintable():
                report.warnings.append(f"{file.name!r}: left in the spool: a name has at most {KEY_TEXT_LIMIT} characters"
                                       f" and {_NAME_OCTETS} octets, all of them printable")
            else:
                usable.append(file)
    return usable


def _load(spool: Path, files: list[SpoolFile], where: Store | Path, report: LoadReport, progress: Progress | None,
          stopping: Callable[[], bool], *, recorded: bool) -> None:
    if not files and Access(where).exists:
        return
    directory = where.archive if isinstance(where, Store) else None
    store = open_store(where)
    try:
        store.ensure(*loaded_tables(catalogue().kinds.values()))
        present = store.loaded([f.name for f in files]) if files else {}
        for file in files:
            if present.get(file.name, file.octets) != file.octets:
                report.warnings.append(f"{file.name}: has {file.octets} octets, was loaded when it had {present[file.name]};"
                                       " not loaded again")
        if directory:  # a run that was killed, a full disk, or times without an archive left them
            _archive(directory, _left(store, [f for f in files if present.get(f.name) == f.octets]), report)
        _load_pending(store, spool, [f for f in files if f.name not in present], directory, report, progress, stopping,
                      recorded=recorded)
    finally:
        store.close()


def _load_pending(store: Backend, spool: Path, pending: list[SpoolFile], directory: Path | None, report: LoadReport,
                  progress: Progress | None, stopping: Callable[[], bool], *, recorded: bool) -> None:
    if not pending:
        return
    from tmon_store.batch import batches, read_batch  # polars is imported when there is something to load

    kinds = catalogue().kinds
    total, done = sum(f.octets for f in pending), 0

    def begun(file: SpoolFile) -> None:
        nonlocal done
        if progress:
            progress(done, total, file.name)
        done += file.octets

    for files in batches(pending, kinds):
        if stopping():
            return
        batch = read_batch(files, kinds, None if recorded else time.time_ns(), begun)
        report.warnings += batch.unread
        _tell_refused(spool, batch, report)
        for loaded in _load_batch(store, batch, report):
            report.files += len(loaded.files)
            report.rows += loaded.rows
            report.rejected += loaded.rejected
            report.octets += sum(f.octets for f in loaded.files)
            if directory:
                _archive(directory, loaded.loaded, report)


def _load_batch(store: Backend, batch: Batch, report: LoadReport) -> list[Batch]:
    """Load a batch; gives what was loaded. Files with rows of more days than the database can hold do not stop the others."""
    from tmon_store.batch import load_batch

    try:
        load_batch(store, batch, time.time_ns())
    except StoreFullError as error:
        if len(batch.files) > 1:
            return [loaded for one in batch.one_by_one() for loaded in _load_batch(store, one, report)]
        report.warnings.append(f"{batch.files[0].name}: left in the spool: {error}")
        return []
    return [batch]


def _tell_refused(spool: Path, batch: Batch, report: LoadReport) -> None:
    for file, content in zip(batch.files, batch.contents, strict=True):
        if content.rejections:
            path = write_rejections(spool, file.name, content.rejections)
            first = content.rejections[0]
            report.warnings.append(f"{file.name}:{first.line}: {first.reason} ({len(content.rejections)} refused, see {path})")
        if content.extra:
            report.warnings.append(f"{file.name}: unknown column(s) ignored: {', '.join(content.extra)}")


def _left(store: Backend, files: Sequence[SpoolFile]) -> Iterator[Loaded]:
    """Files that an earlier run loaded, as the manifest knows them."""
    import sqlalchemy as sa

    from tmon_store.tables import sql

    manifest = sql(manifest_table()).c
    for begin in range(0, len(files), _ASKED):
        asked = {f.name: f for f in files[begin:begin + _ASKED]}
        for name, sha256 in store.query(sa.select(manifest.name, manifest.sha256).where(manifest.name.in_(list(asked)))):
            yield Loaded(asked[name].path, asked[name].octets, sha256, before=True)


def _archive(directory: Path, files: Iterable[Loaded], report: LoadReport) -> None:
    archived = archive(directory, files)
    report.archived += archived.gone
    report.warnings += archived.left
