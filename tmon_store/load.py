"""Load a spool: every complete file exactly once, in batches, each batch one transaction with its manifest rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tmon_common.analyses.catalogue import PluginError, catalogue
from tmon_common.config.store_model import Store
from tmon_store.errors import StoreError
from tmon_store.open import open_store
from tmon_store.spool import SpoolFile, complete_files, spool_lock, write_rejections

if TYPE_CHECKING:
    from tmon_store.backends.backend import Backend
    from tmon_store.read import FileContent

BATCH_OCTETS = 256 << 20
"""Octets of files that one transaction loads; a longer file is a transaction of its own."""

Progress = Callable[[int, int, str], None]
"""Called with octets done, octets in all and the name of the file at hand."""


@dataclass
class LoadReport:
    """What a run did. rows: loaded; rejected: rows refused; seconds: of wall time; warnings: lines for a person."""

    files: int = 0
    rows: int = 0
    rejected: int = 0
    octets: int = 0
    seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        refused = f", {self.rejected} refused" if self.rejected else ""
        return f"{self.files} files, {self.rows} rows{refused}, {self.octets} octets, {self.seconds:.2f} s"


def load_spool(spool: Path, where: Store | Path, progress: Progress | None = None) -> LoadReport:
    """Load the complete files of `spool` that the database does not have yet; it is created if need be (see open_store).

    Safe to kill at any moment: the next run goes on where this one stood. StoreBusyError if another loader or program is in
    the way, StoreError if spool or database cannot be used.
    """
    started = time.monotonic()
    report = LoadReport()
    try:
        catalogue()
    except PluginError as error:
        raise StoreError(str(error)) from None
    files = _known(complete_files(spool), report)
    if files or not (isinstance(where, Path) and where.exists()):
        with spool_lock(spool):
            _load(spool, files, where, report, progress)
    report.seconds = time.monotonic() - started
    return report


def _known(files: list[SpoolFile], report: LoadReport) -> list[SpoolFile]:
    unknown: dict[str, int] = {}
    for file in files:
        if file.kind not in catalogue().kinds:
            unknown[file.kind] = unknown.get(file.kind, 0) + 1
    for kind, number in unknown.items():
        report.warnings.append(f"{number} file(s) left in the spool: unknown kind {kind!r}")
    return [f for f in files if f.kind in catalogue().kinds]


def _load(spool: Path, files: list[SpoolFile], where: Store | Path, report: LoadReport, progress: Progress | None) -> None:
    from tmon_store.schema import flow_table, is_counted, manifest_table, record_table, rollups

    store, kinds = open_store(where), [k for k in catalogue().kinds.values() if not k.transient]
    try:
        plain = [record_table(k) for k in kinds if not is_counted(k) and k.name != "flow_definition"]
        store.ensure([flow_table(), manifest_table(), *plain], [r for k in kinds if is_counted(k) for r in rollups(k)])
        present = store.loaded([f.name for f in files]) if files else {}
        for file in files:
            if present.get(file.name, file.octets) != file.octets:
                report.warnings.append(f"{file.name}: has {file.octets} octets, was loaded when it had {present[file.name]};"
                                       " not loaded again")
        pending = [f for f in files if f.name not in present]
        total = sum(f.octets for f in pending)
        for batch in _batches(pending):
            _load_batch(store, spool, batch, report, lambda name: progress and progress(report.octets, total, name))
    finally:
        store.close()


def _batches(files: list[SpoolFile]) -> Iterator[list[SpoolFile]]:
    """Files by kind, definitions first, in portions of at most BATCH_OCTETS."""
    kinds = catalogue().kinds
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


def _load_batch(store: Backend, spool: Path, batch: list[SpoolFile], report: LoadReport, begun: Callable[[str], object]) -> None:
    import polars as pl

    from tmon_store.facts import load_rows
    from tmon_store.read import read_file
    from tmon_store.schema import manifest_table

    store.begin()
    try:
        by_kind: dict[str, list[pl.DataFrame]] = {}
        entries = []
        for file in batch:
            begun(file.name)
            try:
                content = read_file(file, catalogue().kinds[file.kind])
            except OSError as error:
                report.warnings.append(f"{file.name}: cannot be read, left for the next run: {error.strerror}")
                continue
            _tell(spool, file, content, report)
            report.files += 1
            report.rows += content.frame.height
            report.rejected += len(content.rejections)
            report.octets += file.octets
            by_kind.setdefault(file.kind, []).append(content.frame)
            entries.append({"name": file.name, "kind": file.kind, "rows": content.frame.height, "rejected": len(content.rejections),
                            "octets": file.octets, "sha256": content.sha256,
                            "loaded": datetime.now(UTC).replace(microsecond=0, tzinfo=None)})
        for name, frames in by_kind.items():
            load_rows(store, catalogue().kinds[name], pl.concat(frames))
        if entries:
            store.append(manifest_table(), pl.DataFrame(entries))
        store.commit()
    except BaseException:
        with suppress(StoreError):
            store.rollback()
        raise


def _tell(spool: Path, file: SpoolFile, content: FileContent, report: LoadReport) -> None:
    if content.rejections:
        path = write_rejections(spool, file.name, content.rejections)
        first = content.rejections[0]
        report.warnings.append(f"{file.name}:{first.line}: {first.reason} ({len(content.rejections)} refused, see {path})")
    if content.extra:
        report.warnings.append(f"{file.name}: unknown column(s) ignored: {', '.join(content.extra)}")
