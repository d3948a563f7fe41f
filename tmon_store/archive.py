"""Loaded files leave the spool for one compressed tar per collector and UTC day: `<collector>.<YYYYMMDD>.tar.gz`.

A file leaves the spool when the manifest has it and the archive holds it on the disk, never before. Whoever is killed in between
leaves it in the spool; the next run finds it in the manifest, looks whether the archive has it, and goes on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from tmon_store.errors import StoreBusyError, StoreError
from tmon_store.growing_tar import Entry, add, contents, is_part, mend

LOCK_NAME = ".archive.lock"
MODE, DIRECTORY_MODE = 0o640, 0o750
DAY_NS = 86_400_000_000_000
_LATEST = 253_402_300_799
"""9999-12-31 23:59:59; some file systems know later times."""

_SPOOL_NAME = re.compile(r"[^.]+\.(?P<collector>.+)\.(?P<day>[0-9]{8})T[0-9]{6}(_[0-9]{6})?Z(-[0-9]+)?\.csv")
_ARCHIVE_NAME = re.compile(r"(?P<collector>.+)\.(?P<day>[0-9]{8})\.tar\.gz")


class Loaded(NamedTuple):
    """A file of the spool that the manifest has. sha256: what was loaded; before: by an earlier run."""

    path: Path
    octets: int
    sha256: str
    before: bool = False


@dataclass
class Archived:
    """What became of files. gone: number that left the spool; left: lines that say why others did not."""

    gone: int = 0
    left: list[str] = field(default_factory=list)


def archive(directory: Path, files: Iterable[Loaded]) -> Archived:
    """Put files into the archives of their days, then remove them from the spool. What cannot be archived stays, and is told."""
    result = Archived()
    groups: dict[str, list[Loaded]] = defaultdict(list)
    for file in files:
        try:
            groups[_archive_of(file.path)].append(file)
        except OSError as error:
            result.left.append(f"{file.path.name}: cannot be read, so it is not archived: {error.strerror}")
    if not groups and not has_torn(directory):
        return result
    try:
        with _locked(directory):
            _mend(directory)
            for name, members in sorted(groups.items()):
                try:
                    _archive_day(directory / name, members, result)
                except StoreError as error:  # one archive cannot be used; the others can
                    result.left.append(f"{error}; its files stay in the spool")
    except StoreBusyError as error:
        result.left.append(f"{error}; files stay in the spool for the next run")
    except StoreError as error:
        result.left.append(str(error))
    except OSError as error:
        result.left.append(f"{error.filename or directory}: cannot archive: {error.strerror}; loaded files stay in the spool")
    return result


def has_torn(directory: Path) -> bool:
    """Whether an archive waits to be mended."""
    try:
        return any(is_part(entry.name) for entry in os.scandir(directory))
    except OSError:
        return False  # whoever wants to write there will tell


def expired(names: Iterable[str], keep_ns: int, now_ns: int) -> list[str]:
    """Those of the names in an archive directory whose day ended longer than `keep_ns` ago."""
    limit = now_ns - keep_ns
    return sorted(name for name in names if (day := _day(name)) and _ns(day) + DAY_NS <= limit)


def purge(directory: Path, keep_ns: int, now_ns: int) -> list[str]:
    """Remove archives that have expired; gives their names. StoreBusyError while files are archived, StoreError if it fails."""
    if not directory.is_dir():
        return []
    try:
        with _locked(directory):
            _mend(directory)
            gone = expired((e.name for e in os.scandir(directory) if e.is_file(follow_symlinks=False)), keep_ns, now_ns)
            for name in gone:
                (directory / name).unlink()
    except OSError as error:
        msg = f"{error.filename or directory}: cannot remove old archives: {error.strerror}"
        raise StoreError(msg) from error
    return gone


def _archive_of(path: Path) -> str:
    """Name of the archive of a spool file: day and collector by its name, as the collector writes it, else by its time."""
    match = _SPOOL_NAME.fullmatch(path.name)
    if match and _day(name := f"{match['collector']}.{match['day']}.tar.gz"):
        return name
    parts = path.name.split(".")
    written = min(max(0, int(path.lstat().st_mtime)), _LATEST)
    return f"{parts[1] if len(parts) > 2 else 'other'}.{datetime.fromtimestamp(written, UTC):%Y%m%d}.tar.gz"


def _archive_day(path: Path, members: list[Loaded], result: Archived) -> None:
    present: Mapping[str, str] = {}
    if path.exists() and (again := {m.path.name for m in members if m.before}):
        present = contents(path, again)
    missing = [m for m in members if present.get(m.path.name) != m.sha256]
    read: list[Loaded] = [m for m in members if present.get(m.path.name) == m.sha256 and _unchanged(m, result) is not None]
    entries = _entries(missing, read, result)
    first = next(entries, None)
    if first is not None:
        add(path, _chain(first, entries))
    for member in read:
        member.path.unlink(missing_ok=True)
        result.gone += 1


def _entries(missing: list[Loaded], read: list[Loaded], result: Archived) -> Iterator[Entry]:
    """The files, one at a time; those that were read are added to `read`."""
    for member in missing:
        data = _unchanged(member, result)
        if data is not None:
            read.append(member)
            yield Entry(member.path.name, int(member.path.lstat().st_mtime), data)


def _chain(first: Entry, rest: Iterator[Entry]) -> Iterator[Entry]:
    yield first
    yield from rest


def _unchanged(file: Loaded, result: Archived) -> bytes | None:
    """What the file holds, if that is what was loaded."""
    try:
        data = file.path.read_bytes()
    except OSError as error:
        result.left.append(f"{file.path.name}: cannot be read, so it is not archived: {error.strerror}")
        return None
    if hashlib.sha256(data).hexdigest() != file.sha256:
        result.left.append(f"{file.path.name}: is not what was loaded under this name ({file.octets} octets, SHA-256 "
                           f"{file.sha256[:12]}...); neither loaded again nor archived: rename it to load it, or remove it")
        return None
    return data


def _mend(directory: Path) -> None:
    """Archives whose writer was killed."""
    for entry in sorted(os.scandir(directory), key=lambda e: e.name):
        if is_part(entry.name):
            part = directory / entry.name
            whole = directory / entry.name.rsplit(".", 2)[0]
            if whole.exists():
                msg = f"{part}: left beside {whole.name}, which is whole; remove one of them"
                raise StoreError(msg)
            mend(part)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the archives against other loaders, also of other spools and databases."""
    directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    descriptor = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = f"{directory}: another loader is archiving there"
            raise StoreBusyError(msg) from error
        yield
    finally:
        os.close(descriptor)


def _day(name: str) -> date | None:
    if match := _ARCHIVE_NAME.fullmatch(name):
        try:
            return datetime.strptime(match["day"], "%Y%m%d").replace(tzinfo=UTC).date()
        except ValueError:
            return None
    return None


def _ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000_000
