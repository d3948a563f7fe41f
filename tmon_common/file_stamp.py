"""Has a file changed? Told by what the system knows of it, without reading."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stamp:
    """Differs after every change: another file of that name, other octets, other rights. Times in ns since 1970-01-01 UTC."""

    inode: int
    octets: int
    modified_ns: int
    changed_ns: int


def stamp_of(path: Path) -> Stamp | None:
    """None: there is no such file, or it is none that could be read without waiting (a pipe, a directory)."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
